"""Queues a shipped workflow on a ComfyUI that runs with the pack, and saves its images into the folder images."""

import sys

from interactive_action.client import ComfyClient, load_workflow

client = ComfyClient(*sys.argv[1:2] or ["127.0.0.1:8188"])
outputs = client.run(load_workflow("use-a-token"), progress=print)
for path in client.save_images(outputs, "images"):
    print(path)
