"""Procedural rooms: groups of furniture as people arrange it, placed into any floor plan. Training set and test bed."""
