"""ADI's action-different images.

Other actions in the contexts of a dataset's images (Huang et al. 2023, section 4.1).
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ..errors import InteractiveActionError


@dataclass(frozen=True)
class ActionDifferent:
    """Images of other actions, each in the context of one image of a dataset.

    Args:
        images: float32 (M, H, W, 3) in 0..1.
        anchors: (M,) the number of that image in the dataset.
    """

    images: torch.Tensor
    anchors: torch.Tensor

    def sha256(self) -> str:
        """Returns a fingerprint of images and anchors."""
        digest = hashlib.sha256(self.images.cpu().contiguous().numpy().tobytes())
        digest.update(self.anchors.cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    def rounds(self) -> torch.Tensor:
        """Returns the images so that ``in_order`` matches them again.

        Each anchor's in turn, in as many rounds as the anchor with the most images needs.
        """
        of_anchor = [
            (self.anchors == index).nonzero().flatten().tolist() for index in range(int(self.anchors.max()) + 1)
        ]
        most = max(map(len, of_anchor))
        return self.images[[others[turn % len(others)] for turn in range(most) for others in of_anchor]]

    @classmethod
    def in_order(cls, images: torch.Tensor | tuple[torch.Tensor, ...], count: int) -> ActionDifferent:
        """For a dataset of ``count`` images: as many for each, given one dataset's order after the other.

        Raises:
            InteractiveActionError: there are no whole rounds.
        """
        if len(images) == 0 or len(images) % count:
            raise InteractiveActionError(
                f"There are {len(images)} action-different images for {count} images of the action. Give one for each, "
                f"in the same order, or whole rounds of them."
            )
        if not isinstance(images, torch.Tensor):
            raise InteractiveActionError("The action-different images are of several sizes. Bring all to one size.")
        return cls(images, torch.arange(len(images)) % count)

    @classmethod
    def matched(
        cls, images: torch.Tensor, contexts: Sequence[tuple[object, ...]], other_contexts: Sequence[tuple[object, ...]]
    ) -> ActionDifferent:
        """By context: an image of the dataset gets those that agree with it in the most leading values, one or more.

        Args:
            images: (M, H, W, 3).
            contexts: a tuple for each image of the dataset, what matters most first.
            other_contexts: a tuple for each of ``images``.

        Raises:
            InteractiveActionError: an image of the dataset has no counterpart.
        """
        pairs: list[tuple[int, int]] = []
        for anchor, context in enumerate(contexts):
            agreement = [_common_start(context, other) for other in other_contexts]
            if not any(agreement):
                raise InteractiveActionError(
                    f"Image {anchor} has no image of another action in its context, {context[0]}. Record the other "
                    f"action with the same scene and seed."
                )
            pairs += [(other, anchor) for other, common in enumerate(agreement) if common == max(agreement)]
        chosen, anchors = zip(*pairs)
        return cls(images[list(chosen)], torch.tensor(anchors))


def _common_start(one: tuple[object, ...], other: tuple[object, ...]) -> int:
    """How many leading values two tuples share."""
    return len(list(itertools.takewhile(lambda pair: pair[0] == pair[1], zip(one, other))))
