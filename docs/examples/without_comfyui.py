# %% [markdown]
# # Record, train, draw and score, without ComfyUI
#
# A simulated humanoid lifts a cube above its head; a word for the action is learned on the small embedded model; the
# word draws other subjects and things; IAScore says whether it happened. It needs, in the folder of the pack:
#
#     pip install -e ".[standalone,train,score]"
#     pip install --no-deps -r requirements-sim.txt
#
# With the numbers below it takes some minutes on two CPU cores.

# %%
EPISODES, STEPS, DENOISING_STEPS = 12, 400, 20

# %% [markdown]
# ## Record
# Physics decides whether the action succeeded; an episode that did not is run again with another seed.

# %%
from interactive_action.sim.plan import Plan
from interactive_action.sim.pool import Pool
from interactive_action.sim.scene import Scene

scene = Scene(robot="unitree g1", action="lift overhead", object="big cube", seed=1)
plan = Plan(num_episodes=EPISODES, cameras=4, key_frames="held", frames_per_episode=2, width=96, height=96)
with Pool(workers=1) as pool:
    recording = pool.record(scene, plan)
print(recording.summary())

# %% [markdown]
# ## Caption
# Each image gets prompts that say "Subject `<v*>` Object", and the same with "and" for the teacher.

# %%
import torch

from interactive_action.captions.dataset import InteractionDataset
from interactive_action.captions.templates import TEMPLATES, paired_prompts

pairs = [paired_prompts(TEMPLATES, subject, thing) for subject, thing in zip(recording.subject, recording.object)]
images = torch.from_numpy(recording.images).float() / 255
dataset = InteractionDataset(images, tuple(y for y, _ in pairs), tuple(y_and for _, y_and in pairs))
dataset.save("dataset")
print(len(dataset), "images, such as:", dataset.prompts[0][0], "|", dataset.prompts_and[0][0])

# %% [markdown]
# ## Train
# A run file says it all; `interactive-action train run.toml` does the same from a terminal.

# %%
import pathlib

from interactive_action.miniature.weights import CHECKPOINT
from interactive_action.tokens.token_file import load_token
from interactive_action.trainers.train import train

run = f"""
model = '{CHECKPOINT}'
dataset = "dataset"
action = "pick up"
name = "lift"
[hyperparameters]
steps = {STEPS}
batch_size = 8
learning_rate = 0.0005
lambda_distill = 0.05
initializer_token = "handling"
"""
pathlib.Path("run.toml").write_text(run, encoding="utf-8")
[path] = train("run.toml")
token = load_token(path)
print(path.name, token.trigger_word, tuple(token.vectors.shape))

# %% [markdown]
# ## Draw
# The same noise twice: with the word, and with the plain word that it started from.

# %%
from interactive_action.models.sampling import prompt_contexts, sample
from interactive_action.models.single_file import load_single_file

texts = ["a panda <v*> a strawberry", "a frog <v*> a cup", "a bear <v*> a lemon", "a robot <v*> a ball"]
noise = torch.randn((len(texts), 4, 12, 12), generator=torch.Generator().manual_seed(1))  # 96 pixels, an eighth
drawn = {}
with load_single_file(CHECKPOINT, device="cpu") as engine, torch.no_grad():
    for name, vectors in (("with the word", token.vectors), ("with the plain word", None)):
        prompts = texts if vectors is not None else [text.replace("<v*>", "handling") for text in texts]
        latents = sample(engine, noise, prompt_contexts(engine, prompts, vectors), DENOISING_STEPS, 4.0)
        drawn[name] = engine.decode_latents(latents)

# %% [markdown]
# ## Score
# An image counts if the boxes of subject and object overlap, and then with how well CLIP finds that it matches.

# %%
from interactive_action.miniature.judges import load_judges
from interactive_action.scoring.iascore import score_images, summarize

detector, clip_scorer = load_judges()
subjects, things = ["panda", "frog", "bear", "robot"], ["strawberry", "cup", "lemon", "ball"]
plain = [f"a {subject} picking up a {thing}" for subject, thing in zip(subjects, things)]
for name, batch in drawn.items():
    scores = summarize(score_images(batch, subjects, things, plain, detector, clip_scorer))
    print(f"{name}: IAScore {scores['iascore_cosine']:.2f}, both overlap in {scores['pass_rate']:.0%} of {len(batch)}")

# %%
from PIL import Image

rows = [torch.cat(list(batch), dim=1) for batch in drawn.values()]
sheet = Image.fromarray((torch.cat(rows) * 255).round().byte().numpy())
sheet.save("drawn.png")
sheet
