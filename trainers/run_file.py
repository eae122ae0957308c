"""A run file: everything that a training is, as TOML, for the command line and several GPUs."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import pathlib
from typing import Any

from ..captions.dataset import InteractionDataset
from ..captions.words import ACTION_WORDS
from ..errors import InteractiveActionError, MissingExtraError
from ..files import LONGEST_NAME, checked_name, parse_json, read_text, write_atomically
from ..scoring.keep_best import Judges, LoadJudges, load_judges
from ..tokens.token_file import load_token
from .hyperparameters import Config
from .methods import METHODS
from .validation import Validation

LONGEST_RUN_NAME = LONGEST_NAME - len("-100000-lora")  # bytes; as the files of checkpoints are called
DTYPES = ("float32", "bfloat16", "float16")
DEVICES = ("auto", "cpu", "cuda", "mps")
PATHS = ("model", "dataset", "action_different", "class_images", "output", "latent_cache", "tensorboard")
NOUNS = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    tuple: "a list of texts",
    dict: "a table",
}


@dataclasses.dataclass(frozen=True)
class Run:
    """A run file. Paths are relative to it. What has no default must be written.

    model: a single-file SD 1.x, SD 2.x or SDXL checkpoint, or a folder that diffusers saved.
    dataset: a folder, as Save Interaction Dataset writes it.
    action: what the new word means. If it is one of the pack's actions its words steer, unless hyperparameters have
        steering_words.
    method: one of the methods. name: of the files. output: the folder they are written to.
    action_different: for adi alone, a dataset of the same contexts with other actions, in the same order.
    class_images: for dreambooth and custom-diffusion, a dataset of images that the model generated for their
        prompts_and; may be left out.
    prediction_type: "epsilon" or "v_prediction", where the checkpoint does not say it.
    device, dtype: where and how the model runs. gradient_checkpointing: less memory for more time.
    save_state_every: steps between states, from which a run goes on.
    save_every: steps between what is kept in <name>-checkpoints; 0: nothing.
    resolution: the side of the model's square, to whose buckets images of several sizes are fitted.
    latent_cache: a folder in which images stay encoded for this run and later ones.
    tensorboard: a folder for curves and validation images.
    validation: prompts, sample_every, seed, steps and cfg of the images that are generated meanwhile, into
        <name>-validation; without prompts there are none.
    judges: subject, object and phrase (plain words for <v*>), and maybe detector, threshold, clip and pretrained; with
        them what scored best by IAScore is kept.
    hyperparameters: the method's, by the names under which they stand in a token's file.
    """

    model: str
    dataset: str
    action: str
    method: str = "interactive-action"
    name: str = "v"
    output: str = "."
    action_different: str = ""
    class_images: str = ""
    prediction_type: str = ""
    device: str = "auto"
    dtype: str = "float32"
    gradient_checkpointing: bool = False
    save_state_every: int = 100
    save_every: int = 0
    resolution: int = 512
    latent_cache: str = ""
    tensorboard: str = ""
    validation: dict[str, Any] = dataclasses.field(default_factory=dict)
    judges: dict[str, Any] = dataclasses.field(default_factory=dict)
    hyperparameters: dict[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        checked_name(self.name, "token", LONGEST_RUN_NAME)
        for key, choices in (("method", tuple(METHODS)), ("dtype", DTYPES), ("device", DEVICES)):
            if getattr(self, key) not in choices:
                raise InteractiveActionError(
                    f"There is no {key} called {getattr(self, key)!r}. Choose one of: {', '.join(choices)}."
                )
        if bool(METHODS[self.method].needs) != bool(self.action_different):
            raise InteractiveActionError(
                "action_different, a dataset of other actions in the same contexts, belongs to the method adi, which "
                "needs it."
            )
        if self.class_images and not METHODS[self.method].takes:
            methods = " and ".join(name for name, method in METHODS.items() if method.takes)
            raise InteractiveActionError(
                f"class_images, a dataset that holds the model to what it knows, belongs to the methods {methods}."
            )
        if self.gradient_checkpointing and self.hyperparameters.get("auxiliary_lora_rank"):
            raise InteractiveActionError(
                "Gradient checkpointing does not go with an auxiliary LoRA. Set gradient_checkpointing to false, or "
                "auxiliary_lora_rank to 0."
            )
        if self.save_state_every < 1:
            raise InteractiveActionError(f"save_state_every is {self.save_state_every}. It must be at least 1.")
        if self.save_every < 0:
            raise InteractiveActionError(f"save_every is {self.save_every}. It must be at least 0.")
        if not 16 <= self.resolution <= 8192:
            raise InteractiveActionError(f"resolution is {self.resolution}. It must be from 16 to 8192.")
        if self.judges and not self.validation:
            raise InteractiveActionError(
                "[judges] look at validation images, and there are none. Write [validation] with prompts, too."
            )

    @classmethod
    def read(cls, path: str | pathlib.Path) -> Run:
        """Returns the run that the TOML file ``path`` describes, with paths made absolute.

        Raises:
            InteractiveActionError: the file cannot be read, or what it says makes no run.
        """
        tomllib = toml_reader()
        path = pathlib.Path(path)
        try:
            values = tomllib.loads(read_text(path))
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise InteractiveActionError(
                f"The file {path.name} could not be read: {error}. `interactive-action train --print-config METHOD` "
                "writes one to start from."
            ) from error
        missing = [field.name for field in dataclasses.fields(cls) if _required(field) and field.name not in values]
        if missing:
            raise InteractiveActionError(
                f"{path.name} does not say {', '.join(missing)}. "
                "`interactive-action train --print-config METHOD` shows how."
            )
        run = cls(**_typed(cls, values, path.name))
        paths: dict[str, Any] = {
            key: _path(path.parent.resolve() / value, key) for key in PATHS if (value := getattr(run, key))
        }
        return dataclasses.replace(run, **paths)

    def config(self) -> Config:
        """Returns the method's hyperparameters: those of the file, the method's defaults for the others."""
        method = METHODS[self.method]
        settings = _typed(method.config, self.hyperparameters, "[hyperparameters]")
        if method.steers:
            settings.setdefault("steering_words", ACTION_WORDS.get(self.action, ()))
        return method.config(**settings)

    def validation_images(self, load_judges: LoadJudges = load_judges) -> Validation | None:
        """Returns what [validation] asks for, with the judges of [judges] as ``load_judges`` loads them, or None."""
        if not self.validation:
            return None
        validation = Validation(**_typed(Validation, self.validation, "[validation]"))
        if not self.judges:
            return validation
        judges = Judges(**_typed(Judges, self.judges, "[judges]"))
        return dataclasses.replace(validation, score=judges.load(validation.prompts, load_judges))


def toml_reader() -> Any:
    """Returns Python's own reader of TOML, or its twin for Python 3.10."""
    try:
        import tomllib
    except ImportError:
        try:
            import tomli as tomllib  # type: ignore[no-redef, import-not-found]
        except ImportError as error:
            raise MissingExtraError("tomli", "train") from error
    return tomllib


def config_text(source: str) -> str:
    """Returns a run file's text, with a method's defaults or the settings of the token in the file ``source``."""
    values = {"model": "sd15.safetensors", "dataset": "dataset", "action": "pick up"}
    if source in METHODS:
        method = source
        hyperparameters = {field.name: field.default for field in dataclasses.fields(METHODS[source].config)}
        hyperparameters.pop("steering_words", None)  # the action's own words
    else:
        facts = {
            key.rpartition(".")[2]: value
            for key, value in load_token(source).provenance.items()
            if key.startswith("interactive_action.")
        }
        method, name = facts.get("method", ""), pathlib.Path(source).name
        hyperparameters = parse_json(facts.get("hyperparameters", "null"), f"hyperparameters of {name}")
        if method not in METHODS or type(hyperparameters) is not dict or not {"base_model", "action"} <= facts.keys():
            raise InteractiveActionError(
                f"{name} does not say how it was learned. Name a method instead: {', '.join(METHODS)}."
            )
        values |= {"model": facts["base_model"], "action": facts["action"]}
    values |= {"method": method, "name": values["action"].replace(" ", "-"), "output": "."}
    values |= {"action_different": "other-actions"} if METHODS[method].needs else {}
    defaults = {
        field.name: field.default
        for field in dataclasses.fields(Run)
        if field.default is not dataclasses.MISSING and field.name not in values
    }
    return run_text({**values, **defaults, "hyperparameters": hyperparameters})


def run_text(values: dict[str, Any]) -> str:
    """Returns the text of a run file with these ``values``, of which dictionaries become tables."""
    lines = [f"{key} = {_toml(value)}" for key, value in values.items() if not isinstance(value, dict) and value != ""]
    for name, table in values.items():
        if isinstance(table, dict):
            lines += ["", f"[{name}]", *(f"{key} = {_toml(value)}" for key, value in table.items())]
    return "\n".join([*lines, ""])


def write_run(
    folder: str | pathlib.Path, values: dict[str, Any], dataset: InteractionDataset, **datasets: InteractionDataset
) -> None:
    """Writes ``folder`` with run.toml and the datasets that it names.

    Args:
        folder: new.
        values: of ``Run``.
        dataset: the images.
        datasets: others by their names in ``Run``.
    """
    folder = pathlib.Path(folder)
    for name, data in {"dataset": dataset, **datasets}.items():
        data.save(folder / name)
    names = {name: name for name in ("dataset", *datasets)}
    write_atomically(folder / "run.toml", run_text({**names, "output": ".", **values}).encode())


def _path(path: pathlib.Path, key: str) -> str:
    """``path`` as text; a sentence if no file could ever be there."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        pass  # it may be written yet, and what reads it says that it is missing
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InteractiveActionError(f"{key} is {str(path)[:80]!r}, which names no file: {reason}.") from error
    return str(path)


def _required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _typed(kind: Any, values: dict[str, Any], where: str) -> dict[str, Any]:
    """``values`` as the dataclass ``kind`` wants them: known names, whole numbers as decimals, lists as tuples."""
    # a field whose default is None cannot be written in TOML
    fields = {field.name: field for field in dataclasses.fields(kind) if field.default is not None}
    typed = {}
    for name, value in values.items():
        if name not in fields:
            raise InteractiveActionError(f"{where} says {name}, which is unknown here. Known are: {', '.join(fields)}.")
        example = "" if _required(fields[name]) else fields[name].default
        wanted = dict if example is dataclasses.MISSING else type(example)
        if wanted is float and type(value) is int:
            value = float(value)
        if wanted is tuple and type(value) is list and all(type(entry) is str for entry in value):
            value = tuple(value)
        if type(value) is not wanted:
            raise InteractiveActionError(f"{where} says {name} = {value!r}, which must be {NOUNS[wanted]}.")
        if isinstance(value, float) and not math.isfinite(value):
            raise InteractiveActionError(f"{where} says {name} = {value}, which must be a finite number.")
        typed[name] = value
    return typed


def _toml(value: Any) -> str:
    """A value of these kinds, for which TOML is like JSON."""
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)
