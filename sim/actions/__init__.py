"""One class an action: how the robot does it, and how the simulation tells that it was done."""

from .pick_up import PickUp

ACTIONS = {action.name: action for action in (PickUp,)}
