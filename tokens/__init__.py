"""The learned thing and its files."""
