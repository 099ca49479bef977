"""A legend below a picture that has no room for names: which colour is what, and how often."""

from collections import Counter
from collections.abc import Sequence

from PIL import Image as Pillow
from PIL import ImageDraw

from shoal.pictures.drawing import Box
from shoal.pictures.lettering import cut_to, drawable, font
from shoal.pictures.tags import text_size

PAPER, INK = (255, 255, 255), (20, 20, 20)

MOST_LINES = 6


def add_legend(picture: Pillow.Image, boxes: Sequence[Box]) -> Pillow.Image:
    """Put a picture above the names of what is in it, the most frequent first."""
    letters = text_size(max(picture.size))
    pad, line = letters // 2, round(1.5 * letters)
    counts = Counter((drawable(box.label, box.class_id), box.colour) for box in boxes)
    rows: list[list[tuple[str, str, float]]] = [[]]
    x, width = float(pad), picture.width
    for (name, colour), count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        text = cut_to(f"{name} ({count})", width - 2 * pad - line, letters)
        needs = line + font(letters).getlength(text) + letters
        if rows[-1] and x + needs > width:
            rows.append([])
            x = float(pad)
        rows[-1].append((text, colour, x))
        x += needs
    shown = rows[:MOST_LINES]
    left_out = sum(len(row) for row in rows[MOST_LINES:])
    height = pad + line * (len(shown) + bool(left_out))
    whole = Pillow.new("RGB", (width, picture.height + height), PAPER)
    whole.paste(picture, (0, 0))
    pen = ImageDraw.Draw(whole)
    for number, row in enumerate(shown):
        y = picture.height + pad // 2 + number * line
        for text, colour, left in row:
            pen.rectangle((left, y + letters // 5, left + letters, y + letters + letters // 5), fill=colour)
            pen.text((left + line, y), text, font=font(letters), fill=INK)
    if left_out:
        pen.text((pad, whole.height - line), f"… and {left_out} more", font=font(letters), fill=INK)
    return whole
