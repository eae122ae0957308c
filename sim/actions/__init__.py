"""One file an action: how the robot does it, and how the simulation tells that it was done."""

from .action import Action
from .carry import Carry
from .drop import Drop
from .hand_over import HandOver
from .hold import Hold
from .hold_in_both_hands import HoldInBothHands
from .insert import Insert
from .lift_overhead import LiftOverhead
from .lift_together import LiftTogether
from .open_close import Close, Open, Turn
from .pick_up import PickUp
from .place_into import PlaceInto
from .place_on import PlaceOn
from .pour import Pour
from .press import Press
from .press_with_both_hands import PressWithBothHands
from .push import Pull, Push
from .push_with_both_hands import PushWithBothHands
from .shake import Shake
from .slide import Slide
from .stack import Stack
from .strike import Strike
from .take_out import TakeOut
from .tip_over import TipOver
from .touch import Touch

ACTIONS: dict[str, type[Action]] = {
    action.name: action
    for action in (
        PickUp,
        *(Hold, Carry, Shake, Drop, Slide, PlaceOn, PlaceInto, Stack, TakeOut),
        *(Push, Pull, TipOver, Strike, Touch, Press),
        *(Open, Close, Turn, Pour, Insert, HandOver, LiftTogether, LiftOverhead, HoldInBothHands),
        *(PushWithBothHands, PressWithBothHands),
    )
}
