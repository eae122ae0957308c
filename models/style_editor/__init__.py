"""The style-conditioned InstructPix2Pix (Benarous et al. 2025): its network, its guidance, its checkpoint."""
