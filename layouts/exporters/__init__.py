"""Rooms for other programs: one format a file, all of them from the same bodies."""
