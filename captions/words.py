"""Words and phrases for interactive actions, grouped so that no list names another action.

000, section 3.3.1 steers v* towards "over 150 words and phrases" of interactive actions. One list for all
actions pulls the token of one action towards another that also stands in it, so the lists are kept apart
and the user sees and edits the one that is used. The words are our own choice.
"""

ACTION_WORDS = {
    "any interaction": (
        "handling", "using", "touching", "grasping", "gripping", "playing with", "working with", "interacting with",
        "reaching for", "busy with", "engaged with", "manipulating",
    ),
    "pick up": (
        "picking up", "lifting", "lifting up", "raising", "hoisting", "taking up", "scooping up", "hauling up", "heaving",
        "elevating", "holding aloft", "plucking", "uplifting", "gathering up",
    ),
    "hold": (
        "holding", "clutching", "clasping", "cradling", "embracing", "cupping", "keeping hold of", "hanging on to",
        "wielding", "brandishing", "grasping firmly",
    ),
    "carry": (
        "carrying", "transporting", "bearing", "lugging", "toting", "conveying", "bringing", "fetching", "delivering",
        "shouldering", "hauling away",
    ),
    "push": (
        "pushing", "shoving", "nudging", "thrusting", "propelling", "pressing against", "bumping", "driving forward",
        "rolling away", "leaning into", "prodding",
    ),
    "pull": (
        "pulling", "dragging", "tugging", "towing", "drawing near", "yanking", "hauling in", "heaving at", "reeling in",
        "tugging at",
    ),
    "slide": ("sliding", "gliding", "slipping along", "skidding", "shifting sideways", "sweeping along", "wiping across"),
    "put down": (
        "putting down", "placing", "setting down", "laying down", "depositing", "resting", "lowering", "dropping off",
    ),
    "put into": (
        "putting into", "inserting", "placing inside", "packing", "loading", "stuffing", "plugging in", "dropping into",
    ),
    "stack": ("stacking", "piling up", "heaping", "balancing on top", "building up", "layering", "putting on top"),
    "open": (
        "opening", "opening up", "unlocking", "unsealing", "pulling open", "swinging open", "uncovering", "lifting the lid of",
        "unfastening", "prying open",
    ),
    "close": (
        "closing", "shutting", "closing up", "sealing", "locking", "pushing shut", "slamming", "covering", "fastening",
    ),
    "press": ("pressing", "pushing the button of", "tapping", "poking", "squeezing", "clicking", "pressing down on"),
    "turn": ("turning", "rotating", "twisting", "spinning", "cranking", "winding", "screwing", "turning the knob of"),
    "pour": ("pouring", "pouring out", "tipping out", "emptying", "spilling", "decanting", "filling", "draining"),
    "throw": ("throwing", "tossing", "hurling", "flinging", "pitching", "lobbing", "chucking", "launching"),
    "strike": ("striking", "hitting", "knocking", "beating", "punching", "hammering", "kicking", "smashing", "slapping"),
    "hand over": ("handing over", "passing", "giving", "offering", "presenting", "exchanging", "receiving from"),
    "sit on": ("sitting on", "seated on", "perched on", "resting on", "lounging on", "riding", "straddling", "kneeling on"),
}

# What each action looks most like in a single image: the words of these are what its token is best kept away from.
MISTAKEN_FOR = {
    "any interaction": (),
    "pick up": ("push", "slide", "put down"),
    "hold": ("put down", "throw", "hand over"),
    "carry": ("hold", "put down", "throw"),
    "push": ("pull", "pick up", "strike"),
    "pull": ("push", "pick up", "hold"),
    "slide": ("pick up", "push", "turn"),
    "put down": ("pick up", "carry", "throw"),
    "put into": ("pick up", "stack", "pour"),
    "stack": ("put into", "pick up", "strike"),
    "open": ("close", "press"),
    "close": ("open", "strike"),
    "press": ("pick up", "strike", "turn"),
    "turn": ("press", "pull", "pick up"),
    "pour": ("put into", "hold"),
    "throw": ("hold", "hand over", "put down"),
    "strike": ("press", "push", "hold"),
    "hand over": ("throw", "hold", "pull"),
    "sit on": ("carry", "push", "strike"),
}


def negative_words(action):
    """Words and phrases of the actions that ``action`` is mistaken for."""
    return tuple(word for other in MISTAKEN_FOR[action] for word in ACTION_WORDS[other])
