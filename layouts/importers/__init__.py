"""Rooms of other people's files: one format a file, all of them give layouts."""
