"""Which images somebody asks for, as the address of a page says it; and that address again, with something else in it."""

from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urlencode

from fastapi import HTTPException, Query

from shoal.answers.browsed import BY_BOXES, ORDERS, USES, Asked
from shoal.answers.where import Where
from shoal.contract.errors import ConfigError, shown
from shoal.settings.typed_numbers import read_conf

Text = Annotated[str, Query(max_length=4096)]
ANY = "any"
"""In place of a use of images."""

FIRST_ORDER, FIRST_USE = "most", "used"
MOST_DIGITS = 9


def read_asked(said: Mapping[str, str], zone: str, least_score: float) -> Asked:
    """Read what an address says.

    Args:
        said: Its fields: taxon, camera, from, to, use, conf, order, seed, page; those that are empty say nothing.
        zone: Of the dataset's days: a date is its midnight there.
        least_score: The lowest score that a box of the answer can have.

    Raises:
        HTTPException: One of them is none.
    """
    span = _span(said.get("from", ""), said.get("to", ""), zone)
    taxon = said.get("taxon", "")
    use = said.get("use", "") or FIRST_USE
    order = said.get("order", "") or (FIRST_ORDER if use == FIRST_USE else "newest")
    _need("use", use, (*USES, ANY))
    _need("order", order, ORDERS)
    if use == "failed" and order in BY_BOXES:  # they have none: the form asks for an order all the same
        order = "newest"
    return Asked(
        taxon=taxon,
        camera=said.get("camera", ""),
        start=span.start,
        end=span.end,
        use="" if use == ANY else use,
        conf=conf_of(said.get("conf", ""), least_score),
        order=order,
        seed=_whole("seed", said.get("seed", "") or "1"),
        page=page_of(said.get("page", "")),
    )


def conf_of(text: str, least_score: float) -> float | None:
    """Read a threshold; None where nothing is said.

    Raises:
        HTTPException: It is none, or boxes of that score are not stored.
    """
    if not text.strip():
        return None
    try:
        conf = float(read_conf(text))
    except ValueError as err:
        raise HTTPException(400, f"Confidence {shown(text, 40)!r}: {err}") from err
    if not least_score <= conf <= 1:
        raise HTTPException(
            400,
            f"Confidence {shown(text, 40)} is none: boxes are stored from {least_score:g} to 1 - write one of these",
        )
    return conf


def page_of(text: str) -> int:
    """Read the number of a page, from 1.

    Raises:
        HTTPException: It is none.
    """
    page = _whole("page", text or "1")
    if page < 1:
        raise HTTPException(400, "Pages are counted from 1 - write page=1")
    return page


def address(path: str, said: Mapping[str, str], **changed: object) -> str:
    """Write an address with the fields that say something."""
    fields = {**said, **{name: str(value) for name, value in changed.items()}}
    text = urlencode({name: value for name, value in fields.items() if value})
    return f"{path}?{text}" if text else path


def _span(start: str, end: str, zone: str) -> Where:
    try:
        return Where.parse(
            [f"{word}={text.strip()}" for word, text in (("from", start), ("to", end)) if text.strip()], zone
        )
    except ConfigError as err:
        raise HTTPException(400, str(err).replace("--where ", "")) from err


def _need(word: str, said: str, known: tuple[str, ...]) -> None:
    if said not in known:
        raise HTTPException(400, f"There is no {word} {shown(said, 60)!r} - write one of {', '.join(known)}")


def _whole(word: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS):
        raise HTTPException(
            400, f"{word}={shown(text, 40)} is no whole number of up to {MOST_DIGITS} digits - write {word}=1"
        )
    return int(text)
