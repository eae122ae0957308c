// Our worlds are lit by directional lights and an environment map. SAPIEN asks for the other kinds of light, too.

struct DirectionalLight {
  vec4 direction;
  vec4 emission;
};

struct PointLight {
  vec4 position;
  vec4 emission;
};

struct SpotLight {
  vec4 position;
  vec4 direction;
  vec4 emission;
};

struct LightBuffer {
  mat4 viewMatrix;
  mat4 viewMatrixInverse;
  mat4 projectionMatrix;
  mat4 projectionMatrixInverse;
  int width;
  int height;
};

layout(set = 3, binding = 0) uniform SceneBuffer {
  vec4 ambientLight;
  DirectionalLight directionalLights[3];
  PointLight pointLights[1];
  SpotLight spotLights[1];
  SpotLight texturedLights[1];
} scene;

layout(set = 3, binding = 1) uniform ShadowBuffer {
  LightBuffer directionalLightBuffers[1];
  LightBuffer pointLightBuffers[6];
  LightBuffer spotLightBuffers[1];
  LightBuffer texturedLightBuffers[1];
} shadows;

layout(set = 3, binding = 2) uniform sampler2D samplerDirectionalLightDepths[1];
layout(set = 3, binding = 3) uniform samplerCube samplerPointLightDepths[1];
layout(set = 3, binding = 4) uniform sampler2D samplerSpotLightDepths[1];
layout(set = 3, binding = 5) uniform sampler2D samplerTexturedLightDepths[1];
layout(set = 3, binding = 6) uniform sampler2D samplerTexturedLightTextures[1];
layout(set = 3, binding = 7) uniform samplerCube samplerEnvironment;
layout(set = 3, binding = 8) uniform sampler2D samplerBRDFLUT;
