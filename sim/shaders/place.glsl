#include "./camera.glsl"
#include "./object.glsl"
#include "./vertex.glsl"

layout(location = 0) out vec3 outNormal;
layout(location = 1) out vec2 outUV;

void main() {
  mat3 linear = mat3(placed.modelMatrix);
  // cofactors turn a normal as the inverse transpose does, without an inverse for every vertex
  vec3 turned = mat3(cross(linear[1], linear[2]), cross(linear[2], linear[0]), cross(linear[0], linear[1])) * normal;
  outNormal = mat3(camera.viewMatrix) * turned;
  outUV = uv;
  gl_Position = camera.projectionMatrix * (camera.viewMatrix * (placed.modelMatrix * vec4(position, 1)));
}
