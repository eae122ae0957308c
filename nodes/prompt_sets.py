"""Prompt sets as lists: a stock CLIPTextEncode and KSampler behind them run once for each image."""

from __future__ import annotations

from comfy_api.latest import io, ui

from ..captions import prompt_sets
from ..captions.words import ACTION_WORDS
from ..files import filled_lines
from .node import Node

CATEGORY = "Interactive Action/prompts"
EVERYDAY, EMBEDDED = "everyday (136 prompts)", "miniature (embedded, 64 prompts)"
ALL = "all eight"


def word_inputs() -> list[io.Input]:
    """The word of the method, and the action in plain language."""
    return [
        io.String.Input(
            "word",
            default="<pick-up>",
            tooltip="What stands for the action in the prompts: the learned word of one method, or plain words "
            "such as 'picking up' for another. Prompts and seeds are the same for all of them.",
        ),
        io.String.Input(
            "phrase",
            default="picking up",
            tooltip="The action in plain language, for texts: what CLIP and people read.",
        ),
    ]


def part_inputs(images: int) -> list[io.Input]:
    """How many images, and which part of the set."""
    return [
        io.Int.Input(
            "images",
            default=images,
            min=1,
            max=1024,
            tooltip="How many images of each prompt, each with a seed of its own.",
        ),
        io.Int.Input(
            "seed",
            default=0,
            min=0,
            max=2**64 - 1,
            control_after_generate=io.ControlAfterGenerate.fixed,
            tooltip="The seed of the first image of the whole set; every further image has the next one.",
        ),
        io.Int.Input(
            "first",
            default=0,
            min=0,
            max=2**31 - 1,
            optional=True,
            tooltip="The number of the first prompt that is wanted, from 0. The seeds stay those of the whole set.",
        ),
        io.Int.Input(
            "count",
            default=0,
            min=0,
            max=2**31 - 1,
            optional=True,
            tooltip="How many prompts are wanted. 0: all that follow.",
        ),
    ]


def outputs() -> list[io.Output]:
    """Lists for stock nodes, and lines for IAScore."""
    return [
        io.String.Output(
            display_name="prompts", is_output_list=True, tooltip="One prompt an image, for CLIPTextEncode."
        ),
        io.Int.Output(
            display_name="seeds", is_output_list=True, tooltip="One seed an image, for KSampler or RandomNoise."
        ),
        io.String.Output(display_name="subjects", tooltip="One line an image, for IAScore."),
        io.String.Output(display_name="objects", tooltip="One line an image, for IAScore."),
        io.String.Output(
            display_name="texts",
            tooltip="The prompts in plain language, one line an image: for IAScore and voting pages.",
        ),
    ]


def listed(prompts: list[prompt_sets.Prompt], images: int, seed: int, first: int, count: int) -> io.NodeOutput:
    """A node's outputs for a set."""
    rows = prompt_sets.seeded(prompts, images, seed, first, count)
    shown = "\n".join(f"{row.seed}: {row.prompt}" for row in rows[:8]) + ("\n..." if len(rows) > 8 else "")
    lines = ("\n".join(getattr(row, name) for row in rows) for name in ("subject", "object", "text"))
    return io.NodeOutput(
        [row.prompt for row in rows],
        [row.seed for row in rows],
        *lines,
        ui=ui.PreviewText(f"{len(rows)} images of {len(rows) // images} prompts\n{shown}"),
    )


class InteractionPrompts(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionInteractionPrompts",
            display_name="Interaction Prompts",
            category=CATEGORY,
            description="People, celebrities and animals with eight things each: 136 prompts for one action, and a "
            "seed for each image, the same for every method.",
            search_aliases=["prompt set", "benchmark", "inference templates", "batch prompts"],
            inputs=[
                io.Combo.Input(
                    "world",
                    options=[EVERYDAY, EMBEDDED],
                    tooltip="The embedded checkpoint can draw the miniature's subjects and objects only.",
                ),
                io.Combo.Input(
                    "action",
                    options=list(ACTION_WORDS),
                    default="pick up",
                    tooltip="Decides which things are acted on: boxes and laptops are picked up, refrigerators and "
                    "jars opened. The miniature has the same things for all.",
                ),
                *word_inputs(),
                io.String.Input(
                    "names",
                    default="\n".join(prompt_sets.NAMES),
                    multiline=True,
                    tooltip="People by name, one a line, at most ten: whom your model knows. Each takes the place "
                    "of a kind of people. The miniature knows nobody by name.",
                ),
                *part_inputs(1),
            ],
            outputs=outputs(),
        )

    @classmethod
    def execute(
        cls,
        world: str,
        action: str,
        word: str,
        phrase: str,
        names: str,
        images: int,
        seed: int,
        first: int = 0,
        count: int = 0,
    ) -> io.NodeOutput:
        if world == EMBEDDED:
            prompts = prompt_sets.miniature(word.strip(), phrase.strip())
        else:
            prompts = prompt_sets.interactions(action, word.strip(), phrase.strip(), filled_lines(names))
        return listed(prompts, images, seed, first, count)


class ActionBenchPrompts(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionActionBenchPrompts",
            display_name="ActionBench Prompts",
            category=CATEGORY,
            description="ADI's benchmark: 8 actions without an object, 23 subjects, 4 images of each pair, and a seed "
            "for each image.",
            search_aliases=["prompt set", "ADI", "benchmark"],
            inputs=[
                io.Combo.Input(
                    "action",
                    options=[ALL, *prompt_sets.ACTIONS_ALONE],
                    tooltip="One of the eight actions, or all of them in turn.",
                ),
                io.String.Input(
                    "word",
                    default="<{action}>",
                    tooltip="The learned word. {action} in it stands for the action's name, so that <{action}> is "
                    "<salute> for the first. Empty: plain words.",
                ),
                io.String.Input(
                    "names",
                    default="\n".join(prompt_sets.NAMES_ALONE),
                    multiline=True,
                    tooltip="Seven people by name, one a line: whom your model knows. Those of the paper stand in its "
                    "A.2.",
                ),
                *part_inputs(prompt_sets.IMAGES_OF_A_PAIR),
            ],
            outputs=outputs(),
        )

    @classmethod
    def execute(
        cls, action: str, word: str, names: str, images: int, seed: int, first: int = 0, count: int = 0
    ) -> io.NodeOutput:
        actions = tuple(prompt_sets.ACTIONS_ALONE) if action == ALL else (action,)
        return listed(prompt_sets.action_bench(actions, word, filled_lines(names)), images, seed, first, count)


class CustomPrompts(Node):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="InteractiveActionCustomPrompts",
            display_name="Custom Prompts",
            category=CATEGORY,
            description="Your own prompts, one a line, and a seed for each image, the same for every method.",
            search_aliases=["prompt set", "prompt list", "batch prompts"],
            inputs=[
                io.String.Input(
                    "lines",
                    default="a panda {word} a strawberry | panda | strawberry\na frog {word} a cup in the snow | frog "
                    "| cup",
                    multiline=True,
                    tooltip="One prompt a line, with {word} where the word belongs. Behind it, between bars, the names "
                    "of subject and object, if IAScore is to judge it.",
                ),
                *word_inputs(),
                *part_inputs(1),
            ],
            outputs=outputs(),
        )

    @classmethod
    def execute(
        cls, lines: str, word: str, phrase: str, images: int, seed: int, first: int = 0, count: int = 0
    ) -> io.NodeOutput:
        return listed(prompt_sets.custom(lines, word.strip(), phrase.strip()), images, seed, first, count)


NODES = [InteractionPrompts, ActionBenchPrompts, CustomPrompts]
