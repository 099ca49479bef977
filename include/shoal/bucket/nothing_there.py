"""What is said where a run finds no image: what was looked for, how much was listed, and what lies nearest."""

from collections.abc import Iterable
from datetime import datetime
from difflib import get_close_matches
from itertools import islice

from shoal.contract.errors import shown
from shoal.contract.units import utc_text
from shoal.settings.run_form import Window
from shoal.settings.source import Source
from shoal.stores.object_store import ImageStore

LOOKED_AT = 1000
"""Keys, the first beside a prefix: a page of a listing, whatever the size of the bucket."""

MOST_NAMES = 5
MOST = 80
"""Characters of one name that are shown."""


def beside_prefix(bucket: ImageStore, source: Source, prefix: str) -> str:
    """Say what lies where nothing lies under a prefix: the names at the last level that there is.

    Args:
        bucket: The image bucket.
        source: What is above the dataset's own prefix is not looked at.
        prefix: The whole prefix, the dataset's and the run's.

    Raises:
        StoreError: The store does not answer.
    """
    above = prefix
    while above != source.prefix:
        parent = above.rstrip("/").rpartition("/")[0]
        above = max((f"{parent}/" if parent else "", source.prefix), key=len)
        keys = [found.key for found in islice(bucket.list_objects(above), LOOKED_AT)]
        if keys:
            return _say_names(above, prefix, list(dict.fromkeys(_name(key, above) for key in keys)))
    return f"nothing lies in the whole dataset - {source.to_look_at}"


def _name(key: str, above: str) -> str:
    """Keep of a key what a prefix would need to find it: up to the next slash."""
    name, slash, _ = key[len(above) :].partition("/")
    return name + slash


def _say_names(above: str, prefix: str, names: list[str]) -> str:
    wanted = _name(prefix, above)
    by_case = {name.casefold(): name for name in reversed(names)}
    meant = get_close_matches(wanted.casefold(), list(by_case), 1)
    there = ", ".join(f"'{shown(name, MOST)}'" for name in names[:MOST_NAMES])
    more = " and others" if len(names) > MOST_NAMES else ""
    way_out = f"did you mean '{shown(by_case[meant[0]], MOST)}'?" if meant else "check the run's prefix"
    where = f"under '{shown(above, MOST)}'" if above else "in the bucket"
    return f"{where} there {'is' if len(names) == 1 else 'are'} {there}{more} - {way_out}"


def beside_window(window: Window, listed: int, before: datetime | None, after: datetime | None) -> str:
    """Say that no image lies in a window, and which times are nearest to it.

    Args:
        window: What was looked for.
        listed: Images in the listing, of whatever time.
        before: The latest time before the window; None where there is none.
        after: The earliest time after it.
    """
    span = " and ".join(
        [
            *([f"from {utc_text(window.start)} on"] if window.start else []),
            *([f"before {utc_text(window.end)}"] if window.end else []),
        ]
    )
    near: Iterable[str] = [
        *([f"the last one before it is of {utc_text(before)}"] if before else []),
        *([f"the next one after it of {utc_text(after)}"] if after else []),
    ]
    return f"No image lies in the window {span}: {listed} images were listed, {', '.join(near) or 'none has a time'}"
