"""Text in pictures: one font, which lies here, so that the same picture has the same bytes wherever it is drawn."""

import re
from functools import cache
from pathlib import Path
from unicodedata import category

from PIL import ImageFont

from shoal.contract.errors import shown

FONT = Path(__file__).parent / "fonts" / "DejaVuSans.ttf"
"""DejaVu Sans: Latin, Greek, Cyrillic, Arabic and more; its licence lies beside it."""

_NO_CHARACTER = "\U0010fffe"
_BINOMIAL = re.compile(r"(\S+: )?([A-Z])[a-zà-ÿ]+ ([a-zà-ÿ]\S+.*)")
"""After whoever says so, where somebody is named."""


@cache
def font(size_px: int) -> ImageFont.FreeTypeFont:
    """Open the font in one size."""
    return ImageFont.truetype(str(FONT), size_px)


@cache
def _looks(character: str) -> tuple[tuple[int, int], bytes]:
    mask = font(24).getmask(character, mode="L")
    return mask.size, bytes(mask)


def _has_shape(character: str) -> bool:
    """Whether the font has a shape for a character; marks that have none of their own do no harm."""
    return category(character)[0] in "MZC" or _looks(character) != _looks(_NO_CHARACTER)


@cache
def drawable(label: str, class_id: int) -> str:
    """Write a label in characters that the font has; by the class's number where too few are left to know it by."""
    text, known = " ".join(shown(label).split()), ""
    is_lost, letters, lost_letters = False, 0, 0
    for character in text:
        kind = category(character)[0]
        if kind != "M":  # a mark goes with its letter
            is_lost = not _has_shape(character)
        known += "" if is_lost else character
        letters += kind == "L"
        lost_letters += kind == "L" and is_lost
    known = " ".join(known.split())
    return known if known and 2 * lost_letters <= letters else f"#{class_id}"


def shorter(label: str) -> str:
    """Write the genus with one letter."""
    found = _BINOMIAL.fullmatch(label)
    return f"{found[1] or ''}{found[2]}. {found[3]}" if found else label


def cut_to(text: str, width_px: float, size_px: int, *, keep_end: bool = False) -> str:
    """Cut a text to a width, with an ellipsis where something goes."""
    if font(size_px).getlength(text) <= width_px:
        return text
    low, high = 0, len(text)
    while low < high:  # the most characters that fit
        middle = (low + high + 1) // 2
        if font(size_px).getlength(_part(text, middle, keep_end=keep_end)) <= width_px:
            low = middle
        else:
            high = middle - 1
    return _part(text, low, keep_end=keep_end) if low else ""


def _part(text: str, count: int, *, keep_end: bool) -> str:
    return f"…{text[len(text) - count :]}" if keep_end else f"{text[:count].rstrip()}…"


def ink_on(colour: str) -> tuple[int, int, int]:
    """Choose black or white, what is read better on a colour (WCAG's relative luminance)."""
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return (0, 0, 0) if luminance > 0.179 else (255, 255, 255)
