"""ReVersion-type steering (Huang et al. 2023): Textual Inversion whose token is pulled towards words of its kind.

    L = L_denoise + lambda_steer L_steer

L_steer is in ``steering``. ReVersion's own word list is of prepositions and not free; the words here are the
user's, or those of ``captions.words``. Its code multiplies the paper's learning rate by batch and accumulation
(2.5e-4 becomes 2e-3, over 8 images); the paper's numbers are the defaults.
"""

from dataclasses import dataclass

from ..errors import InteractiveActionError
from .steering import Steering
from .textual_inversion import TextualInversionConfig, TextualInversionLoss


@dataclass(frozen=True)
class ReVersionConfig(TextualInversionConfig):
    """Hyperparameters; the defaults are ReVersion's.

    positives: words and phrases from which ``positives_per_image`` are drawn for each image. negatives: words to
    stay away from, beside the prompt's own. gamma: temperature.
    """

    steps: int = 3000
    learning_rate: float = 2.5e-4
    initializer_token: str = "and"
    timestep_sampling: str = "cosine"
    lambda_steer: float = 0.01
    gamma: float = 0.07
    positives: tuple[str, ...] = ()
    negatives: tuple[str, ...] = ()
    positives_per_image: int = 4

    def __post_init__(self):
        super().__post_init__()
        if self.positives_per_image < 1:
            raise InteractiveActionError(f"positives_per_image is {self.positives_per_image}. It must be at least 1.")
        if not self.gamma > 0:
            raise InteractiveActionError("gamma must be above 0.")
        if self.lambda_steer < 0:
            raise InteractiveActionError("lambda_steer cannot be negative.")
        if self.lambda_steer > 0 and not self.positives:
            raise InteractiveActionError(
                "There are no steering words but lambda_steer is above 0. Write at least one word of the action, one a line, "
                "or set lambda_steer to 0."
            )


class ReVersionLoss(TextualInversionLoss):
    def __init__(self, engine, dataset, config, loss_weights=None):
        super().__init__(engine, dataset, config, loss_weights)
        self.steering = Steering(engine, dataset, config)

    def terms(self, batch, z_t, student, trained, generator):
        terms = super().terms(batch, z_t, student, trained, generator)
        if self.config.lambda_steer > 0:
            terms["steer"] = self.config.lambda_steer, self.steering(self.token(trained), batch.prompts, generator)
        return terms
