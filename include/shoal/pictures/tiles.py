"""A contact sheet: pictures in rows, a caption below each, a title above all."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image as Pillow
from PIL import ImageDraw

from shoal.contract.errors import shown
from shoal.pictures.lettering import cut_to, font

GAP, LETTERS, TITLE = 10, 13, 17
LINE = 17
PAPER, INK, FAINT, NOTHING = (255, 255, 255), (20, 20, 20), (90, 90, 90), (225, 225, 225)


def lay_out(jpegs: Sequence[bytes], words: Mapping[str, Any]) -> bytes:
    """Lay pictures out; one that is empty is a grey field with the reason.

    Args:
        jpegs: The pictures, empty where there is none.
        words: `columns`; `captions` and `whys`, one of each for each picture; `title`; `quality`.
    """
    pictures = [Pillow.open(io.BytesIO(jpeg)).convert("RGB") if jpeg else None for jpeg in jpegs]
    sizes = [picture.size for picture in pictures if picture is not None] or [(320, 240)]
    wide, high = max(160, *(size[0] for size in sizes)), max(size[1] for size in sizes)
    captions = [caption.splitlines() for caption in words["captions"]]
    cell = high + LINE * max(map(len, captions), default=0) + 2 * GAP
    columns = max(1, min(words["columns"], len(pictures)))
    rows = -(-len(pictures) // columns)
    top = GAP + (TITLE + GAP if words["title"] else 0)
    sheet = Pillow.new("RGB", (GAP + columns * (wide + GAP), top + rows * cell), PAPER)
    pen = ImageDraw.Draw(sheet)
    if words["title"]:
        pen.text(
            (GAP, GAP - 3), cut_to(shown(words["title"]), sheet.width - 2 * GAP, TITLE), font=font(TITLE), fill=INK
        )
    for number, picture in enumerate(pictures):
        x, y = GAP + number % columns * (wide + GAP), top + number // columns * cell
        if picture is None:
            pen.rectangle((x, y, x + wide - 1, y + high - 1), fill=NOTHING)
            _write_reason(pen, words["whys"][number] or "", (x, y), (wide, high))
        else:
            sheet.paste(picture, (x + (wide - picture.width) // 2, y + high - picture.height))
        for line, text in enumerate(captions[number]):
            said = cut_to(shown(text), wide, LETTERS, keep_end=True)
            pen.text((x, y + high + 3 + line * LINE), said, font=font(LETTERS), fill=INK if line == 0 else FAINT)
    file = io.BytesIO()
    sheet.save(file, "JPEG", quality=words["quality"], subsampling=0, optimize=True)
    return file.getvalue()


def _write_reason(pen: ImageDraw.ImageDraw, why: str, at: tuple[int, int], size: tuple[int, int]) -> None:
    lines, room = [""], (size[1] - 2 * GAP) // LINE
    for word in shown(why).split():
        longer = f"{lines[-1]} {word}".strip()
        if font(LETTERS).getlength(longer) <= size[0] - 2 * GAP:
            lines[-1] = longer
        else:
            lines.append(cut_to(word, size[0] - 2 * GAP, LETTERS))
    for number, line in enumerate(lines[:room]):
        pen.text((at[0] + GAP, at[1] + GAP + number * LINE), line, font=font(LETTERS), fill=INK)
