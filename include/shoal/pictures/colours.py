"""Colours of classes, in pictures and in charts: ones that people with colour blindness tell apart."""

import zlib
from collections.abc import Iterable

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Okabe and Ito's, which people with colour blindness tell apart (jfly.uni-koeln.de/color), but for yellow and black."""


def colours_of(names: Iterable[str]) -> dict[str, str]:
    """Give each name a colour that follows from it, so that it stays from picture to picture and from report to report.

    Two names that meet on one are told apart as long as there are colours: the later one by name takes the next that is free.
    """
    given: dict[str, str] = {}
    for name in sorted(set(names)):
        first = zlib.crc32(name.encode("utf-8", "surrogatepass")) % len(COLOURS)
        turned = COLOURS[first:] + COLOURS[:first]
        taken = set(list(given.values())[len(given) // len(COLOURS) * len(COLOURS) :])
        given[name] = next(colour for colour in turned if colour not in taken)
    return given
