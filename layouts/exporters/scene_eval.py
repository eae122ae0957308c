"""A room as a scene state for SceneEval (Tam et al. 2026), with the table that says what each model is and how large.

Metres, z up, fronts towards -y. A state names models only, so ``models.json`` beside it holds class, size, up and front
of each, which the importer reads, and the folder ``models/`` their meshes.
"""

from __future__ import annotations

import json
import math
from typing import Any

from ...sim.furnishings.makers import furnish
from ...sim.layout import FloorPlan, Layout
from .bodies import Body, Maker, bodies_of
from .glb import glb_bytes

SOURCE = "interactive-action"
STATE, TABLE = "scene_state.json", "models.json"


def export_scene_eval(layout: Layout, maker: Maker = furnish) -> dict[str, bytes]:
    """Returns {name: content} of "scene_state.json", "models.json" and a .glb of each model.

    Args:
        layout: the room.
        maker: makes the furniture of an object.

    Raises:
        MissingExtraError: trimesh is not there.
    """
    bodies = bodies_of(layout, maker, shell=False)
    files, models, objects = {}, {}, []
    for number, (item, body) in enumerate(zip(layout.objects, bodies)):
        model = f"{SOURCE}.{body.name}"
        file = f"models/{body.name}.glb"
        models[model] = {
            "category": item.category,
            "size": list(item.size),
            "up": [0, 0, 1],
            "front": [0, -1, 0],
            "asset": item.asset,
            "file": file,
        }
        files[file] = glb_bytes([Body(body.name, body.category, body.furnishing, (0.0, 0.0, 0.0), 0.0, body.opened)])
        transform = {"rows": 4, "cols": 4, "data": body.pose.T.ravel().tolist()}  # column by column
        objects.append(
            {"id": str(number), "modelId": model, "index": number, "parentIndex": -1, "transform": transform}
        )
    scene = {
        "version": "scene@1.0.2",
        "id": "room",
        "unit": 1.0,
        "up": [0, 0, 1],
        "front": [0, -1, 0],
        "arch": {
            "version": "arch@1.0.2",
            "id": "room",
            "up": [0, 0, 1],
            "front": [0, -1, 0],
            "scaleToMeters": 1,
            "elements": _elements(layout.floor_plan),
        },
        "object": objects,
    }
    return {
        STATE: _json({"format": "sceneState", "scene": scene, "selected": []}),
        TABLE: _json(models),
        **files,
    }


def _elements(plan: FloorPlan) -> list[dict[str, Any]]:
    """The floor and the walls with their holes."""
    room = f"{plan.room_type} 0"
    floor: dict[str, Any] = {
        "id": "floor_0",
        "type": "Floor",
        "roomId": room,
        "roomType": plan.room_type,
        "points": [[x, y, 0.0] for x, y in plan.corners],
    }
    elements = [floor]
    for number, (start, end) in enumerate(plan.walls):
        holes = [
            {
                "id": f"hole_{number}_{k}",
                "type": opening.kind.capitalize(),
                "box": {
                    "min": [opening.start, opening.sill],
                    "max": [opening.start + opening.width, opening.sill + opening.height],
                },
            }
            for k, opening in enumerate(plan.openings)
            if opening.wall == number
        ]
        elements.append(
            {
                "id": f"wall_{number}",
                "type": "Wall",
                "roomId": room,
                "points": [[*start, 0.0], [*end, 0.0]],
                "length": math.dist(start, end),
                "height": plan.height,
                "holes": holes,
            }
        )
    return elements


def _json(data: Any) -> bytes:
    return json.dumps(data, indent=1, allow_nan=False).encode()
