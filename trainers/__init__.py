"""Published methods of inversion and their training."""
