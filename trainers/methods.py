"""The methods by name: their configurations and losses, which the nodes and the command line share."""

from .adi import ADIConfig, ADILoss
from .custom_diffusion import CustomDiffusionConfig, CustomDiffusionLoss
from .dreambooth import DreamBoothConfig, DreamBoothLoss
from .interactive_action import InteractiveActionConfig, InteractiveActionLoss
from .p_plus import PPlusConfig, PPlusLoss
from .reversion import ReVersionConfig, ReVersionLoss
from .textual_inversion import TextualInversionConfig, TextualInversionLoss

METHODS = {
    "textual-inversion": (TextualInversionConfig, TextualInversionLoss),
    "reversion": (ReVersionConfig, ReVersionLoss),
    "interactive-action": (InteractiveActionConfig, InteractiveActionLoss),
    "p-plus": (PPlusConfig, PPlusLoss),
    "adi": (ADIConfig, ADILoss),  # whose loss needs an ``adi.ActionDifferent``, too
    "dreambooth": (DreamBoothConfig, DreamBoothLoss),
    "custom-diffusion": (CustomDiffusionConfig, CustomDiffusionLoss),
}
