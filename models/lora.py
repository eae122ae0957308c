"""A throw-away LoRA in the student that may take up the look of the training images instead of v*.

Public code of 000 replaces every attention processor of the student by one with LoRA of rank 4, trains it in one AdamW
group with v*, and does not load it again to draw; the text knows nothing of it. Its weights are one flat vector here,
so that they can be trained, kept and resumed together with v*.
"""

import contextlib

import torch


class AuxiliaryLoRA:
    """LoRA of ``rank`` on ``projections``, linear layers W: W x becomes W x + up down x while ``active``."""

    def __init__(self, projections, rank):
        self.projections = projections
        self.shapes = [((rank, layer.in_features), (layer.out_features, rank)) for layer in projections]

    def start(self, generator):
        """Flat weights (P,): down normal with deviation 1 / rank, up zero, as is usual, so that it begins as nothing."""
        parts = [(torch.randn(down, generator=generator) / down[0], torch.zeros(up)) for down, up in self.shapes]
        return torch.cat([weights.flatten() for pair in parts for weights in pair])

    @contextlib.contextmanager
    def active(self, weights):
        """While this lasts, the projections add what flat ``weights`` (P,) say; gradients reach them."""
        sizes = [rows * columns for pair in self.shapes for rows, columns in pair]
        pieces = iter(weights.split(sizes))
        handles = []
        try:
            for layer, (down, up) in zip(self.projections, self.shapes):
                handles.append(layer.register_forward_hook(_adding(next(pieces).view(down), next(pieces).view(up))))
            yield
        finally:
            for handle in handles:
                handle.remove()


def _adding(down, up):
    def hook(layer, inputs, output):
        return output + (inputs[0].to(down) @ down.T @ up.T).to(output)

    return hook
