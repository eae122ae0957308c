"""``make workflows``: write workflows/*.json in the web page's format, laid out, from the API prompts in tools/prompts/.

The real web page converts them, so that what users load is what the headless API runs; a test holds the two together.
Thumbnails are cut from the pictures of ``make demo``.
"""

import json
import sys

from PIL import Image

from .browser import Browser
from .demo import DEMO, load_prompt
from .server import ROOT, ComfyServer

WORKFLOWS = ROOT / "workflows"
NOTES = {
    "teach-an-action-from-simulation": "## Teach an action from simulation\n\nA simulated robot picks up a cube in front of four "
    "cameras; prompts are put to the pictures; a word for the action is learned and saved as `<pick-up>`; the last nodes draw "
    "with it.\n\nFor your own checkpoint: choose it in **Load Checkpoint**, set width and height of **Record Interaction** to "
    "512, steps to 3000 and learning_rate to 0.00025, and take the words of your action in **Interaction Words**.",
    "use-a-token": "## Use a token\n\n**Interactive Token Loader** teaches the prompt a new word; the lower half draws the same "
    "seeds with plain words, and **IAScore** judges both.\n\nFor your own checkpoint and real pictures: choose an OWLv2 or "
    "GroundingDINO in **Load Detector** and a real CLIP in **Load CLIP Scorer**.",
    "train-from-a-saved-data-set": "## Train from a saved data set\n\n**Load Interaction Data Set** reads pictures and prompts "
    "from `datasets/interactive_action`: saved by *Teach an action from simulation*, or made by hand from photographs.",
    "train-with-textual-inversion": "## Textual Inversion\n\nThe plain method: a word is learned by denoising alone. It learns looks as "
    "gladly as actions; take it for comparison. **Training Options** plugs into every trainer.\n\nFor your own checkpoint: 3000 to "
    "6000 steps with learning_rate 0.005 and batch_size 2.",
    "train-with-reversion": "## ReVersion\n\nDenoising, and steering towards the words of the action and away from those of "
    "actions it is mistaken for. There is no teacher: take it for photographs.\n\nFor your own checkpoint: 3000 steps with "
    "learning_rate 0.00025 and batch_size 2.",
    "train-with-p-plus": "## P+\n\nA word with a vector of its own for each cross-attention layer. Prompts with it are encoded once a "
    "layer; connect both outputs, MODEL and CLIP, of **Apply Interactive Token** or **Interactive Token Loader**, for the negative "
    "prompt, too.\n\nFor your own checkpoint: 500 steps with learning_rate 0.005 and batch_size 8.",
    "train-with-adi": "## ADI\n\nThe same scene is recorded twice, while the cube is held and before it is touched: the same context with "
    "another action. **ADI Gradient Mask** keeps what such pairs share out of the word.\n\nFor your own checkpoint: width and height "
    "512, 3000 steps with learning_rate 0.0002 and batch_size 1.",
    "record-an-action": "## Record an action\n\nA simulated robot puts an apple into a basket or a bowl in a kitchen, four moments "
    "a take from four sides, and all that the simulator knows is kept in `datasets/interactive_action_recordings`.\n\nChoose another "
    "action, object or room in **Interaction Scene**; which objects an action is offered for is said when they do not fit.",
    "import-a-recording": "## Import a recording\n\n**Load Recording** reads what *Record an action* has saved, or pictures of another "
    "engine or a camera that you put into a folder with a `metadata.jsonl`; they get prompts and become a data set.",
}
THUMBNAILS = {
    "teach-an-action-from-simulation": ("simulated.png", (0, 0, 788, 396)),
    "use-a-token": ("before_after.png", None),
    "train-from-a-saved-data-set": ("loss.png", None),
    "record-an-action": ("../web/docs/actions.jpg", (0, 288, 864, 720)),
    "import-a-recording": ("../web/docs/actions.jpg", (432, 432, 1296, 864)),
    "train-with-textual-inversion": ("loss.png", None),
    "train-with-reversion": ("loss.png", None),
    "train-with-p-plus": ("before_after.png", None),
    "train-with-adi": ("simulated.png", (0, 0, 788, 396)),
}

# Columns by distance from the sources, each node below the last; a note above all.
LAYOUT = """
(async (prompt, name, note) => {
  await app.loadApiJson(prompt, name)
  const nodes = app.graph._nodes, depth = new Map()
  const depthOf = node => {
    if (!depth.has(node)) {
      depth.set(node, 0)
      const sources = (node.inputs ?? []).filter(input => input.link != null)
        .map(input => app.graph.getNodeById(app.graph.links[input.link]?.origin_id ?? app.graph.links.get(input.link).origin_id))
      depth.set(node, sources.length ? 1 + Math.max(...sources.map(depthOf)) : 0)
    }
    return depth.get(node)
  }
  nodes.forEach(depthOf)
  for (const widget of nodes.flatMap(node => node.widgets ?? []))
    if (widget.name === 'control_after_generate') widget.value = 'fixed'  // the two halves compare the same seeds
  let x = 40
  for (let column = 0; column <= Math.max(...depth.values()); column++) {
    let y = 60, width = 0
    for (const node of nodes.filter(node => depth.get(node) === column)) {
      const size = node.computeSize()
      node.setSize([Math.max(size[0], 300), Math.max(size[1], node.size[1] > 600 ? 0 : node.size[1])])
      node.pos = [x, y]
      y += node.size[1] + 70
      width = Math.max(width, node.size[0])
    }
    x += width + 70
  }
  const text = LiteGraph.createNode('MarkdownNote')
  text.widgets[0].value = note
  text.pos = [40, -260]
  text.setSize([620, 250])
  app.graph.add(text)
  return app.graph.serialize()
})(%s, %s, %s)
"""


def main():
    WORKFLOWS.mkdir(exist_ok=True)
    with ComfyServer() as server, Browser() as browser:
        browser.open_comfyui(server.address)
        for name, note in NOTES.items():
            workflow = browser.evaluate(LAYOUT % (json.dumps(load_prompt(name)), json.dumps(name), json.dumps(note)))
            (WORKFLOWS / f"{name}.json").write_text(json.dumps(workflow, indent=1) + "\n", encoding="utf-8")
            print(f"workflows/{name}.json: {len(workflow['nodes'])} nodes")
    for name, (picture, box) in THUMBNAILS.items():
        if (DEMO / picture).exists():
            thumbnail = (
                Image.open(DEMO / picture).convert("RGB").crop(box)
                if box
                else Image.open(DEMO / picture).convert("RGB")
            )
            thumbnail.thumbnail((640, 640), Image.Resampling.LANCZOS)
            thumbnail.save(WORKFLOWS / f"{name}.jpg", quality=85)
        else:
            print(f"No thumbnail for {name}: run `make demo` first.")


if __name__ == "__main__":
    sys.exit(main())
