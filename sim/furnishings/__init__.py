"""Furniture at real size, with doors and drawers that open, as plain data; and how the simulator builds it."""
