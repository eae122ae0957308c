"""Sheets of images for people to look at."""

from PIL import Image, ImageDraw, ImageFont

GAP, LINE = 4, 22


def contact_sheet(images, path, columns=8, side=192):
    """Lay images out in rows and save them."""
    images = images[: columns * 4]
    rows = -(-len(images) // columns)
    sheet = Image.new("RGB", (columns * (side + GAP) + GAP, rows * (side + GAP) + GAP), "white")
    for number, image in enumerate(images):
        _paste(sheet, image, GAP + number % columns * (side + GAP), GAP + number // columns * (side + GAP), side)
    sheet.save(path)


def before_and_after(rows, before, after, path, each=4, side=128):
    """One line a prompt: the first images without the token left, those of the same seeds with it right.

    rows: (caption, images before, images after).
    """
    half = each * (side + GAP)
    width, height = 2 * half + 5 * GAP, LINE + len(rows) * (side + LINE + GAP)
    sheet = Image.new("RGB", (width, height), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    draw.text((GAP, 2), f"before: {before}", "black", font)
    draw.text((half + 4 * GAP, 2), f"after: {after}", "black", font)
    for line, (caption, left, right) in enumerate(rows):
        top = LINE + line * (side + LINE + GAP)
        for start, word, images in ((GAP, before.strip('"'), left), (half + 4 * GAP, after, right)):
            draw.text((start, top), caption.replace("...", word), "dimgrey", font)
            for number, image in enumerate(images[:each]):
                _paste(sheet, image, start + number * (side + GAP), top + LINE, side)
    sheet.save(path)


def edit_sheet(columns, titles, path, side=144):
    """One column for each list of images, under its title; a line an edit."""
    sheet = Image.new("RGB", (len(columns) * (side + GAP) + GAP, LINE + len(columns[0]) * (side + GAP)), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    for number, (title, column) in enumerate(zip(titles, columns)):
        left = GAP + number * (side + GAP)
        draw.text((left, 2), title, "black", font)
        for line, image in enumerate(column):
            _paste(sheet, image, left, LINE + line * (side + GAP), side)
    sheet.save(path)


def row_each(rows, path, side=96):
    """One line of images a caption, for example a method. rows: (caption, images)."""
    width = max(len(images) for _, images in rows) * (side + GAP) + GAP
    sheet = Image.new("RGB", (width, len(rows) * (side + LINE + GAP)), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    for line, (caption, images) in enumerate(rows):
        top = line * (side + LINE + GAP)
        draw.text((GAP, top), caption, "black", font)
        for number, image in enumerate(images):
            _paste(sheet, image, GAP + number * (side + GAP), top + LINE, side)
    sheet.save(path)


def _paste(sheet, image, x, y, side):
    scale = side / max(image.size)
    sheet.paste(
        image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.LANCZOS), (x, y)
    )
