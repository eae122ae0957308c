"""Where in sampling a word acts."""

import math

import pytest
import torch
from safetensors.torch import save_file

from interactive_action.errors import InteractiveActionError
from interactive_action.tokens.noise_gate import EVERYWHERE, NoiseGate, bands
from interactive_action.tokens.token import InteractiveToken
from interactive_action.tokens.token_file import load_token, save_token

EARLY = NoiseGate(0.0, 0.45, "handling")
VECTORS = torch.ones(1, 4)


def test_gates_cut_the_sampling_into_bands_in_each_of_which_nothing_changes():
    assert bands([]) == bands([EVERYWHERE]) == [(0, 1)]
    assert bands([EARLY, NoiseGate(0.2, 0.7), EARLY]) == [(0, 0.2), (0.2, 0.45), (0.45, 0.7), (0.7, 1)]


@pytest.mark.parametrize(("start", "end"), [(0.5, 0.5), (0.6, 0.2), (-0.1, 1), (0, 1.1), (math.nan, 1), (0, math.inf)])
def test_what_is_no_range_is_refused(start, end):
    with pytest.raises(InteractiveActionError, match="between 0 and 1"):
        NoiseGate(start, end)


def test_a_tokens_file_keeps_its_gate_and_a_token_that_acts_everywhere_names_none(tmp_path):
    gated = load_token(save_token(InteractiveToken("gated", VECTORS, gate=EARLY), tmp_path))
    assert gated.gate == EARLY
    plain = load_token(save_token(InteractiveToken("plain", VECTORS), tmp_path))
    assert plain.gate == EVERYWHERE
    assert not EVERYWHERE.as_metadata()


def test_a_gate_that_is_taken_away_is_not_in_the_next_file(tmp_path):
    gated = load_token(save_token(InteractiveToken("gated", VECTORS, gate=EARLY), tmp_path))
    opened = InteractiveToken("opened", gated.vectors, gated.provenance)
    assert load_token(save_token(opened, tmp_path)).gate == EVERYWHERE


@pytest.mark.parametrize("end", ["soon", "7", "nan"])
def test_a_file_whose_gate_makes_no_sense_is_refused_in_a_sentence(tmp_path, end):
    path = tmp_path / "odd.safetensors"
    save_file({"odd": VECTORS}, path, {"interactive_action.end_percent": end})
    with pytest.raises(InteractiveActionError, match=r"end|numbers"):
        load_token(path)
