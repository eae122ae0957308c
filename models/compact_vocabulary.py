"""Checkpoints whose text encoder keeps only some of CLIP's words, such as the embedded ones: how their files differ.

The table has a row for "unknown" and one for each token that is listed under ``TABLE_IDS``; all 49408 are restored when
such a file is loaded.
"""

from __future__ import annotations

import torch
from einops import repeat

VOCABULARY_SIZE = 49408  # tokens of CLIP
START_TOKEN, END_TOKEN = 49406, 49407  # CLIP's ids
HEAD_CHANNELS = 32  # of an attention's head, in the U-Net and the text encoder of a compact checkpoint
TABLE = "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight"
TABLE_IDS = "cond_stage_model.token_ids"


def expand_vocabulary(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Replaces, in place, a compact table by CLIP's full one, and returns ``state``; others stay as they are.

    Args:
        state: a checkpoint's tensors. Of a compact one, ``TABLE`` is (1 + n, d) and ``TABLE_IDS`` (n,): CLIP's ids of
            the rows after the first, which all other tokens get.
    """
    if TABLE_IDS in state:
        rows = state.pop(TABLE)
        table = repeat(rows[0], "d -> vocabulary d", vocabulary=VOCABULARY_SIZE).clone()
        table[state.pop(TABLE_IDS).long()] = rows[1:]
        state[TABLE] = table
    return state
