"""``python . tools.dev.registry_images``: docs/icon.png and docs/banner.jpg, cut from images of ``make demo``.

The Comfy registry shows them: an icon of at most 400 x 400 pixels, and a banner of 21 : 9.
"""

from __future__ import annotations

from PIL import Image

from .server import ROOT

BEFORE_AFTER = ROOT / "web" / "docs" / "before-after.jpg"
SIMULATED = ROOT / "workflows" / "teach-an-action-from-simulation.jpg"
ICON_SIDE, BANNER = 400, (1260, 540)  # pixels
LIFTED = [
    (544 + 132 * column, 44 + 154 * row, 672 + 132 * column, 172 + 154 * row) for row in range(2) for column in (0, 1)
]
PAPER = "white"


def main() -> None:
    """Writes both."""
    drawn = Image.open(BEFORE_AFTER).convert("RGB")
    drawn.crop(LIFTED[0]).resize((ICON_SIDE, ICON_SIDE), Image.Resampling.LANCZOS).save(ROOT / "docs" / "icon.png")
    banner = Image.new("RGB", BANNER, PAPER)
    # left what was simulated, right what is drawn with the token that was learned from it
    simulated = Image.open(SIMULATED).convert("RGB").crop((0, 0, 320, 320)).resize((500, 500), Image.Resampling.LANCZOS)
    banner.paste(simulated, (20, 20))
    for number, box in enumerate([LIFTED[0], LIFTED[1], LIFTED[3], (544, 352, 672, 480)]):
        cell = drawn.crop(box).resize((246, 246), Image.Resampling.LANCZOS)
        banner.paste(cell, (732 + 254 * (number % 2), 20 + 254 * (number // 2)))
    banner.save(ROOT / "docs" / "banner.jpg", quality=90)


if __name__ == "__main__":
    main()
