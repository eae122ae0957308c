"""Makes the ready token that is shipped beside the embedded model: ``python . miniature.factory.example_token``.

The workflow *Teach an action from simulation* runs as it is, in a ComfyUI of its own; only the token's name, action and
license are its own. Equal threads give an equal file: the shipped one was made with OMP_NUM_THREADS=1.
"""

from __future__ import annotations

from ...files import write_atomically
from ...tools.dev.prompts import load_prompt, node
from ...tools.dev.server import ComfyServer
from ..weights import EXAMPLE_TOKEN


def main() -> None:
    """Trains the token and writes it to its place."""
    prompt = load_prompt("teach-an-action-from-simulation")
    node(prompt, "Train Interactive Token")[1]["inputs"]["action"] = "lift overhead"
    node(prompt, "Save Interactive Token")[1]["inputs"].update(name=EXAMPLE_TOKEN.stem, license="Apache-2.0")
    with ComfyServer() as server:
        server.client().run(prompt)
        write_atomically(EXAMPLE_TOKEN, (server.base / "models" / "embeddings" / EXAMPLE_TOKEN.name).read_bytes())
    print(f"Written: {EXAMPLE_TOKEN}")


if __name__ == "__main__":
    main()
