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
LEAST_WIDE, USUAL_WIDE = 160, 320
PAPER, INK, FAINT, NOTHING = (255, 255, 255), (20, 20, 20), (90, 90, 90), (225, 225, 225)


def lay_out(jpegs: Sequence[bytes], words: Mapping[str, Any]) -> bytes:
    """Lay pictures out; one that is empty is a grey field with the reason.

    Args:
        jpegs: The pictures, empty where there is none.
        words: `columns`; `captions` and `whys`, one of each for each picture; `title`; `quality`.
    """
    pictures = [Pillow.open(io.BytesIO(jpeg)).convert("RGB") if jpeg else None for jpeg in jpegs]
    captions = [caption.splitlines() for caption in words["captions"]]
    columns = max(1, min(words["columns"], len(pictures)))
    wide = max(LEAST_WIDE, max((picture.width for picture in pictures if picture is not None), default=USUAL_WIDE))
    rows = [range(start, min(start + columns, len(pictures))) for start in range(0, len(pictures), columns)]
    heights = [_height([pictures[number] for number in row], wide) for row in rows]
    below = LINE * max(map(len, captions), default=0) + 2 * GAP
    top = GAP + (TITLE + GAP if words["title"] else 0)
    sheet = Pillow.new("RGB", (GAP + columns * (wide + GAP), top + sum(heights) + below * len(rows)), PAPER)
    pen = ImageDraw.Draw(sheet)
    if words["title"]:
        pen.text(
            (GAP, GAP - 3), cut_to(shown(words["title"]), sheet.width - 2 * GAP, TITLE), font=font(TITLE), fill=INK
        )
    y = top
    for row, high in zip(rows, heights, strict=True):
        for number in row:
            x, picture = GAP + (number - row.start) * (wide + GAP), pictures[number]
            if picture is None:
                field = min(high, wide * 3 // 4)
                pen.rectangle((x, y + high - field, x + wide - 1, y + high - 1), fill=NOTHING)
                _write_reason(pen, words["whys"][number] or "", (x, y + high - field), (wide, field))
            else:
                sheet.paste(picture, (x + (wide - picture.width) // 2, y + high - picture.height))
            for line, text in enumerate(captions[number]):
                said = cut_to(shown(text), wide, LETTERS, keep_end=True)
                pen.text((x, y + high + 3 + line * LINE), said, font=font(LETTERS), fill=FAINT if line else INK)
        y += high + below
    file = io.BytesIO()
    sheet.save(file, "JPEG", quality=words["quality"], subsampling=0, optimize=True)
    return file.getvalue()


def _height(row: Sequence[Pillow.Image | None], wide: int) -> int:
    """Say how high a row is: as its highest picture; without one as a picture usually is."""
    return max((picture.height for picture in row if picture is not None), default=wide * 9 // 16)


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
