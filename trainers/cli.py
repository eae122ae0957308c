"""Learn a token on the command line, without ComfyUI:  python . trainers.cli train lift.toml

A run is described by a TOML file; `config` writes one with every setting:

  python . trainers.cli config interactive-action > lift.toml    the method's defaults
  python . trainers.cli config pick-up.safetensors > again.toml  the settings that a token was learned with
  python . trainers.cli train lift.toml                          learn; Ctrl-C stops, the same command goes on

Over several GPUs:  accelerate launch --multi_gpu . trainers.cli train lift.toml  (or torchrun --nproc-per-node 4 . ...)
"""

import argparse
import dataclasses
import inspect
import json
import pathlib
import signal
import sys

from ..errors import InteractiveActionError, MissingExtraError

DTYPES = ("float32", "bfloat16")
TUNING = ("dreambooth", "custom-diffusion")  # the methods that train weights of the U-Net
DEVICES = ("auto", "cpu", "cuda", "mps")


@dataclasses.dataclass(frozen=True)
class Run:
    """A run's file. Paths are relative to it. What has no default must be written.

    model: a single-file SD 1.x, SD 2.x or SDXL checkpoint, or a folder that diffusers saved. dataset, action_different: data sets as Save
    Interaction Dataset writes them; the second, for ADI alone, has the same contexts with other actions, in the same order.
    prior: a data set of pictures that the model drew for their prompts_and, for dreambooth and custom-diffusion; may be left out.
    action: what the token means. Where it is one of the pack's actions its words steer, unless hyperparameters have ``positives``.
    tensorboard: a folder for curves and sample pictures. samples: prompts, every, seed, steps and guidance of the pictures that are
    drawn meanwhile, into <name>-samples; without prompts there are none.
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
    checkpointing: bool = False
    save_state_every: int = 100
    tensorboard: str = ""
    samples: dict = dataclasses.field(default_factory=dict)
    hyperparameters: dict = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        from ..files import checked_name

        checked_name(self.name, "token")
        for key, choices in (("method", methods()), ("dtype", DTYPES), ("device", DEVICES)):
            if getattr(self, key) not in choices:
                raise InteractiveActionError(f"There is no {key} called {getattr(self, key)!r}. Choose one of: {', '.join(choices)}.")
        if (self.method == "adi") != bool(self.action_different):
            raise InteractiveActionError("action_different, a data set of other actions in the same contexts, belongs to the method adi, which needs it.")
        if self.prior and self.method not in TUNING:
            raise InteractiveActionError(f"prior, a data set that holds the model to what it knows, belongs to the methods {' and '.join(TUNING)}.")
        if self.checkpointing and self.hyperparameters.get("absorber_rank"):
            raise InteractiveActionError("An absorber cannot be checkpointed. Set checkpointing to false, or absorber_rank to 0.")
        if self.save_state_every < 1:
            raise InteractiveActionError(f"save_state_every is {self.save_state_every}. It must be at least 1.")

    @classmethod
    def read(cls, path):
        """The run that the TOML file ``path`` describes, with paths made absolute."""
        tomllib = toml_reader()
        path = pathlib.Path(path)
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise InteractiveActionError(f"The file {path.name} could not be read: {error}. `config` writes one to start from.") from error
        missing = [field.name for field in dataclasses.fields(cls) if _required(field) and field.name not in values]
        if missing:
            raise InteractiveActionError(f"{path.name} does not say {', '.join(missing)}. `python . trainers.cli config` shows how.")
        run = cls(**_typed(cls, values, path.name))
        paths = {key: str(path.parent.resolve() / value) for key in ("model", "dataset", "action_different", "prior", "output", "tensorboard") if (value := getattr(run, key))}
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
        from .samples import Samples

        return Samples(**_typed(Samples, self.samples, "[samples]")) if self.samples else None


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


def train(path):
    """Learn what the file ``path`` describes. Returns the files: the token's, the LoRA's or both; none in a process that helps another."""
    import torch
    from tqdm import tqdm

    from ..tokens.files import save_token
    from ..tokens.token import InteractiveToken
    from .logs import tensorboard
    from .loop import TrainingState, run_key, training_steps
    from .parallel import Parallel, processes
    from .provenance import provenance
    from .samples import save_pictures
    from .tuning import save_lora

    run = Run.read(path)
    config, samples = run.method_config(), run.training_samples()
    with processes() as (rank, count, index):
        engine = load_engine(run, index)
        loss, key_parts = load_loss(run, engine, config)
        base = engine.fingerprint()
        key = run_key(base, *key_parts, *([torch.tensor(count)] if count > 1 else []))
        state_file = pathlib.Path(run.output, f"{run.name}.{key[:12]}.state")
        state = TrainingState.load(state_file, key) or TrainingState.begin(loss.start())
        steps = training_steps(loss if count == 1 else Parallel(loss), state)
        try:
            with (
                tqdm(total=config.steps, initial=state.step, desc=run.name, unit="step", disable=rank > 0) as bar,
                tensorboard(run.tensorboard if run.tensorboard and rank == 0 else None, state) as log,
            ):
                for _ in steps:
                    bar.set_postfix({name: f"{values[-1]:.4f}" for name, values in state.losses.items()}, refresh=False)
                    bar.update()
                    drawn = samples.draw(loss, state) if rank == 0 and samples and samples.due(state, config.steps) else None
                    if drawn is not None:
                        save_pictures(drawn, pathlib.Path(run.output, f"{run.name}-samples"), state.step)
                    log(state, drawn)
                    if rank == 0 and state.step % run.save_state_every == 0:
                        state.save(state_file, key)
        except BaseException:
            if rank == 0 and state.step:
                state.save(state_file, key)
            raise
        if rank:
            return []
        learned = provenance(loss, run.method, run.action, pathlib.Path(run.model).name, base)
        if count > 1:
            learned["interactive_action.processes"] = str(count)
        saved = []
        if loss.learns_token:
            saved.append(save_token(InteractiveToken(run.name, loss.token(state.result), learned, engine.widths), run.output))
        if tensors := loss.lora(state.result):
            saved.append(save_lora(f"{run.name}-lora", tensors, learned, run.output))
        state_file.unlink(missing_ok=True)
        return saved


def load_engine(run, index=0):
    """The run's ``DiffusersEngine``, on the GPU number ``index`` where there is one and the run does not say otherwise."""
    import torch

    from .engines.diffusers import DiffusersEngine
    from .engines.single_file import load_single_file

    device = ("cuda" if torch.cuda.is_available() else "cpu") if run.device == "auto" else run.device
    load = DiffusersEngine.from_folder if pathlib.Path(run.model).is_dir() else load_single_file
    return load(
        run.model,
        run.prediction_type or None,
        device=f"cuda:{index}" if device == "cuda" else device,
        dtype=getattr(torch, run.dtype),
        checkpointing=run.checkpointing,
    )


def load_loss(run, engine, config):
    """(the method's loss over the run's data, what ``run_key`` names the run by beside the model)."""
    from ..captions.dataset import InteractionDataset
    from .adi import ActionDifferent

    dataset = InteractionDataset.load(run.dataset)
    loss_class = methods()[run.method][1]
    if run.prior:
        prior = InteractionDataset.load(run.prior)
        return loss_class(engine, dataset, config, prior), (dataset, config, prior)
    if run.action_different:
        others = ActionDifferent.in_order(InteractionDataset.load(run.action_different).pictures, len(dataset))
        return loss_class(engine, dataset, config, others), (dataset, config, others)
    return loss_class(engine, dataset, config), (dataset, config)


def config_text(source):
    """A run's file as text: with a method's defaults, or the settings that a token's file names."""
    values = {"model": "sd15.safetensors", "dataset": "dataset", "action": "pick up"}
    if source in methods():
        method, hyperparameters = source, {field.name: field.default for field in dataclasses.fields(methods()[source][0])}
        hyperparameters.pop("positives", None)  # the action's own words
    else:
        from ..tokens.files import load_token

        provenance = {key.rpartition(".")[2]: value for key, value in load_token(source).provenance.items() if key.startswith("interactive_action.")}
        if "hyperparameters" not in provenance:
            raise InteractiveActionError(f"{pathlib.Path(source).name} does not say how it was learned. Name a method instead: {', '.join(methods())}.")
        method, hyperparameters = provenance["method"], json.loads(provenance["hyperparameters"])
        values |= {"model": provenance["base_model"], "action": provenance["action"]}
    values |= {"method": method, "name": values["action"].replace(" ", "-"), "output": "."}
    values |= {"action_different": "other-actions"} if method == "adi" else {}
    values |= {field.name: field.default for field in dataclasses.fields(Run) if not _required(field) and field.name not in (*values, "samples")}
    top = [f"{key} = {_toml(value)}" for key, value in values.items() if key != "hyperparameters" and value != ""]
    below = [f"{key} = {_toml(value)}" for key, value in hyperparameters.items()]
    return "\n".join([*top, "", "[hyperparameters]", *below, ""])


def methods():
    """name -> (its configuration, its loss)."""
    from .methods import METHODS

    return METHODS


def _required(field):
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _typed(kind, values, where):
    """``values`` as the dataclass ``kind`` wants them: known names, whole numbers as decimals and lists as tuples where it has such."""
    nouns = {str: "text", int: "a whole number", float: "a number", bool: "true or false", tuple: "a list of texts", dict: "a table"}
    fields = {field.name: field for field in dataclasses.fields(kind) if field.default is not None}  # the others cannot be written
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
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)  # of these kinds TOML is like JSON


def main(arguments):
    parser = argparse.ArgumentParser("python . trainers.cli", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True, metavar="train | config")
    learn = commands.add_parser("train", help="learn a token", description="Learn the token that a TOML file describes.", epilog=inspect.getdoc(Run),
                                formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    learn.add_argument("file", help="the run's file; paths in it are relative to it")
    show = commands.add_parser("config", help="print a run's file with every setting")
    show.add_argument("source", help=f"a method ({', '.join(methods())}) or a token's .safetensors file")
    chosen = parser.parse_args(arguments)
    if chosen.command == "config":
        print(config_text(chosen.source), end="")
        return 0
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a cluster's scheduler says it so
    try:
        saved = train(chosen.file)
    except KeyboardInterrupt:
        print("Stopped. The same command goes on from here.", file=sys.stderr)
        return 130
    for file in saved:
        print(f"Saved {file}.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
