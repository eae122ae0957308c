layout(constant_id = 0) const int NUM_DIRECTIONAL_LIGHTS = 3;
layout(constant_id = 1) const int NUM_DIRECTIONAL_LIGHT_SHADOWS = 1;

#include "./camera.glsl"
#include "./object.glsl"
#include "./material.glsl"
#include "./light.glsl"

layout(location = 0) in vec3 inNormal;
layout(location = 1) in vec2 inUV;

layout(location = 0) out vec4 outImage;
layout(location = 1) out float outMeters;
layout(location = 2) out float outEntity;

const float PI = 3.14159265;

bool has(int texture) {
  return (material.textureMask & texture) != 0;
}

vec2 at(int number) {
  vec4 change = material.textureTransforms[number];
  return inUV * change.zw + change.xy;
}

// Unit normal towards the camera, of the surface or of its normal map. The map's axes come from how position and uv change from
// pixel to pixel, as not every mesh has tangents.
vec3 seen_normal(vec3 position) {
  vec3 right = dFdx(position), down = dFdy(position);
  vec3 normal = object.shadeFlat != 0 ? -normalize(cross(right, down)) : normalize(inNormal);
  if (has(4)) {
    vec2 u = dFdx(inUV), v = dFdy(inUV);
    vec3 across = cross(down, normal), along = cross(normal, right);
    vec3 tangent = across * u.x + along * v.x, bitangent = across * u.y + along * v.y;
    float longest = sqrt(max(dot(tangent, tangent), dot(bitangent, bitangent))) * sign(dot(across, right));
    if (longest != 0) {
      normal = normalize(mat3(tangent / longest, bitangent / longest, normal) * (texture(normalTexture, at(2)).xyz * 2 - 1));
    }
  }
  return faceforward(normal, position, normal);
}

// Share of a light that arrives: mean over 3 x 3 bilinear comparisons one texel apart, which are 4 x 4 texels with weights
// 1 - f, 1, 1, f along each side. Four gathers of four texels read them. What is compared stands one texel off its surface, which
// else would shade itself where it slants.
float lit(sampler2D depths, LightBuffer light, vec3 position, vec3 normal) {
  float size = textureSize(depths, 0).x;
  vec3 off = position + normal * (2 / (light.projectionMatrix[0][0] * size));
  vec4 seen = light.projectionMatrix * (light.viewMatrix * (camera.viewMatrixInverse * vec4(off, 1)));
  vec3 place = seen.xyz / seen.w;
  vec2 texel = (place.xy * 0.5 + 0.5) * size - 0.5;
  vec2 first = floor(texel), part = texel - first;
  float sum = 0;
  for (int row = 0; row < 2; ++row) {
    vec2 tall = row == 0 ? vec2(1 - part.y, 1) : vec2(1, part.y);
    for (int column = 0; column < 2; ++column) {
      vec2 wide = column == 0 ? vec2(1 - part.x, 1) : vec2(1, part.x);
      vec4 open = step(place.z, textureGather(depths, (first + 2 * vec2(column, row)) / size));
      sum += tall.x * dot(wide, open.wz) + tall.y * dot(wide, open.xy);
    }
  }
  return sum / 9;
}

// Lambert, and GGX with Schlick's approximations.
vec3 reflected(vec3 light, vec3 normal, vec3 eye, vec3 diffuse, vec3 specular, float roughness) {
  vec3 between = light + eye;
  vec3 half_way = between / max(length(between), 1e-3);  // a light straight from behind has none
  float nl = clamp(dot(normal, light), 0, 1), nv = clamp(dot(normal, eye), 1e-6, 1);
  float nh = clamp(dot(normal, half_way), 1e-6, 1), vh = clamp(dot(eye, half_way), 1e-6, 1);
  float alpha = roughness * roughness, squared = alpha * alpha, k = (alpha + 2 * roughness + 1) / 8;
  vec3 fresnel = specular + (1 - specular) * exp2((-5.55473 * vh - 6.98316) * vh);
  float spread = nh * nh * (squared - 1) + 1;
  float below = 4 * PI * spread * spread * (nv * (1 - k) + k) * (nl * (1 - k) + k);
  return (diffuse / PI + fresnel * squared / clamp(below, 1e-6, 4 * PI)) * nl;
}

void main() {
  vec4 albedo = has(1) ? texture(colorTexture, at(0)) : material.baseColor;
  albedo.a *= 1 - object.transparency;
  if (albedo.a == 0) {
    discard;
  }
  float roughness = has(2) ? texture(roughnessTexture, at(1)).r : material.roughness;
  float metallic = has(8) ? texture(metallicTexture, at(3)).r : material.metallic;
  vec3 emission = material.emission.rgb * material.emission.a;
  if (has(16)) {
    emission *= texture(emissionTexture, at(4)).rgb;
  }
  vec3 diffuse = albedo.rgb * (1 - metallic);
  vec3 specular = mix(vec3(material.fresnel * 0.08), albedo.rgb, metallic);

  float meters = 1 / gl_FragCoord.w;
  vec4 far = camera.projectionMatrixInverse * vec4(gl_FragCoord.xy / vec2(camera.width, camera.height) * 2 - 1, 1, 1);
  vec3 position = far.xyz / far.z * -meters;
  vec3 eye = -normalize(position), normal = seen_normal(position);

  vec3 color = emission + scene.ambientLight.rgb * albedo.rgb;
  for (int i = 0; i < NUM_DIRECTIONAL_LIGHTS; ++i) {
    vec3 light = -mat3(camera.viewMatrix) * scene.directionalLights[i].direction.xyz;
    vec3 arriving = scene.directionalLights[i].emission.rgb;
    if (i < NUM_DIRECTIONAL_LIGHT_SHADOWS) {
      arriving *= lit(samplerDirectionalLightDepths[i], shadows.directionalLightBuffers[i], position, normal);
    }
    color += arriving * reflected(light, normal, eye, diffuse, specular, roughness);
  }

  vec3 up = mat3(camera.viewMatrixInverse) * normal, back = mat3(camera.viewMatrixInverse) * eye;
  float facing = dot(up, back);
  vec2 mirror = texture(samplerBRDFLUT, vec2(roughness, max(facing, 0))).xy;
  color += textureLod(samplerEnvironment, up.xzy, 5).rgb * diffuse;
  color += textureLod(samplerEnvironment, (2 * facing * up - back).xzy, roughness * 5).rgb * (specular * mirror.x + mirror.y);

  outImage = vec4(clamp(pow(color, vec3(1 / 2.2)), 0, 1), albedo.a);
  outMeters = meters;
  outEntity = object.segmentation.y;
}
