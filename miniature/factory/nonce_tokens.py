"""The one place that knows the nonce tokens.

Each interaction has one exact word in the base model's captions, so that the checks can prove that a vector for the
interaction exists. Each is a single token of CLIP's vocabulary that nobody types. No method may start from one of these
words or be steered by it; only the generator and the checks import this file.
"""

NONCE_TOKENS = {"lift": "kprc", "push": "nlwx", "hold": "zshq", "press": "dhry", "sit": "ncbd"}
"""interaction -> its word."""
