"""``make workflows``: writes workflows/*.json in the web page's format from the API prompts in workflows/api/.

The real web page converts them, so that what users load is what the headless API runs; a test holds the two together.
Thumbnails are cut from the images of ``make demo``.
"""

from __future__ import annotations

import json
from typing import Any

from PIL import Image

from .browser import Browser
from .prompts import Prompt, load_prompt
from .server import ROOT, ComfyServer

WORKFLOWS = ROOT / "workflows"
DEMO = ROOT / "demo"
BOXES = ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO")  # what the page has a box for
THUMBNAIL_SIDE = 640  # pixels, at most

NOTES = {
    "teach-an-action-from-simulation": "## Teach an action from simulation\n\nA simulated humanoid lifts a cube above "
    "its head in front of four cameras; prompts are put to the images; a word for the action is learned and saved as "
    "`<pick-up>` (after another run as `<pick-up-2>`); the last nodes put the saved word into a prompt and draw with "
    "it.\n\nFor your own checkpoint: choose it in **Load Checkpoint**, set width and height of **Record Interaction** "
    "to 512, steps to 3000, learning_rate to 0.00025 and lambda_distill to 0.2, and take the words of your action in "
    "**Steering Words**.",
    "use-a-token": "## Use a token\n\n**Interactive Token Loader** teaches the prompt a new word, here "
    "`<lift-overhead>`, which comes with the pack; choose your own there, and the prompt follows. The lower half "
    "draws the same seeds with plain words, and **IAScore** judges both.\n\nFor your own checkpoint and real images: "
    "choose an OWLv2 or GroundingDINO in **Load Detector** and a real CLIP in **Load CLIP Scorer**.",
    "teach-z-image-an-action": "## Teach Z-Image an action\n\nNeeds the undistilled Z-Image in "
    "`models/diffusion_models`, qwen_3_4b in `models/text_encoders` and the VAE `ae`. Draw with it or with Turbo; how "
    "well Turbo reads the word is not measured yet.\n\nIn bf16 the weights take 12 GB and the text encoder's 8 GB; "
    "fp8 in **Load Z-Image** halves the first. Leave *gradient_checkpointing* on. The settings are a first guess: "
    "nothing was trained on real weights yet.",
    "teach-flux-an-action": "## Teach FLUX an action\n\nNeeds FLUX.1 dev, clip_l, t5xxl and the VAE `ae`. It is "
    "trained with guidance 1.0 and drawn with 3.5. *text_encoders* in **Training Options** says which one learns: "
    "`clip_l`, `t5xxl` or, empty, both.\n\nIn bf16 the weights take 24 GB and T5's 10 GB; fp8 of both halves that. "
    "Leave *gradient_checkpointing* on. The settings are a first guess: nothing was trained on real weights yet.",
    "use-a-token-with-z-image": "## Use a token with Z-Image\n\nThe same seed with the learned word and with a plain "
    "one. A token belongs to one family: the loader refuses it for the CLIP of another, although both are as "
    "wide.\n\nFor Turbo: choose it in **Load Z-Image**, with 8 steps and cfg 1.",
    "share-a-token": "## Share a token\n\n**Import Token** takes in your token, or an embedding of A1111, diffusers "
    "or OneTrainer; eight images are drawn with it and judged; **Export Token** writes the token, a preview and a card "
    "with all of this to `output/interactive_tokens`.\n\nTo upload it: log in once with `hf auth login` in a terminal, "
    "and write your repository (`your-name/pick-up`) into **Push Token**. Empty: nothing is uploaded. No secret "
    "belongs into a graph: it is saved in every image.",
    "fetch-a-token": "## Fetch a token\n\n**Pull Token** downloads anybody's token from Hugging Face, keeps it in the "
    "models folder and draws with it: write the repository's name. The card there says for which base model it is.\n\n"
    "Without the hub: put the file into the input folder and take **Import Token**.",
    "train-from-a-saved-dataset": "## Train from a saved dataset\n\n**Load Interaction Dataset** reads images and "
    "prompts from `datasets/interactive_action`: saved by *Teach an action from simulation*, or made by hand from "
    "photographs.",
    "train-with-textual-inversion": "## Textual Inversion\n\nThe plain method: a word is learned by denoising alone. "
    "It learns looks as gladly as actions; take it for comparison. **Training Options** plugs into every "
    "trainer.\n\nFor your own checkpoint: 3000 to 6000 steps with learning_rate 0.005 and batch_size 2.",
    "train-with-reversion": "## ReVersion\n\nDenoising, and steering towards the words of the action and away from "
    "those of actions it is mistaken for. There is no teacher: take it for photographs.\n\nFor your own checkpoint: "
    "3000 steps with learning_rate 0.00025 and batch_size 2.",
    "train-with-noise-gating": "## Noise gating\n\nA word that is learned at high noise, where is decided what "
    "happens, and that acts there alone: a plain word draws the rest, which is to keep the simulator's look out. It "
    "keeps its length: only its direction is learned.\n\nNothing is measured of it yet, here or on your own "
    "checkpoint; there, begin with 3000 steps, learning_rate 0.001 and batch_size 2.",
    "train-with-p-plus": "## P+\n\nA word with a vector of its own for each cross-attention layer. Prompts with it are "
    "encoded once a layer; connect both outputs, MODEL and CLIP, of **Apply Interactive Token** or **Interactive "
    "Token Loader**, for the negative prompt, too.\n\nFor your own checkpoint: 500 steps with learning_rate 0.005 and "
    "batch_size 8.",
    "train-with-adi": "## ADI\n\nThe same scene is recorded twice, while the cube is held and before it is touched: "
    "the same context with another action. **ADI Gradient Mask** keeps what such pairs share out of the word.\n\nFor "
    "your own checkpoint: width and height 512, 3000 steps with learning_rate 0.0002 and batch_size 1.",
    "train-with-dreambooth": "## DreamBooth\n\nA baseline: a LoRA learns what an instance token means, held back by "
    "images that the checkpoint draws itself. **Save LoRA Weights** puts it where the stock **Load LoRA** finds it; "
    "write the instance token in prompts.\n\nFor your own checkpoint: 1000 steps with learning_rate 0.0001 and "
    "batch_size 2, and 50 class images or more of its own size.",
    "train-with-custom-diffusion": "## Custom Diffusion\n\nA baseline: a word is learned and, with it, the keys and "
    "values of all cross-attentions. Token and LoRA belong together. **Validation Images** draws while it is learned "
    "and keeps what scored best by IAScore.\n\nFor your own checkpoint: 2000 steps with learning_rate 0.00001 and "
    "batch_size 2, and class images.",
    "record-an-action": "## Record an action\n\nA simulated robot puts an apple into a basket or a bowl in a kitchen, "
    "four key frames an episode from four sides, and all that the simulator knows is kept in "
    "`datasets/interactive_action_recordings`.\n\nChoose another action, object or room in **Interaction Scene**; "
    "which objects an action is offered for is said when they do not fit.",
    "make-a-dataset-of-triples": "## Make a dataset of triples\n\n**Record Triples** does other actions in exactly the "
    "context of each image. Both are kept, the action is captioned, and **Train Token (ADI)** learns what the others "
    "do not share with it.\n\nFor your own checkpoint: width and height 512, 3000 steps with learning_rate 0.0002 and "
    "batch_size 1.",
    "film-an-action": "## Film an action\n\nA mobile robot puts an apple down, seen by four fixed cameras; **Recording "
    "to Video** makes a video of it at its own speed.\n\nFor one camera alone choose its number; *manual* cameras "
    "stand where you say.",
    "act-with-your-own-robot": "## Act with your own robot\n\nNeeds a robot and a thing with a door, both as URDF: put "
    "their folders into ComfyUI's input folder, here `robot` and `cabinet`, a folder of PartNet-Mobility for "
    "instance. Name the robot's ee_link and its gripper_links; how its hand opens and where its fingertips end is "
    "measured.\n\nEither of the two does alone: take the other of **Interaction Scene**'s own.",
    "import-a-recording": "## Import a recording\n\n**Load Recording** reads what *Record an action* has saved, or "
    "images of another engine or a camera that you put into a folder with a `metadata.jsonl`; they get prompts and "
    "become a dataset.",
    "draw-a-prompt-set": "## Draw a prompt set\n\n**Interaction Prompts** gives a list of prompts and a seed for each; "
    "the stock nodes behind it run once a prompt, **Rebatch Images** makes one batch again, and **IAScore** judges "
    "all of it. Another word in the same node draws from the same noise.\n\nFor your own checkpoint: choose the world "
    "*everyday (136 prompts)* and your action, and set count to 0.",
    "draw-action-bench": "## Draw ActionBench\n\nEight actions of one body, 23 subjects, four images each, as ADI was "
    "measured. The embedded checkpoint draws one pair only, and does not know the action.\n\nFor your own checkpoint: "
    "set count to 0 and write your learned words, `<{action}>` for `<salute>` and its like.",
    "let-people-vote": "## Let people vote\n\nTwo methods draw the same lines from the same seeds, and **Write Voting "
    "Page** puts them side by side without telling which is which: `votes.html` and `votes.key.json` in the output "
    "folder. Send the page, keep the key.\n\nFor your own token: connect its loader, write its word for the first "
    "method and other words for the second.",
    "count-votes": "## Count votes\n\nPut the files that voters have sent you into the folder `votes` in ComfyUI's "
    "input folder. **Read Votes** finds the key of *Let people vote* by the name of its page.",
    "see-where-words-attend": "## See where words attend\n\n**Capture Attention** stands between checkpoint and "
    "sampler and changes no pixel; **Visualize Attention** lays the attention of each word over the images, for the "
    "layers on the way down, in the middle and on the way up.\n\nFor your own token: put its loader before or behind "
    "**Capture Attention**, and its word into prompt and words.",
    "score-a-folder": "## Score a folder\n\nPut images of any sizes into the folder `images` in ComfyUI's input "
    "folder. Those that cannot be read are named in the report and lose no other.\n\nFor real images: choose an OWLv2 "
    "or GroundingDINO in **Load Detector** and a real CLIP in **Load CLIP Scorer**.",
    "write-a-report": "## Write a report\n\nTwo methods draw the same prompts from the same noise, **IAScore** judges "
    "both, and **Write Report** puts scores, images and all settings into one HTML file in the output folder.\n\nFor "
    "your own token: connect its loader and write its word for the first method; its name in *tokens* puts it into "
    "the page.",
    "compare-methods": "## Compare methods\n\nTextual Inversion, ReVersion, P+ and Interactive Action learn a word "
    "from the same dataset and draw the same prompts from the same noise; beside them stands the plain word "
    '"handling". **IAScore** judges all, and **Write Report** puts it into one page.\n\n'
    "Run *Teach an action from simulation* once before, it saves the dataset. One seed and sixteen prompts show a "
    "tendency; for tables with intervals over seeds there is `make evidence`.",
    "edit-with-text-and-style": "## Edit with text and style\n\nThe embedded editor makes a simulated cabinet out of "
    "what the text says and the style images show. It knows a few things, materials and lights of the simulator: "
    "*make the chest out of wood*, *make the box red*, *make it evening*.\n\nFor real images: take an extended "
    "InstructPix2Pix that was taught (**Extend an editor**, **Teach an edit**) and your own images, with 7.5 for s_T "
    "and 3 for s_sty.",
    "make-a-simulation-look-real": "## Make a simulation look real\n\nWhat a simulator recorded is edited from five "
    "style images of a material; the recording's own masks say where, and outside of them every pixel stays as it "
    "was. Contacts, joints and boxes stay true.\n\nFor real looks: an editor that was taught, width and height 512, "
    "and five photographs of the material in the place of **Style Samples**.",
    "extend-an-editor": "## Extend an editor\n\nNeeds an InstructPix2Pix checkpoint of SD 1.x in `models/checkpoints`, "
    "such as its authors' `instruct-pix2pix-00-22000.safetensors`. It is extended once, into "
    "`style-editor.safetensors`, for **Load Checkpoint**.\n\nA model that was only extended follows the text and not "
    "yet the style: teach it with *Teach an edit*.",
    "mask-a-thing": "## Mask a thing\n\n**Grounded Mask** finds a named thing in a photograph: a mask for *Score an "
    "edit*, *Teach an edit* or the guider. Simulated images have exact masks and need none of this.\n\nThe models are "
    "fetched from the hub at first use, or named by folder.",
    "score-an-edit": "## Score an edit\n\n**Score Edits** tells how far edits kept the structure of their images, and "
    "how far they took the look of the style images; *best* is the best of them. Both scores: lower is better.\n\nFor "
    "real images: choose Depth Anything and DreamSim or DINOv2 in **Editing Reward**, and make masks with **Grounded "
    "Mask**.",
    "teach-an-edit": "## Teach an edit\n\n**Train Editor from AI Feedback** edits each simulated image twice, lets "
    "**Editing Reward** choose, and learns from the choice. Look at the reward, not at the loss.\n\nFor an extended "
    "InstructPix2Pix: your own images and about five of the wanted look, 256 x 256, learning_rate 0.00003, 20 "
    "denoising steps, s_sty 3 and s_T 7.5; the paper takes 128 pairs a step. What was learned loads as a LoRA over "
    "the same checkpoint.",
    "compare-simulation-and-robot": "## Compare simulation and robot\n\nWhich simulation foretells success on the "
    "robot? It begins with the paper's own table; write yours, or name a `.csv` in the input folder.",
    "draw-a-floor-plan-and-furnish-it": "## Draw a floor plan and furnish it\n\nTwo masks make an L, **Floor Plan from "
    "Mask** makes a room of it, and a small model furnishes it twice from the same noise: left as it likes, right "
    "guided by physics and settled. The first room becomes a 3-D file, all are saved as `my-rooms`.\n\nFor your own "
    "room: paint it in the mask editor of **Load Image**, connect its MASK, say how wide it is, and look at the plan "
    "for the numbers of the walls that get doors.",
    "score-rooms": "## Score rooms\n\nSloppy rooms by rules, as data sets of real rooms are, scored as they are and "
    "after **Settle Rooms**: collisions, things in walls, what a robot reaches, and what stands as people place it, "
    "with 95 % intervals. The worst rooms are drawn.\n\nFor your own rooms: put **Load Rooms** or **Import Rooms** in "
    "the place of the sloppy ones.",
    "record-an-action-in-a-generated-room": "## Record an action in a generated room\n\nRules furnish a kitchen; a "
    "Panda looks for a door or drawer that it reaches and opens it, by real physics, seen from four sides. Where it "
    "stands is chosen so that it has space. The recording is kept in `datasets/interactive_action_recordings`, with "
    "the name of what each pixel shows.\n\nChoose robot, action and what is acted on in **Room to Scene**: *pick up* "
    "and most others are done with an object on a table or counter. For rooms of a model or of your own put **Sample "
    "Rooms** or **Load Rooms** before it.",
    "use-your-own-3d-front": "## Use your own 3D-FRONT\n\nPut a house of 3D-FRONT into the input folder, here "
    "`house.json`, and 3D-FUTURE beside it if you have it: its folder's name into *table*. A layout model learns from "
    "its rooms, furnishes the first one around what stands there, and an L of yours.\n\nOne house is enough to look; "
    "a model of use needs thousands of rooms and a GPU: `interactive-action rooms train`. ATISS's `boxes.npz`, "
    "ProcTHOR, SceneEval and ReSpace are read, too.",
    "export-to-simulators": "## Export to simulators\n\nThe rooms that *Draw a floor plan and furnish it* saved, with "
    "meshes of yours from the folder `furniture` in the input folder (a subfolder for each class: `furniture/sofa/`), "
    "as GLB, URDF, MJCF, USD and for SceneEval: walls, doors, mass, collision, joints. The viewer shows the first room "
    "with its doors and drawers half open.\n\nWithout meshes: connect the rooms to **Export Rooms** and **Room to 3-D "
    "File** directly.",
}
"""Name of a workflow -> what its page says, in Markdown."""

THUMBNAILS: dict[str, tuple[str, tuple[int, int, int, int] | None]] = {
    "teach-an-action-from-simulation": ("simulated.png", (0, 0, 788, 396)),
    "use-a-token": ("before_after.png", None),
    "teach-z-image-an-action": ("simulated.png", (0, 0, 788, 396)),
    "teach-flux-an-action": ("simulated.png", (0, 0, 788, 396)),
    "use-a-token-with-z-image": ("before_after.png", None),
    "share-a-token": ("../web/docs/before-after.jpg", None),
    "fetch-a-token": ("../web/docs/before-after.jpg", None),
    "train-from-a-saved-dataset": ("loss.png", None),
    "record-an-action": ("../web/docs/actions.jpg", (0, 288, 864, 720)),
    "make-a-dataset-of-triples": ("../web/docs/triples.jpg", None),
    "film-an-action": ("../web/docs/film.jpg", None),
    "act-with-your-own-robot": ("../web/docs/own-robot.jpg", None),
    "import-a-recording": ("../web/docs/actions.jpg", (432, 432, 1296, 864)),
    "train-with-textual-inversion": ("../web/docs/comparison.jpg", (0, 122, 804, 240)),
    "train-with-reversion": ("../web/docs/comparison.jpg", (0, 244, 804, 362)),
    "train-with-noise-gating": ("simulated.png", (0, 0, 788, 396)),
    "train-with-p-plus": ("../web/docs/comparison.jpg", (0, 366, 804, 484)),
    "train-with-adi": ("simulated.png", (0, 0, 788, 396)),
    "train-with-dreambooth": ("../web/docs/dreambooth.jpg", None),
    "train-with-custom-diffusion": ("../web/docs/dreambooth.jpg", None),
    "draw-a-prompt-set": ("../web/docs/prompt-set.jpg", None),
    "draw-action-bench": ("../web/docs/prompt-set.jpg", (0, 0, 528, 264)),
    "let-people-vote": ("../web/docs/voting-page.jpg", None),
    "count-votes": ("../web/docs/votes.jpg", None),
    "see-where-words-attend": ("../web/docs/attention.jpg", None),
    "score-a-folder": ("../web/docs/folder.jpg", None),
    "write-a-report": ("../web/docs/report.jpg", None),
    "compare-methods": ("../web/docs/comparison.jpg", None),
    "edit-with-text-and-style": ("../web/docs/edits.jpg", None),
    "make-a-simulation-look-real": ("../web/docs/make-real.jpg", None),
    "extend-an-editor": ("../web/docs/three-conditions.jpg", None),
    "mask-a-thing": ("../web/docs/mask.jpg", None),
    "score-an-edit": ("../web/docs/score-edits.jpg", None),
    "teach-an-edit": ("../web/docs/teach-an-edit.jpg", None),
    "compare-simulation-and-robot": ("../web/docs/sim-to-real.jpg", None),
    "draw-a-floor-plan-and-furnish-it": ("../web/docs/rooms.jpg", None),
    "score-rooms": ("../web/docs/rooms-scored.jpg", None),
    "record-an-action-in-a-generated-room": ("../web/docs/rooms-action.jpg", None),
    "use-your-own-3d-front": ("../web/docs/rooms-completed.jpg", None),
    "export-to-simulators": ("../web/docs/rooms-3d.jpg", None),
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
        .map(input => app.graph.getNodeById(app.graph.links[input.link]?.origin_id ??
        app.graph.links.get(input.link).origin_id))
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
  // a text box that a link fills keeps what stood in the box of the same number of the graph before
  for (const node of nodes)
    for (const input of node.inputs ?? []) {
      const widget = input.link != null && node.widgets?.find(widget => widget.name === input.widget?.name)
      if (widget && widget.type === 'customtext') widget.value = ''
    }
  const text = LiteGraph.createNode('MarkdownNote')
  app.graph.add(text)
  text.widgets[0].value = note  // only now: adding it empties the box
  text.pos = [40, -260]
  text.setSize([620, 250])
  return app.graph.serialize()
})(%s, %s, %s)
"""


def main() -> None:
    """Writes all of them, and their thumbnails."""
    WORKFLOWS.mkdir(exist_ok=True)
    with ComfyServer() as server, Browser() as browser:
        browser.open_comfyui(server.address)
        nodes = server.client().nodes()
        for name, note in NOTES.items():
            prompt = with_defaults(load_prompt(name), nodes)
            workflow = browser.evaluate(LAYOUT % (json.dumps(prompt), json.dumps(name), json.dumps(note)))
            (WORKFLOWS / f"{name}.json").write_text(json.dumps(workflow, indent=1) + "\n", encoding="utf-8")
            print(f"workflows/{name}.json: {len(workflow['nodes'])} nodes")
    for name, (image, box) in THUMBNAILS.items():
        write_thumbnail(name, image, box)


def with_defaults(prompt: Prompt, nodes: dict[str, Any]) -> Prompt:
    """Returns a prompt that also says what it leaves at its default.

    The page gives a box that nobody filled what stood in the box of the same name and number in the graph before.

    Args:
        prompt: in the form for programs.
        nodes: what the server knows of every node.
    """
    filled = {}
    for number, node in prompt.items():
        groups = nodes[node["class_type"]]["input"]
        entries = {**groups.get("required", {}), **groups.get("optional", {})}
        defaults = {
            name: options[0]["default"]
            for name, (kind, *options) in entries.items()
            if kind in BOXES and options and "default" in options[0]
        }
        filled[number] = {**node, "inputs": {**defaults, **node["inputs"]}}
    return filled


def write_thumbnail(name: str, image: str, box: tuple[int, int, int, int] | None) -> None:
    """Writes the thumbnail of a workflow, or says that its image is not there yet.

    Args:
        name: the workflow's.
        image: path below ``demo/``.
        box: left, top, right and bottom of the part that is shown, pixels; None: all.
    """
    if not (DEMO / image).exists():
        print(f"No thumbnail for {name}: run `make demo` first.")
        return
    thumbnail = Image.open(DEMO / image).convert("RGB")
    thumbnail = thumbnail.crop(box) if box else thumbnail
    thumbnail.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS)
    thumbnail.save(WORKFLOWS / f"{name}.jpg", quality=85)


if __name__ == "__main__":
    main()
