"""Checkpoints with a compact vocabulary, such as the embedded ones: their text table has only the rows that are used.

Besides the rows, such a file says which of CLIP's tokens they are for.
"""

from __future__ import annotations

import torch

START, END = 49406, 49407  # CLIP's ids of a text's start and end
VOCABULARY_SIZE = 49408  # CLIP's
HEAD_CHANNELS = 32  # of an attention head in U-Net and text encoder of such a checkpoint
TABLE = "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight"
TABLE_IDS = "cond_stage_model.token_ids"
"""The weight that tells CLIP's id of each row after the first, which stands for every unknown token."""


def is_compact(state: dict[str, torch.Tensor]) -> bool:
    """Tells whether a checkpoint's state dict has a compact vocabulary."""
    return TABLE_IDS in state


def expanded_vocabulary(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Replaces a compact text table by CLIP's full one, in place; other state dicts stay as they are.

    Args:
        state: a checkpoint's. Tokens without a row of their own get row 0, "unknown".

    Returns:
        The same dict.
    """
    if is_compact(state):
        rows = state.pop(TABLE)
        full = rows[:1].repeat(VOCABULARY_SIZE, 1)
        full[state.pop(TABLE_IDS).long()] = rows[1:]
        state[TABLE] = full
    return state
