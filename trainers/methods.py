"""The methods by name.

Configuration, objective and what each needs beside a dataset; nodes and command line share them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .adi import ADIConfig, ADIObjective
from .custom_diffusion import CustomDiffusionConfig, custom_diffusion
from .dreambooth import DreamBoothConfig, dreambooth
from .hyperparameters import Config
from .interactive_action import InteractiveActionConfig, interactive_action
from .noise_gated import NoiseGatedConfig, noise_gated
from .objective import Objective
from .p_plus import PPlusConfig, p_plus
from .reversion import ReVersionConfig, reversion
from .textual_inversion import TextualInversionConfig, textual_inversion


@dataclass(frozen=True)
class Method:
    """One published method.

    Args:
        config: the class of its hyperparameters.
        objective: (engine, dataset, config, what ``needs`` or ``takes`` names, loss_weights=None) -> ``Objective``.
        needs: "action_different", if the method cannot do without an ``ActionDifferent``.
        takes: "class_images", if the method may be given a dataset of them.
    """

    config: type[Config]
    objective: Callable[..., Objective]
    needs: str = ""
    takes: str = ""

    @property
    def steers(self) -> bool:
        """Whether the method has steering words."""
        return hasattr(self.config, "steering_words")

    def build(
        self, engine: Any, dataset: Any, config: Config, *, extra: Any = None, loss_weights: Any = None
    ) -> Objective:
        """Returns the objective.

        extra: an ``ActionDifferent`` or a dataset of class images, as ``needs`` and ``takes`` say.
        """
        arguments = (extra,) if self.needs or self.takes else ()
        return self.objective(engine, dataset, config, *arguments, loss_weights=loss_weights)


METHODS = {
    "textual-inversion": Method(TextualInversionConfig, textual_inversion),
    "reversion": Method(ReVersionConfig, reversion),
    "interactive-action": Method(InteractiveActionConfig, interactive_action),
    "noise-gated": Method(NoiseGatedConfig, noise_gated),
    "p-plus": Method(PPlusConfig, p_plus),
    "adi": Method(ADIConfig, ADIObjective, needs="action_different"),
    "dreambooth": Method(DreamBoothConfig, dreambooth, takes="class_images"),
    "custom-diffusion": Method(CustomDiffusionConfig, custom_diffusion, takes="class_images"),
}
