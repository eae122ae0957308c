"""D3PO: preferences between two samples, taught to a diffusion model step by step (Yang et al. 2024; paper 004, Eq. 7).

    L_t = -log rho( beta log pi(a_w|s_w) / pi_ref(a_w|s_w)  -  beta log pi(a_l|s_l) / pi_ref(a_l|s_l) )

rho is the logistic function, pi the Gaussian of one DDIM step with eta = 1, a = x_{t-1} what was sampled, w and l the winner
and the loser of two trajectories that began at the same x_T. If the last image is preferred, each step towards it is.

As in public code and not in the text: a log-probability is the mean over the latent's dimensions and not the sum, and a
ratio pi / pi_ref counts between 1 - clip and 1 + clip, beyond which it has no gradient. With beta 0.1 and clip 0.1 the loss
therefore lies between 0.683 and 0.703 whatever is learned: it says nothing; look at the reward.
"""

import math

import torch
from torch.nn.functional import logsigmoid

from ..errors import InteractiveActionError

BETA, CLIP = 0.1, 0.1


class DDIM:
    """``steps`` DDIM steps down a noise schedule as Gaussians: x_{k+1} ~ N(mean(x_k), sigma_k^2), k = 0 the noisiest.

    alphas_cumprod (T,). timesteps (steps,): at equal distances, the last is 1; each leads to the next one less one distance, the
    last to 0, whose noise is not zero, so that each step has a density. eta = 1: as much noise as DDPM.
    """

    def __init__(self, alphas_cumprod, steps, eta=1.0):
        count = len(alphas_cumprod)
        if not 1 <= steps <= count // 2:
            raise InteractiveActionError(f"There are {steps} denoising steps. Give 1 to {count // 2}.")
        stride = count // steps
        self.timesteps = torch.arange(steps - 1, -1, -1) * stride + 1
        abar = alphas_cumprod.double().cpu()
        self.abar, self.abar_next = abar[self.timesteps], abar[(self.timesteps - stride).clamp(min=0)]
        variance = (1 - self.abar_next) / (1 - self.abar) * (1 - self.abar / self.abar_next)
        self.sigma = eta * variance.sqrt()

    def __len__(self):
        return len(self.timesteps)

    def mean(self, x, noise, k):
        """The Gaussian's mean (B, ...) at x_k with the predicted noise."""
        abar, abar_next, sigma = float(self.abar[k]), float(self.abar_next[k]), float(self.sigma[k])
        x_0 = (x - math.sqrt(1 - abar) * noise) / math.sqrt(abar)
        return math.sqrt(abar_next) * x_0 + math.sqrt(max(1 - abar_next - sigma**2, 0.0)) * noise

    def sample(self, predict, x, generator, tick=lambda: None):
        """A trajectory [x_0, ..., x_steps], from noise to latents: each (B, C, h, w). ``predict(x, t)`` gives the noise.

        generator: on the CPU. tick: called after each step; may raise to stop.
        """
        trajectory = [x]
        for k in range(len(self)):
            noise = predict(x, self.timesteps[k].expand(len(x)).to(x.device))
            x = self.mean(x, noise, k) + float(self.sigma[k]) * torch.randn(x.shape, generator=generator).to(x)
            trajectory.append(x)
            tick()
        return trajectory


def log_ratio(x_next, mean, reference_mean, sigma):
    """log pi(x_next) / pi_ref(x_next) of two Gaussians with one sigma, a mean over the latent's dimensions: (B,)."""
    difference = (x_next - reference_mean).square() - (x_next - mean).square()
    return difference.flatten(1).mean(1) / (2 * float(sigma) ** 2)


def d3po_loss(winner, loser, beta=BETA, clip=CLIP):
    """Eq. 7 for each pair (B,). winner, loser: their log-ratios (B,) at one timestep."""
    low, high = math.log1p(-clip), math.log1p(clip)
    return -logsigmoid(beta * (winner.clamp(low, high) - loser.clamp(low, high)))
