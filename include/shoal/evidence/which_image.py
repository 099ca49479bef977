"""Which image of the dataset a label file means: by the mark of one that was handed out, else by its key or the end of it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from shoal.tables.session import Database

_MARK = re.compile(r"[0-9]{5}-([0-9a-f]{16})(?![0-9a-f])")


@dataclass(frozen=True)
class Meant:
    """One image of the dataset.

    Attributes:
        key: It.
        content_sha256: Of the bytes that were labelled.
        sample: Which one handed it out; None where none did.
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
    found = _handed_out(database, marks, blind)
    others = [name for name in names if name not in found]
    for expression, written in (
        ("key", lambda name: name),
        ("regexp_extract(key, '[^/]*$')", lambda name: PurePosixPath(name).name),
        # A label file has the image's name without its ending.
        ("regexp_replace(regexp_extract(key, '[^/]*$'), '[.][^.]*$', '')", lambda name: PurePosixPath(name).name),
    ):
        left = [name for name in others if name not in found]
        if left:
            found |= _by(database, expression, {name: written(name) for name in left})
    return found


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


def _by(database: Database, expression: str, written: dict[str, str]) -> dict[str, Meant]:
    """Find images by something of their key that only one has."""
    rows = database.run(
        f"SELECT {expression} AS word, any_value(key), any_value(content_sha256), any_value(width), any_value(height) "
        f"FROM images WHERE use = 'used' AND content_sha256 IS NOT NULL AND {expression} IN (SELECT unnest(?::VARCHAR[])) "
        "GROUP BY 1 HAVING count(*) = 1",
        [sorted(set(written.values()))],
    ).fetchall()
    of_word = {word: Meant(key, sha256, None, None, sha256, width, height) for word, key, sha256, width, height in rows}
    return {name: of_word[word] for name, word in written.items() if word in of_word}
