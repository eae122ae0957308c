"""Sheets of pictures for people to look at."""

from PIL import Image, ImageDraw, ImageFont

GAP, LINE = 4, 22


def contact_sheet(pictures, path, columns=8, side=192):
    """Lay pictures out in rows and save them."""
    pictures = pictures[: columns * 4]
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * (side + GAP) + GAP, rows * (side + GAP) + GAP), "white")
    for number, picture in enumerate(pictures):
        _paste(sheet, picture, GAP + number % columns * (side + GAP), GAP + number // columns * (side + GAP), side)
    sheet.save(path)


def before_and_after(rows, before, after, path, each=4, side=128):
    """One line a prompt: the first pictures without the token left, those of the same seeds with it right.

    rows: (caption, pictures before, pictures after).
    """
    half = each * (side + GAP)
    width, height = 2 * half + 5 * GAP, LINE + len(rows) * (side + LINE + GAP)
    sheet = Image.new("RGB", (width, height), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    draw.text((GAP, 2), f"before: {before}", "black", font)
    draw.text((half + 4 * GAP, 2), f"after: {after}", "black", font)
    for line, (caption, left, right) in enumerate(rows):
        top = LINE + line * (side + LINE + GAP)
        for start, word, pictures in ((GAP, before.strip('"'), left), (half + 4 * GAP, after, right)):
            draw.text((start, top), caption.replace("...", word), "dimgrey", font)
            for number, picture in enumerate(pictures[:each]):
                _paste(sheet, picture, start + number * (side + GAP), top + LINE, side)
    sheet.save(path)


def edit_sheet(columns, titles, path, side=144):
    """One column for each list of pictures, under its title; a line an edit."""
    sheet = Image.new("RGB", (len(columns) * (side + GAP) + GAP, LINE + len(columns[0]) * (side + GAP)), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    for number, (title, column) in enumerate(zip(titles, columns)):
        left = GAP + number * (side + GAP)
        draw.text((left, 2), title, "black", font)
        for line, picture in enumerate(column):
            _paste(sheet, picture, left, LINE + line * (side + GAP), side)
    sheet.save(path)


def row_each(rows, path, side=96):
    """One line of pictures a caption, for example a method. rows: (caption, pictures)."""
    width = max(len(pictures) for _, pictures in rows) * (side + GAP) + GAP
    sheet = Image.new("RGB", (width, len(rows) * (side + LINE + GAP)), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    for line, (caption, pictures) in enumerate(rows):
        top = line * (side + LINE + GAP)
        draw.text((GAP, top), caption, "black", font)
        for number, picture in enumerate(pictures):
            _paste(sheet, picture, GAP + number * (side + GAP), top + LINE, side)
    sheet.save(path)


def _paste(sheet, picture, x, y, side):
    scale = side / max(picture.size)
    sheet.paste(
        picture.resize((round(picture.width * scale), round(picture.height * scale)), Image.Resampling.LANCZOS), (x, y)
    )
