"""Physics as differentiable losses on layouts: collision, room, reachability (Yang et al. 2024, section 3.3)."""
