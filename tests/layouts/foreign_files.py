"""One room in the formats of others, written by hand in their own axes: an L with a sofa, whose front is its arrow.

In our axes the floor is ``L_SHAPE`` and the sofa stands at (1, 3), turned by 0.7, 2.2 x 0.9 x 0.8 m. A door of 0.9 m
begins 1 m from the corner (0, 0) of the wall to (5, 0); a window of 1.2 m is in the wall from (0, 4) to (0, 0).
"""

import copy
import json
import math

import numpy as np
from scipy.spatial.transform import Rotation

from interactive_action.tests.layouts.small_rooms import L_SHAPE

SIZE, PLACE, YAW = (2.2, 0.9, 0.8), (1.0, 3.0, 0.0), 0.7
Y_UP = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]])  # ours to y up, right-handed: y up is our z, z is against our y
UNITY = np.array([[1, 0, 0], [0, 0, 1], [0, 1, 0]])  # ours to y up, left-handed
TRIANGLES = ((0, 1, 2), (0, 2, 3), (0, 3, 4), (0, 4, 5))  # of L_SHAPE, all inside
DOOR = [(1.0, 0.0, 0.0), (1.9, 0.0, 2.1)]
WINDOW = [(0.0, 3.0, 0.9), (0.0, 1.8, 2.1)]


def tip(item):
    """The middle of a thing's front."""
    x, y, _ = item.position
    return x + math.sin(item.yaw) * item.size[1] / 2, y - math.cos(item.yaw) * item.size[1] / 2


def quaternion(yaw=YAW):
    """x, y, z, w of a turn about +y."""
    return Rotation.from_rotvec([0, yaw, 0]).as_quat().tolist()


def turned_tip(rotation, axes, forward=(0, 0, 1)):
    """Where the tip is in our axes if a thing at ``PLACE`` is turned in the file's axes by ``rotation`` (3, 3)."""
    return (np.array(PLACE) + axes.T @ (rotation @ np.array(forward)) * SIZE[1] / 2)[:2]


def floor(axes, height=0.0):
    return [(axes @ (x, y, height)).tolist() for x, y in L_SHAPE]


def write(folder, name, data):
    (folder / name).write_text(json.dumps(data))
    return folder / name


def respace():
    return {
        "room_type": "bedroom",
        "bounds_bottom": floor(Y_UP),
        "bounds_top": floor(Y_UP, 2.7),
        "objects": [
            {
                "desc": "A modern three-seat sofa with green fabric",
                "size": [SIZE[0], SIZE[2], SIZE[1]],
                "pos": (Y_UP @ PLACE).tolist(),
                "rot": quaternion(),
                "jid": "abc",
            }
        ],
    }


def front3d():
    corners = np.array(floor(Y_UP, 0.2))
    wall = np.array([Y_UP @ (x, y, z) for x, y in L_SHAPE for z in (0.2, 2.9)])
    hole = {kind: [Y_UP @ (x, y, z + 0.2) for x, y, z in ends] for kind, ends in (("Door", DOOR), ("Window", WINDOW))}
    meshes = [
        {"uid": "floor", "type": "Floor", "xyz": corners.ravel().tolist(), "faces": np.ravel(TRIANGLES).tolist()},
        {"uid": "wall", "type": "WallInner", "xyz": wall.ravel().tolist(), "faces": []},
        *({"uid": kind, "type": kind, "xyz": np.ravel(ends).tolist(), "faces": []} for kind, ends in hole.items()),
    ]
    return {
        "uid": "house",
        "furniture": [
            {"uid": "1/model", "jid": "j1", "valid": True, "title": "sofa/three-seat", "size": [1.1, 0.8, 0.9]},
            {"uid": "2/model", "jid": "j2", "valid": False, "title": "bed", "size": [1, 1, 1]},
        ],
        "mesh": meshes,
        "scene": {
            "room": [
                {
                    "type": "LivingDiningRoom",
                    "instanceid": "LivingDiningRoom-1",
                    "children": [
                        *(
                            {"ref": mesh["uid"], "pos": [9, 9, 9], "rot": [0, 0, 0, 1], "scale": [1] * 3}
                            for mesh in meshes
                        ),
                        {
                            "ref": "1/model",
                            "pos": (Y_UP @ (PLACE[0], PLACE[1], 0.2)).tolist(),
                            "rot": quaternion(),
                            "scale": [2, 1, 1],
                        },
                        {"ref": "2/model", "pos": [0, 0, 0], "rot": [0, 0, 0, 1], "scale": [1, 1, 1]},
                    ],
                }
            ]
        },
    }


LABELS = ["armchair", "multi_seat_sofa", "pendant_lamp"]


def boxes():
    vertices = np.array(floor(Y_UP))
    middle = np.array([2.5, 0.0, -2.0])
    place = Y_UP @ (PLACE[0], PLACE[1], SIZE[2] / 2)
    return {
        "jids": np.array(["j1", "j2"]),
        "uids": np.array(["u1", "u2"]),
        "scene_type": np.array("livingroom"),
        "floor_plan_vertices": vertices,
        "floor_plan_faces": np.array(TRIANGLES),
        "floor_plan_centroid": middle,
        "class_labels": np.eye(5)[[1, 2]],
        "translations": np.array([place - middle, [0, 2.4, 0]]),
        "sizes": np.array([[SIZE[0] / 2, SIZE[2] / 2, SIZE[1] / 2], [0.2, 0.1, 0.2]]),
        "angles": np.array([[YAW], [0.0]]),
        "room_layout": np.zeros((8, 8, 1), np.uint8),
    }


def write_boxes(folder, arrays):
    room = folder / "house_LivingRoom-1"
    room.mkdir(exist_ok=True)
    np.savez(room / "boxes.npz", **arrays)
    write(folder, "dataset_stats.txt", {"class_labels": [*LABELS, "start", "end"]})
    return room


DEGREES = 180 - math.degrees(YAW)  # clockwise from above, and the front is +z


def point(axes, *place):
    return dict(zip("xyz", (axes @ place).tolist()))


def procthor():
    corners = list(zip(L_SHAPE, [*L_SHAPE[1:], L_SHAPE[0]]))
    walls = [
        {
            "id": f"wall|2|{number}",
            "roomId": "room|2",
            "polygon": [point(UNITY, *end, z) for z in (0.0, 2.7) for end in ends],
        }
        for number, ends in enumerate(corners)
    ]
    return {
        "metadata": {"schema": "1.0.0"},
        "rooms": [
            {"id": "room|2", "roomType": "LivingRoom", "floorPolygon": [point(UNITY, *corner, 0) for corner in L_SHAPE]}
        ],
        "walls": walls,
        "doors": [
            {
                "id": "door|2|0",
                "assetId": "Doorway_Double_7",
                "wall0": "wall|2|0",
                "holePolygon": [{"x": 1.0, "y": 0.0}, {"x": 1.9, "y": 2.1}],
            }
        ],
        "windows": [
            {
                "id": "window|2|5",
                "assetId": "Window_Slider_48x48",
                "wall0": "wall|2|5",
                "holePolygon": [{"x": 1.0, "y": 0.9}, {"x": 2.2, "y": 2.1}],
            }
        ],
        "objects": [
            {
                "id": "Sofa|2|0",
                "assetId": "Sofa_203_1",
                "position": point(UNITY, PLACE[0], PLACE[1], SIZE[2] / 2),
                "rotation": {"x": 0, "y": DEGREES, "z": 0},
                "children": [
                    {
                        "id": "Box|2|0|1",
                        "assetId": "Box_1",
                        "position": point(UNITY, 1.0, 3.0, 0.9),
                        "rotation": {"x": 0, "y": 0, "z": 0},
                    }
                ],
            }
        ],
    }


ASSETS = {
    "Sofa": [{"assetId": "Sofa_203_1", "boundingBox": {"x": SIZE[0], "y": SIZE[2], "z": SIZE[1]}}],
    "Box": [{"assetId": "Box_1", "boundingBox": {"x": 0.3, "y": 0.2, "z": 0.3}}],
}


def scene_eval():
    corners = list(zip(L_SHAPE, [*L_SHAPE[1:], L_SHAPE[0]]))
    holes = {
        0: {"type": "Door", "box": {"min": [1.0, 0.0], "max": [1.9, 2.1]}},
        5: {"type": "Window", "box": {"min": [1.0, 0.9], "max": [2.2, 2.1]}},
    }
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_rotvec([0, 0, YAW]).as_matrix()
    turn[:3, 3] = PLACE
    return {
        "format": "sceneState",
        "scene": {
            "up": [0, 0, 1],
            "arch": {
                "elements": [
                    {"type": "Floor", "roomId": "living room 0", "points": [[x, y, 0] for x, y in L_SHAPE]},
                    *(
                        {
                            "type": "Wall",
                            "roomId": "living room 0",
                            "height": 2.7,
                            "points": [[*end, 0] for end in ends],
                            "holes": [holes[number]] if number in holes else [],
                        }
                        for number, ends in enumerate(corners)
                    ),
                ]
            },
            "object": [{"modelId": "own.sofa", "index": 0, "transform": {"data": turn.T.ravel().tolist()}}],
        },
    }


MODELS = {"own.sofa": {"category": "sofa", "size": list(SIZE)}}


def write_all(folder):
    """{format: (file, its table or None)}, all of the same room."""
    return {
        "ReSpace": (write(folder, "room.json", respace()), None),
        "3D-FRONT": (write(folder, "house.json", front3d()), None),
        "boxes.npz": (write_boxes(folder, boxes()), None),
        "ProcTHOR": (write(folder, "procthor.json", procthor()), write(folder, "assets.json", ASSETS)),
        "SceneEval": (write(folder, "scene_state.json", scene_eval()), write(folder, "models.json", MODELS)),
    }


def changed(data, path, value):
    """A copy of nested data with one value changed; ``path`` is "a.0.b", and a value of None removes it."""
    copied = copy.deepcopy(data)
    *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    place = copied
    for step in way:
        place = place[step]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return copied
