"""Where it happens: each room is a function that furnishes a SAPIEN scene whose working surface is at height 0."""


def plain(scene, ground, rng):
    """An endless ground of one colour, which masks are cut from most easily."""
    from .shapes import material

    scene.add_ground(0, render_material=material(ground, roughness=0.9))


ROOMS = {"plain": plain}
