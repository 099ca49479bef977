"""Cameras of a listing whose names differ only in case or in how their letters are put together: likely one, counted as two.

A deployment is of the camera that it names, to the letter: what a Mac or another program spelled otherwise is in none.
"""

import json
from collections.abc import Sequence
from unicodedata import normalize

from shoal.contract.errors import shown
from shoal.contract.units import counted
from shoal.settings.deployments import Deployment
from shoal.tables.session import Database

_SHOWN = 5

_SPELLINGS = """
SELECT list((camera, images) ORDER BY camera) FROM (
    SELECT camera, sum(images)::BIGINT AS images FROM (
        SELECT camera, count(*) AS images FROM times WHERE camera IS NOT NULL GROUP BY camera
        UNION ALL SELECT unnest($1::VARCHAR[]), 0
    ) GROUP BY camera
)
GROUP BY nfc_normalize(lower(nfc_normalize(camera))) HAVING count(*) > 1 AND max(images) > 0 ORDER BY 1
"""

Spellings = tuple[tuple[str, int], ...]


def find_spellings(database: Database, deployments: Sequence[Deployment]) -> list[Spellings]:
    """Find names of cameras that are one name in several spellings, each with its images.

    Reads: times

    Args:
        database: A session with the times of a listing.
        deployments: All of the dataset: what they call a camera is a spelling, too.
    """
    found = database.run(_SPELLINGS, [sorted({stay.camera for stay in deployments})]).fetchall()
    return [tuple((camera, images) for camera, images in spellings) for (spellings,) in found]


def spelling_words(found: Sequence[Spellings], deployments: Sequence[Deployment]) -> list[str]:
    """Say of each what it costs, and the way out.

    Args:
        found: As `find_spellings` gives them.
        deployments: All of the dataset.
    """
    stays = {stay.camera for stay in deployments}
    lines = [_line(spellings, stays) for spellings in found[:_SHOWN]]
    more = [f"clock: {counted(len(found) - _SHOWN, 'more camera')} in several spellings"] if found[_SHOWN:] else []
    return [*lines, *more]


def _line(spellings: Spellings, stays: set[str]) -> str:
    composed = {normalize("NFC", camera) for camera, _ in spellings}
    # As YAML and JSON write them in double quotes, for on a screen they are one.
    names = [
        shown(camera) if len(composed) == len(spellings) else json.dumps(camera, ensure_ascii=True)
        for camera, _ in spellings
    ]
    told = " and ".join(
        f"{name} ({counted(images, 'image')}, {'with' if camera in stays else 'without'} a deployment)"
        for name, (camera, images) in zip(names, spellings, strict=True)
    )
    how = (
        "only in case" if len(composed) == len(spellings) else "only in how their letters are put together, or in case"
    )
    return (
        f"clock: cameras {told} differ {how}: each is counted by itself, and a deployment is of the one that it names, to the "
        "letter - if they are one camera, rename its images or write a deployment for each spelling"
    )
