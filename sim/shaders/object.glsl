layout(set = 1, binding = 0) uniform ObjectTransformBuffer {
  mat4 modelMatrix;
} placed;

layout(set = 1, binding = 1) uniform ObjectDataBuffer {
  uvec4 segmentation;  // visual, entity, scene, nothing
  float transparency;
  int shadeFlat;
} object;
