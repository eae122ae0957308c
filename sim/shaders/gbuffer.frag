#version 450

#include "./shade.glsl"
