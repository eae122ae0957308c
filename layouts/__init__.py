"""Rooms as data: floor plans, a grammar, layout diffusion with guidance, metrics, drawings (Yang et al. 2024)."""
