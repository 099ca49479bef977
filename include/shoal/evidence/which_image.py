"""Which image of the dataset a label file means: by the mark of one that was handed out, else by its key or the end of it.

A name is of the image whose key it is. Else all folders that both tell must be the same, and no other image of the dataset may
end alike, counted or not: a label of an image that is not counted is never taken for one of another camera's.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from shoal.tables.session import Database

_MARK = re.compile(r"[0-9]{5}-([0-9a-f]{16})(?![0-9a-f])")

_OF_TOOLS = frozenset({"images", "labels", "data", "train", "val", "valid", "test", "obj_train_data"})
"""Folders that tools put before an image's own."""

_NAME = "regexp_extract(key, '[^/]*$')"
_WITHOUT_ENDING = f"regexp_replace({_NAME}, '[.][^.]*$', '')"

_NAMED = """
    SELECT word, key, content_sha256, width, height, use = 'used', sample
    FROM (SELECT *, {word} AS word FROM images) AS images LEFT JOIN (
        SELECT key, content_sha256, min(sample) AS sample FROM drawn WHERE number IS NOT NULL GROUP BY ALL
    ) AS handed_out USING (key, content_sha256)
    WHERE word IN (SELECT unnest(?::VARCHAR[])) ORDER BY key
"""


@dataclass(frozen=True)
class Meant:
    """One image of the dataset.

    Attributes:
        key: It.
        content_sha256: Of the bytes that were labelled.
        sample: Which one handed it out, whether the label file names it by its mark or by its key; None where none did.
        blind: Whether that one did not show predictions.
        now: sha256 that the answer has of it; None where it counts it no more.
        width: px; None where the answer does not have it.
        height: px; likewise.
    """

    key: str
    content_sha256: str
    sample: str | None
    blind: bool | None
    now: str | None
    width: int | None
    height: int | None


def find_images(database: Database, files: Iterable[str], blind: dict[str, bool]) -> dict[str, Meant]:
    """Find what files name, as far as the dataset has it.

    Args:
        database: Holds `images`, and `drawn` of all samples.
        files: Names in label files.
        blind: By sample, whether people label without predictions.
    """
    names = sorted(set(files))
    marks = {name: of[1] for name in names if (of := _MARK.search(PurePosixPath(name).name))}
    found: dict[str, Meant | None] = {**_handed_out(database, marks, blind)}
    for word in (_NAME, _WITHOUT_ENDING):  # a label file has the image's name without its ending
        left = [name for name in names if name not in found]
        found |= _by_end(database, word, left, blind)
    return {name: image for name, image in found.items() if image is not None}


def _handed_out(database: Database, marks: dict[str, str], blind: dict[str, bool]) -> dict[str, Meant]:
    rows = database.run(
        "SELECT substr(name, 7, 16), drawn.key, drawn.content_sha256, sample, images.content_sha256, width, height "
        "FROM drawn LEFT JOIN (FROM images WHERE use = 'used') AS images USING (key) "
        "WHERE number IS NOT NULL AND substr(name, 7, 16) IN (SELECT unnest(?::VARCHAR[]))",
        [sorted(set(marks.values()))],
    ).fetchall()
    of_mark = {
        mark: Meant(key, sha256, sample, blind.get(sample), now, width, height)
        for mark, key, sha256, sample, now, width, height in rows
    }
    return {name: of_mark[mark] for name, mark in marks.items() if mark in of_mark}


def _by_end(database: Database, word: str, names: list[str], blind: dict[str, bool]) -> dict[str, Meant | None]:
    """Find images by the end of their key; None where one has that very key and no bytes that anybody could label."""
    if not names:
        return {}
    rows = database.run(_NAMED.format(word=word), [sorted({PurePosixPath(name).name for name in names})]).fetchall()
    images: dict[str, list[Meant]] = defaultdict(list)
    ending: dict[str, list[Meant]] = defaultdict(list)
    for end, key, sha256, width, height, used, sample in rows:
        told = None if sample is None else blind.get(sample)
        one = Meant(key, sha256 or "", sample, told, sha256 if used else None, width, height)
        written = key[: key.rfind("/") + 1] + end
        images[written].append(one)
        for tail in (written, *_tails(written)):
            ending[tail].append(one)
    found: dict[str, Meant | None] = {}
    for name in names:
        short = _without_tools(name)
        alike = images.get(name) or [*ending[short], *(one for tail in _tails(short) for one in images.get(tail, ()))]
        # Copies of one picture are one picture, of which the answer counts one.
        if alike and len({one.content_sha256 or one.key for one in alike}) == 1:
            one = next((one for one in alike if one.now), alike[0])
            found[name] = one if one.content_sha256 else None
    return found


def _tails(path: str) -> Iterator[str]:
    """Give what is behind each slash of a path, the longest first, and not the path itself."""
    while "/" in path:
        path = path.partition("/")[2]
        yield path


def _without_tools(name: str) -> str:
    """Leave out what a tool puts before an image's own folders."""
    parts = [part for part in PurePosixPath(name.rpartition("?d=")[2]).parts if part != "/"]
    while len(parts) > 1 and parts[0].casefold() in _OF_TOOLS:
        del parts[0]
    return "/".join(parts)
