"""What develops, shows and proves the pack; no part of an installed copy."""
