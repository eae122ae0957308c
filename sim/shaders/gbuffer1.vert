#version 450

#include "./place.glsl"
