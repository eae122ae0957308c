"""The evidence: methods compared on the same data, prompts and noise, in the miniature world or on a checkpoint."""
