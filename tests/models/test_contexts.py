"""What networks are told of prompts: joined, copied, and differentiated one copy at a time."""

import pytest
import torch

from interactive_action.models.contexts import (
    Conditioning,
    concatenate,
    copies_with_gradient,
    gradients_of_copies,
    tensors_of,
)


def told(v):
    """Of two prompts, the second longer, whose pooled text does not depend on the vector."""
    rows = (
        {"cond": v * torch.ones(1, 2, 3), "pooled_output": v.sum().view(1, 1)},
        {"cond": v**2 * torch.ones(1, 4, 3)},
    )
    rows[1]["pooled_output"], rows[1]["attention_mask"] = torch.ones(1, 1), torch.ones(1, 4, dtype=torch.long)
    return Conditioning(rows)


CONTEXTS = {"rows": told, "tensor": lambda v: torch.stack([v * torch.ones(4, 3), v**2 * torch.ones(4, 3)])}


@pytest.mark.parametrize("kind", CONTEXTS)
def test_the_gradients_of_three_copies_equal_three_gradients(kind):
    v = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    contexts = CONTEXTS[kind](v)
    copies = copies_with_gradient(contexts, 3)

    def loss(tensors, weight):
        return weight * sum((k + 1) * tensor.square().sum() for k, tensor in enumerate(tensors))

    if kind == "rows":
        count = len(tensors_of(contexts))
        parts = [tensors_of(copies)[k * count : (k + 1) * count] for k in range(3)]
    else:
        parts = [[part] for part in copies.chunk(3)]
    total = sum(loss(part, weight) for part, weight in zip(parts, (1.0, 10.0, 100.0)))
    of_copies = torch.autograd.grad(total, tensors_of(copies))
    found = gradients_of_copies(contexts, of_copies, v, 3)
    for gradient, weight in zip(found, (1.0, 10.0, 100.0)):
        [alone] = torch.autograd.grad(loss(tensors_of(contexts), weight), [v], retain_graph=True)
        assert torch.allclose(gradient, alone)


def test_prompts_of_different_length_stand_behind_one_another():
    one, other = told(torch.ones(3)), told(torch.zeros(3))
    together = concatenate([one, other])
    assert len(together) == 4
    assert together.rows[1] is one.rows[1]
    assert together.rows[2] is other.rows[0]


def test_contexts_of_layers_are_joined_along_their_prompts():
    assert concatenate([torch.zeros(5, 1, 7, 3), torch.ones(5, 2, 7, 3)]).shape == (5, 3, 7, 3)
