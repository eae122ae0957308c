"""Learn a token on the command line, without ComfyUI:  python . trainers.cli train lift.toml

A run is described by a TOML file; `config` writes one with every setting:

  python . trainers.cli config interactive-action > lift.toml    the method's defaults
  python . trainers.cli config pick-up.safetensors > again.toml  the settings that a token was learned with
  python . trainers.cli train lift.toml                          learn; Ctrl-C stops, the same command goes on

Over several GPUs:  accelerate launch --multi_gpu . trainers.cli train lift.toml  (or torchrun --nproc-per-node 4 . ...)
"""

import argparse
import inspect
import pathlib
import signal
import sys

from .run_file import Run, config_text, methods


def train(path):
    """Learn what the file ``path`` describes. Returns the files: the token's, the LoRA's or both; none in a process that helps another."""
    import torch
    from tqdm import tqdm

    from .checkpoints import Checkpoints
    from .distributed import Parallel, processes
    from .latents import KeptOnDisk
    from .logs import tensorboard
    from .loop import TrainingState, run_key, training_steps
    from .validation import save_images

    run = Run.read(path)
    config, samples = run.method_config(), run.training_samples()
    with processes() as (rank, count, index):
        engine = load_engine(run, index)
        base = engine.fingerprint()
        if run.latents:
            engine.encode_images = KeptOnDisk(engine, base, run.latents)
        loss, key_parts = load_loss(run, engine, config)
        key = run_key(base, *key_parts, *([torch.tensor(count)] if count > 1 else []))
        state_file = pathlib.Path(run.output, f"{run.name}.{key[:12]}.state")
        state = TrainingState.load(state_file, key) or TrainingState.begin(loss.start())
        steps = training_steps(loss if count == 1 else Parallel(loss), state)
        told = (run.method, run.action, pathlib.Path(run.model).name, base)
        more = {"interactive_action.processes": str(count)} if count > 1 else {}
        checkpoints = Checkpoints(loss, told, run.name, f"{run.name}-checkpoints", (run.output,) * 3, more)

        def sample():
            """Images of what is learned, where they are due, or None."""
            drawn = samples.draw(loss, state) if rank == 0 and samples and samples.due(state, config.steps) else None
            if drawn is not None:
                save_images(drawn, pathlib.Path(run.output, f"{run.name}-samples"), state.step)
            return drawn

        try:
            sample()  # a run that goes on may have stopped just before it
            with (
                tqdm(total=config.steps, initial=state.step, desc=run.name, unit="step", disable=rank > 0) as bar,
                tensorboard(run.tensorboard if run.tensorboard and rank == 0 else None, state) as log,
            ):
                for _ in steps:
                    bar.set_postfix({name: f"{values[-1]:.4f}" for name, values in state.losses.items()}, refresh=False)
                    bar.update()
                    log(state, sample())
                    if rank == 0 and state.step % run.save_state_every == 0:
                        state.save(state_file, key)
                    if rank == 0 and run.save_every and state.step % run.save_every == 0:
                        checkpoints.keep(state)
        except BaseException:
            if rank == 0 and state.step:
                state.save(state_file, key)
            raise
        if rank:
            return []
        saved = checkpoints.save(state)
        state_file.unlink(missing_ok=True)
        return saved


def load_engine(run, index=0):
    """The run's ``DiffusersEngine``, on the GPU number ``index`` where there is one and the run does not say otherwise."""
    import torch

    from ..models.diffusers_engine import DiffusersEngine
    from ..models.single_file import load_single_file

    device = ("cuda" if torch.cuda.is_available() else "cpu") if run.device == "auto" else run.device
    load = DiffusersEngine.from_folder if pathlib.Path(run.model).is_dir() else load_single_file
    return load(
        run.model,
        run.prediction_type or None,
        device=f"cuda:{index}" if device == "cuda" else device,
        dtype=getattr(torch, run.dtype),
        gradient_checkpointing=run.gradient_checkpointing,
    )


def load_loss(run, engine, config):
    """(the method's loss over the run's data, what ``run_key`` names the run by beside the model)."""
    from ..captions.dataset import InteractionDataset
    from .adi import ActionDifferent

    dataset = InteractionDataset.load(run.dataset, run.resolution)
    loss_class = methods()[run.method][1]
    if run.prior:
        prior = InteractionDataset.load(run.prior, run.resolution)
        return loss_class(engine, dataset, config, prior), (dataset, config, prior)
    if run.action_different:
        others = ActionDifferent.in_order(
            InteractionDataset.load(run.action_different, run.resolution).images, len(dataset)
        )
        return loss_class(engine, dataset, config, others), (dataset, config, others)
    return loss_class(engine, dataset, config), (dataset, config)


def main(arguments):
    parser = argparse.ArgumentParser(
        "python . trainers.cli", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
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
