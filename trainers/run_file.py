"""A run's file: everything that a training is, as TOML, for the command line and several GPUs."""

import dataclasses
import json
import pathlib

from ..errors import InteractiveActionError, MissingExtraError
from ..files import checked_name, write_atomically

DTYPES = ("float32", "bfloat16", "float16")
TUNING = ("dreambooth", "custom-diffusion")  # the methods that train weights of the U-Net
DEVICES = ("auto", "cpu", "cuda", "mps")
PATHS = ("model", "dataset", "action_different", "prior", "output", "latents", "tensorboard")


@dataclasses.dataclass(frozen=True)
class Run:
    """A run's file. Paths are relative to it. What has no default must be written.

    model: a single-file SD 1.x, SD 2.x or SDXL checkpoint, or a folder that diffusers saved. dataset, action_different: datasets as Save
    Interaction Dataset writes them; the second, for ADI alone, has the same contexts with other actions, in the same order.
    prior: a dataset of images that the model drew for their prompts_and, for dreambooth and custom-diffusion; may be left out.
    action: what the token means. Where it is one of the pack's actions its words steer, unless hyperparameters have ``positives``.
    resolution: the side of the model's square, to whose buckets images of several sizes are fitted. latents: a folder in which
    images stay encoded for this run and later ones. save_every: steps between what is kept in <name>-checkpoints; 0: nothing.
    tensorboard: a folder for curves and sample images. samples: prompts, every, seed, steps and guidance of the images that are
    drawn meanwhile, into <name>-samples; without prompts there are none. judges: subject, object and phrase
    (plain words for <v*>), and maybe detector, threshold, clip and pretrained; with them what scored best by IAScore is kept.
    hyperparameters: the method's, by the names under which they stand in a token's file.
    """

    model: str
    dataset: str
    action: str
    method: str = "interactive-action"
    name: str = "v"
    output: str = "."
    action_different: str = ""
    prior: str = ""
    prediction_type: str = ""
    device: str = "auto"
    dtype: str = "float32"
    gradient_checkpointing: bool = False
    save_state_every: int = 100
    save_every: int = 0
    resolution: int = 512
    latents: str = ""
    tensorboard: str = ""
    samples: dict = dataclasses.field(default_factory=dict)
    judges: dict = dataclasses.field(default_factory=dict)
    hyperparameters: dict = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        checked_name(self.name, "token")
        for key, choices in (("method", methods()), ("dtype", DTYPES), ("device", DEVICES)):
            if getattr(self, key) not in choices:
                raise InteractiveActionError(
                    f"There is no {key} called {getattr(self, key)!r}. Choose one of: {', '.join(choices)}."
                )
        if (self.method == "adi") != bool(self.action_different):
            raise InteractiveActionError(
                "action_different, a dataset of other actions in the same contexts, belongs to the method adi, which needs it."
            )
        if self.prior and self.method not in TUNING:
            raise InteractiveActionError(
                f"prior, a dataset that holds the model to what it knows, belongs to the methods {' and '.join(TUNING)}."
            )
        if self.gradient_checkpointing and self.hyperparameters.get("auxiliary_lora_rank"):
            raise InteractiveActionError(
                "An auxiliary LoRA cannot be checkpointed. Set checkpointing to false, or auxiliary_lora_rank to 0."
            )
        if self.save_state_every < 1:
            raise InteractiveActionError(f"save_state_every is {self.save_state_every}. It must be at least 1.")
        if self.judges and not self.samples:
            raise InteractiveActionError(
                "[judges] look at sample images, and there are none. Write [samples] with prompts, too."
            )

    @classmethod
    def read(cls, path):
        """The run that the TOML file ``path`` describes, with paths made absolute."""
        tomllib = toml_reader()
        path = pathlib.Path(path)
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise InteractiveActionError(
                f"The file {path.name} could not be read: {error}. `config` writes one to start from."
            ) from error
        missing = [field.name for field in dataclasses.fields(cls) if _required(field) and field.name not in values]
        if missing:
            raise InteractiveActionError(
                f"{path.name} does not say {', '.join(missing)}. `python . trainers.cli config` shows how."
            )
        run = cls(**_typed(cls, values, path.name))
        paths = {key: str(path.parent.resolve() / value) for key in PATHS if (value := getattr(run, key))}
        return dataclasses.replace(run, **paths)

    def method_config(self):
        """The method's hyperparameters: those of the file, the method's defaults for the others."""
        from ..captions.words import ACTION_WORDS

        config = methods()[self.method][0]
        settings = _typed(config, self.hyperparameters, "[hyperparameters]")
        if "positives" in (field.name for field in dataclasses.fields(config)):
            settings.setdefault("positives", ACTION_WORDS.get(self.action, ()))
        return config(**settings)

    def training_samples(self):
        """The ``Samples`` that [samples] asks for, or None."""
        from .validation import Samples

        if not self.samples:
            return None
        samples = Samples(**_typed(Samples, self.samples, "[samples]"))
        if not self.judges:
            return samples
        from ..scoring.keep_best import Judges

        return dataclasses.replace(
            samples, score=Judges(**_typed(Judges, self.judges, "[judges]")).load(samples.prompts)
        )


def toml_reader():
    """Python's own reader of TOML, or its twin for Python 3.10."""
    try:
        import tomllib
    except ImportError:
        try:
            import tomli as tomllib
        except ImportError as error:
            raise MissingExtraError("tomli", "train") from error
    return tomllib


def config_text(source):
    """A run's file as text: with a method's defaults, or the settings that a token's file names."""
    values = {"model": "sd15.safetensors", "dataset": "dataset", "action": "pick up"}
    if source in methods():
        method, hyperparameters = (
            source,
            {field.name: field.default for field in dataclasses.fields(methods()[source][0])},
        )
        hyperparameters.pop("positives", None)  # the action's own words
    else:
        from ..tokens.token_file import load_token

        provenance = {
            key.rpartition(".")[2]: value
            for key, value in load_token(source).provenance.items()
            if key.startswith("interactive_action.")
        }
        if "hyperparameters" not in provenance:
            raise InteractiveActionError(
                f"{pathlib.Path(source).name} does not say how it was learned. Name a method instead: {', '.join(methods())}."
            )
        method, hyperparameters = provenance["method"], json.loads(provenance["hyperparameters"])
        values |= {"model": provenance["base_model"], "action": provenance["action"]}
    values |= {"method": method, "name": values["action"].replace(" ", "-"), "output": "."}
    values |= {"action_different": "other-actions"} if method == "adi" else {}
    values |= {
        field.name: field.default
        for field in dataclasses.fields(Run)
        if not _required(field) and field.name not in (*values, "samples", "judges")
    }
    return run_text({**values, "hyperparameters": hyperparameters})


def run_text(values):
    """The text of a run's file with these ``values``, of which dictionaries become tables."""
    lines = [f"{key} = {_toml(value)}" for key, value in values.items() if not isinstance(value, dict) and value != ""]
    for name, table in values.items():
        if isinstance(table, dict):
            lines += ["", f"[{name}]", *(f"{key} = {_toml(value)}" for key, value in table.items())]
    return "\n".join([*lines, ""])


def write_run(folder, values, dataset, **others):
    """Write ``folder`` with run.toml and the datasets that it names: dataset, and ``others`` by their names in ``Run``."""
    folder = pathlib.Path(folder)
    for name, data in {"dataset": dataset, **others}.items():
        data.save(folder / name)
    names = {name: name for name in ("dataset", *others)}
    write_atomically(folder / "run.toml", run_text({**names, "output": ".", **values}).encode())


def methods():
    """name -> (its configuration, its loss)."""
    from .methods import METHODS

    return METHODS


def _required(field):
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _typed(kind, values, where):
    """``values`` as the dataclass ``kind`` wants them: known names, whole numbers as decimals and lists as tuples where it has such."""
    nouns = {
        str: "text",
        int: "a whole number",
        float: "a number",
        bool: "true or false",
        tuple: "a list of texts",
        dict: "a table",
    }
    fields = {
        field.name: field for field in dataclasses.fields(kind) if field.default is not None
    }  # the others cannot be written
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
            raise InteractiveActionError(f"{where} says {name} = {value!r}, which must be {nouns[wanted]}.")
        typed[name] = value
    return typed


def _toml(value):
    return json.dumps(
        list(value) if isinstance(value, tuple) else value, ensure_ascii=False
    )  # of these kinds TOML is like JSON
