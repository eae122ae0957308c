"""Where words attend while an image is drawn (Interactive Action, Fig. 5; ADI, Fig. 11; the maps are those of DAAM, Tang et al. 2022).

A ``Recorder`` rides along with a sampler: beside each cross-attention it computes the same softmax(Q K^T / sqrt(d)) once more and
adds it up over heads and steps. What the sampler computes is not touched, so its images stay the same to the pixel. A run is
remembered by what it has drawn, so that a later node can ask "where did the words of THESE samples attend?" whatever else was
drawn in between.
"""

import hashlib
from collections import OrderedDict

import torch
from torch.nn.functional import interpolate

from ..errors import InteractiveActionError
from .comfy_layerwise import CHUNK, cross_attention_layers

KEPT = 2**31  # bytes, of the newest runs: about 250 images at SD 1.5's size and 512 pixels
PLACES = {"input": "down", "middle": "middle", "output": "up"}


def fingerprint(samples):
    """What tells sampled latents apart; a copy in another precision is still the same."""
    return hashlib.sha256(samples.detach().half().cpu().contiguous().numpy().tobytes()).hexdigest()


class Run:
    """The attention of one sampling: for each layer the sum over the recorded steps, (B, h, w, tokens)."""

    def __init__(self):
        self.sums, self.calls, self.cond = OrderedDict(), OrderedDict(), None

    def add(self, layer, attention):
        self.sums[layer] = self.sums.get(layer, 0) + attention
        self.calls[layer] = self.calls.get(layer, 0) + 1

    def bytes(self):
        return sum(total.nbytes for total in self.sums.values())

    def layers(self):
        """((place, block), transformer block) -> mean share of each token, float (B, h, w, tokens), summing to one."""
        return {layer: total / self.calls[layer] for layer, total in self.sums.items()}


class Recorder:
    """``sample`` is ComfyUI's OUTER_SAMPLE wrapper: it lays the patch that records behind all others, for one sampling.

    start, end: the share of the steps that is recorded, 0 to 1.
    """

    def __init__(self, unet, start=0.0, end=1.0):
        self.attentions = {layer: _module(unet, layer).attn2 for layer in cross_attention_layers(unet)}
        self.start, self.end, self.runs = start, end, OrderedDict()

    def sample(self, execute, *args, **kwargs):
        run = Run()

        def record(query, key, value, options):
            self._record(run, query, key, options)
            return query, key, value

        # the guider's own copy of the options, made for this sampling
        patches = execute.class_obj.model_options["transformer_options"].setdefault("patches", {})
        patches["attn2_patch"] = [*patches.get("attn2_patch", ()), record]
        samples = execute(*args, **kwargs)
        run.sums = OrderedDict((layer, total.cpu()) for layer, total in run.sums.items())
        self.runs[fingerprint(samples)] = run
        while len(self.runs) > 1 and sum(kept.bytes() for kept in self.runs.values()) > KEPT:
            self.runs.popitem(last=False)
        return samples

    def _record(self, run, query, key, options):
        layer = options.get("block"), options.get("block_index")
        if layer not in self.attentions or 0 not in options["cond_or_uncond"] or not self._wanted(options):
            return
        if run.cond is None:  # of several positive conditionings that are combined the first counts
            run.cond = options["uuids"][options["cond_or_uncond"].index(0)]
        if run.cond not in options["uuids"]:
            return
        half, attention = options["uuids"].index(run.cond), self.attentions[layer]
        query, key = (part.chunk(len(options["uuids"]))[half] for part in (query, key))
        q, k = (
            part.unflatten(-1, (attention.heads, -1)).transpose(1, 2).float()
            for part in (attention.to_q(query), attention.to_k(key))
        )
        shares = torch.softmax(q @ k.transpose(2, 3) * attention.dim_head**-0.5, -1).mean(1)
        height, width = options["activations_shape"][2:]
        if height * width == shares.shape[1]:
            run.add(layer, shares.unflatten(1, (height, width)))

    def _wanted(self, options):
        """Whether the step at hand lies between start and end."""
        sigmas = options["sample_sigmas"]
        step = max(
            int((sigmas[:-1] >= options["sigmas"].flatten()[0]).sum()) - 1, 0
        )  # some samplers begin with more noise
        share = (step + 0.5) / max(len(sigmas) - 1, 1)
        return self.start <= share <= self.end

    def run_of(self, samples):
        """The run that has drawn ``samples`` (B, C, h, w)."""
        run = self.runs.get(fingerprint(samples))
        if run is None:
            raise InteractiveActionError(
                "It is not known where the words of these samples attended: the sampler that drew them does not use the MODEL of this "
                "Capture Attention, something changed them afterwards, or it was too long ago. Connect the sampler's own output, and draw "
                "again with another seed."
            )
        if not run.sums:
            raise InteractiveActionError(
                "No step of this sampling was recorded. Let start be smaller than end in Capture Attention, with at least one step between."
            )
        return run


def _module(unet, layer):
    """The transformer block that ``cross_attention_layers`` calls ``layer``."""
    (place, number), index = layer
    block = unet.middle_block if place == "middle" else getattr(unet, f"{place}_blocks")[number]
    return next(module for module in block if hasattr(module, "transformer_blocks")).transformer_blocks[index]


def word_positions(tokenize, prompt, word):
    """Where ``word`` stands in the chunks of ``prompt`` that a text encoder sees: positions in 0 .. 77 * chunks - 1, and the chunks.

    tokenize: text -> rows of (token or vector, weight, word id), as ComfyUI's CLIP gives them with ``return_word_ids=True``; one row
        a chunk, or L rows a chunk for a layer-wise CLIP. A learned word takes one position for each of its vectors.
    """
    rows, layers = tokenize(prompt), len(tokenize(""))
    chunks = rows[::layers]
    wanted = [token for row in tokenize(word)[::layers] for token, _, group in row if group]
    tokens = [
        (place, token) for place, (token, _, group) in enumerate(entry for row in chunks for entry in row) if group
    ]
    found = set()
    for start in range(len(tokens) - len(wanted) + 1 if wanted else 0):
        part = tokens[start : start + len(wanted)]
        if all(_same(token, other) for (_, token), other in zip(part, wanted)):
            found |= {place for place, _ in part}
    if not found:
        raise InteractiveActionError(
            f"The word {word!r} does not stand in the prompt {prompt!r}. Write it as it stands there, and connect the CLIP that encoded the prompt."
        )
    return sorted(found), len(chunks)


def _same(token, other):
    if torch.is_tensor(token) != torch.is_tensor(other):
        return False
    return torch.equal(token, other) if torch.is_tensor(token) else token == other


def word_maps(run, positions, chunks):
    """The share of attention that goes to a word at each place of each layer: {layer: (B, h, w) in 0..1}."""
    maps = {}
    for layer, shares in run.layers().items():
        if shares.shape[-1] % (chunks * CHUNK):
            raise InteractiveActionError(
                f"The prompt has {chunks} chunks of {CHUNK} tokens, and the samples were drawn with {shares.shape[-1]} tokens. Write the prompt "
                f"that they were drawn with, and connect the CLIP that encoded it."
            )
        # a conditioning that ComfyUI repeated, to run it with a longer one, shares its attention among the repetitions
        maps[layer] = shares.unflatten(-1, (-1, chunks * CHUNK)).sum(-2)[..., positions].sum(-1)
    return maps


def grouped(maps, by_resolution):
    """{name: mean map (B, H, W)} for each group of layers and, last, for all of them; H, W are those of the finest layer.

    Groups are down, middle and up, or the resolutions from coarse to fine. Every layer counts the same.
    """
    finest = max((map.shape[1:] for map in maps.values()), key=lambda shape: shape[0] * shape[1])
    names = {
        layer: f"{map.shape[2]} x {map.shape[1]}" if by_resolution else PLACES[layer[0][0]]
        for layer, map in maps.items()
    }
    large = {layer: interpolate(map[:, None], finest, mode="bilinear")[:, 0] for layer, map in maps.items()}
    order = sorted(maps, key=lambda layer: maps[layer].shape[1]) if by_resolution else list(maps)
    groups = {
        name: torch.stack([large[layer] for layer in order if names[layer] == name]).mean(0)
        for name in dict.fromkeys(names[layer] for layer in order)
    }
    return {**groups, "all layers": torch.stack(list(large.values())).mean(0)}
