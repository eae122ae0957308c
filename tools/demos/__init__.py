"""Whole programs on the shipped workflows: learn and use a token, teach and compare an edit."""
