"""Where a learned thing comes from, as strings in the file that holds it."""

import json

ARCHITECTURES = {(768, 1280): "stable-diffusion-xl-v1-base", (1024,): "stable-diffusion-v2"}


def provenance(loss, method, action, base_model, base_model_sha256, state):
    """What a token's or LoRA's file tells: how (``method`` of ``METHODS`` and ``loss``), on which model and for how long it was learned."""
    best = max(state.scores, key=state.scores.get, default=None)
    return {
        "interactive_action.action": action,
        "interactive_action.method": method,
        "interactive_action.base_model": base_model,
        "interactive_action.base_model_sha256": base_model_sha256,
        "interactive_action.dataset_sha256": loss.dataset.sha256(),
        "interactive_action.images": str(len(loss.dataset)),
        "interactive_action.hyperparameters": json.dumps(loss.config.as_dict(), sort_keys=True),
        "interactive_action.seed": str(loss.config.seed),
        "interactive_action.step": str(state.step) if best is None else best,
        **({} if best is None else {"interactive_action.score": f"{state.scores[best]:.4f}"}),
        "modelspec.architecture": f"{ARCHITECTURES.get(tuple(loss.engine.widths), 'stable-diffusion-v1')}/textual-inversion",
    }
