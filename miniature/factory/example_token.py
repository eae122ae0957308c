"""``python . miniature.factory.example_token``: make the ready token that is shipped beside the embedded model.

The workflow *Teach an action from simulation* runs as it is, in a ComfyUI of its own; only the token's name, action and
license are its own. Equal threads give an equal file: the shipped one was made with OMP_NUM_THREADS=1.
"""

from __future__ import annotations

import pathlib

from ...files import write_atomically
from ...tools.dev.prompts import load_prompt, node
from ...tools.dev.server import ComfyServer

FILE = pathlib.Path(__file__).resolve().parents[1] / "models" / "embeddings" / "lift-overhead.safetensors"


def main() -> None:
    """Trains the token and writes it to its place."""
    prompt = load_prompt("teach-an-action-from-simulation")
    node(prompt, "Train Interactive Token")[1]["inputs"]["action"] = "lift overhead"
    node(prompt, "Save Interactive Token")[1]["inputs"].update(name=FILE.stem, license="Apache-2.0")
    with ComfyServer() as server:
        server.client().run(prompt)
        write_atomically(FILE, (server.base / "models" / "embeddings" / FILE.name).read_bytes())
    print(f"Written: {FILE}")


if __name__ == "__main__":
    main()
