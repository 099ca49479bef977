"""Where a listing will have come to after some more pages, guessed from how its keys went on in the last one.

A guess decides what is asked for at the same time, never what is listed.
"""

from string import ascii_lowercase, ascii_uppercase, digits

_ALPHABETS = (digits, ascii_lowercase, ascii_uppercase, digits + "abcdef", digits + ascii_lowercase)
_PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))

WIDTH = 8
"""Characters that are reckoned with, before the first that differs and from there on."""

AFTER_PRINTABLE = "~"
"""Follows what names are made of."""


def guess_after(first: str, last: str, pages: int) -> str | None:
    """Guess a key so many pages after `last`; None where the two keys do not tell.

    Args:
        first: A key.
        last: The one a page later.
        pages: How far to go on.
    """
    shared = _shared(first, last)
    start, end = max(0, shared - WIDTH), min(shared + WIDTH, len(first), len(last))
    alphabets = [_alphabet(one, other) for one, other in zip(first[start:end], last[start:end], strict=True)]
    step = _value(last[start:end], alphabets) - _value(first[start:end], alphabets)
    if step <= 0:
        return None
    guess = _text(_value(last[start:end], alphabets) + step * pages, alphabets)
    after = last[:shared] + AFTER_PRINTABLE if guess is None else last[:start] + guess
    return after if after > last else None


def _shared(one: str, other: str) -> int:
    for place, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return place
    return min(len(one), len(other))


def _alphabet(one: str, other: str) -> str:
    """Take what stands at a place to be a digit of some kind; what is always the same and no decimal digit is none."""
    if one == other and one not in digits:
        return one
    found = next((alphabet for alphabet in _ALPHABETS if one in alphabet and other in alphabet), _PRINTABLE)
    return found if one in found and other in found else "".join(sorted({one, other}))


def _value(text: str, alphabets: list[str]) -> int:
    value = 0
    for character, alphabet in zip(text, alphabets, strict=True):
        value = value * len(alphabet) + alphabet.index(character)
    return value


def _text(value: int, alphabets: list[str]) -> str | None:
    """Write a number in these digits; None where it has more."""
    text = ""
    for alphabet in reversed(alphabets):
        value, index = divmod(value, len(alphabet))
        text = alphabet[index] + text
    return None if value else text
