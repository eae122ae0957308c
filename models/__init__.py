"""Whatever runs a network: engines, text encoders, adapters, samplers; and all of ComfyUI outside ``nodes``."""
