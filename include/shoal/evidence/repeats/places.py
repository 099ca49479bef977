"""Places of a camera's picture that boxes of one taxon lie at again and again: the heavy part, in DuckDB.

Boxes are counted in a grid of places and sizes, so that nobody compares each with each. A place is where a cell of that grid
holds most, with what lies around it. A thing that stands has its boxes in the middle of its place; those of passing animals fill
the neighbourhood evenly, and by far most of that lies at its edge: of all boxes that overlap another one by half or more, one in
ten overlaps it by 0.7 (four edges are free, so it goes with the fourth power of the distance).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.evidence.repeats.place import NEAR_IOU, Place
from shoal.evidence.series import split_series
from shoal.tables.session import Database

SLOT_HOURS = 3
"""Length of the parts of a day in which it is asked whether a place was taken; a day, UTC, has eight."""

SLOTS_A_DAY = 24 // SLOT_HOURS
LEAST_SLOTS = 4
"""Slots of a day in which a thing that stands is seen, where that many are looked at: see `standing`."""

LEAST_DAYS = 3
AT_IOU = 0.7
"""From here on it lies at the place: a box of the thing itself, if there is one."""

LEAST_MIDDLE = 0.5
"""Of the boxes near a place at least so many lie at it, else animals pass there."""

LEAST_SHARE = 0.1
"""Of the images of a slot that show a thing that stands: a detector misses many."""

_STEP, _GROWTH = 0.25, 1.25
"""Cells are a quarter of a box wide, and sizes a quarter larger than the next."""

_GRID = 32
"""Columns and rows of the coarse grid in which places and boxes are brought together."""

_MOST_SPLIT = 6
"""A thing's boxes may lie on the borders of cells; the fullest one has at least one part in so many of them."""


@dataclass(frozen=True)
class SeenPlace:
    """When a place was taken.

    Attributes:
        place: It.
        slots: Numbers of the slots with a box near it, since 1970, in order.
        at: Images with a box at it, for each slot.
        near: Boxes near it, those at it among them.
    """

    place: Place
    slots: NDArray[np.int64]
    at: NDArray[np.int64]
    near: NDArray[np.int64]


Looked = dict[tuple[str, str], tuple[NDArray[np.int64], NDArray[np.int64]]]
"""By camera and deployment: slots in which it looked, in order, and used images in each."""


def view_boxes(database: Database, left_out: Sequence[str]) -> None:
    """Make the boxes that may be of a thing that stands the table `placed`, their edges as parts of the image.

    A table, because many look at it and the bucket is far; `placed_series` numbers its cameras, deployments and taxa.

    Args:
        database: Holds the views of an answer.
        left_out: Taxa that grow in one place.
    """
    database.set_variable("taxa_that_stay", list(left_out))
    database.run(f"""
        CREATE OR REPLACE TABLE placed AS
            SELECT key, coalesce(camera, '') AS camera, coalesce(deployment, '') AS deployment, taxon, captured_at,
                confidence, class_id, width, height, epoch(captured_at)::BIGINT // {SLOT_HOURS * 3600} AS slot,
                x1 / width AS x1, y1 / height AS y1, x2 / width AS x2, y2 / height AS y2
            FROM detections WHERE role = 'count' AND use = 'used' AND captured_at IS NOT NULL AND width > 0 AND height > 0
                AND x2 > x1 AND y2 > y1 AND NOT list_contains(getvariable('taxa_that_stay'), taxon)
    """)
    database.run("""
        CREATE OR REPLACE TABLE placed_series AS
        SELECT (row_number() OVER (ORDER BY camera, deployment, taxon) - 1)::INTEGER AS series, camera, deployment, taxon
        FROM (SELECT DISTINCT camera, deployment, taxon FROM placed)
    """)


def read_looked(database: Database) -> Looked:
    """Count the used images of each camera and deployment in each slot."""
    found = database.run(f"""
        SELECT coalesce(camera, '') AS camera, coalesce(deployment, '') AS deployment,
            epoch(captured_at)::BIGINT // {SLOT_HOURS * 3600} AS slot, count(*) AS images
        FROM images WHERE use = 'used' AND captured_at IS NOT NULL GROUP BY ALL ORDER BY ALL
    """).fetchnumpy()
    return {
        series: (found["slot"][which], found["images"][which])
        for series, which in split_series(found["camera"], found["deployment"])
    }


def find_places(database: Database, looked: Looked) -> list[Place]:
    """Find the places that may hold a thing that stands: where boxes crowd in the middle of their neighbourhood.

    Reads: placed, placed_series

    Args:
        database: The session.
        looked: When cameras looked: a busy one sees a thing that stands more often.
    """
    usual = {series: float(np.median(images)) for series, (_, images) in looked.items()}
    rows = database.run("SELECT camera, deployment, taxon FROM placed_series ORDER BY series").fetchall()
    all_series: list[tuple[str, str, str]] = [(str(camera), str(place), str(taxon)) for camera, place, taxon in rows]
    fewest = [LEAST_DAYS * LEAST_SLOTS * max(1.0, LEAST_SHARE * usual.get(one[:2], 1.0)) for one in all_series]
    cells = _read_cells(database, [_least_of(one) for one in fewest])
    places: list[Place] = []
    for number, part in _parts_of(cells["series"]):
        edges = np.stack([cells[name][part] for name in ("x1", "y1", "x2", "y2")], axis=1).astype(np.float64)
        places.extend(_places_of(all_series[number], edges, cells["boxes"][part], fewest[number]))
    return places


def _parts_of(numbers: NDArray[np.int64]) -> Iterator[tuple[int, slice]]:
    """Split a sorted column by its numbers; an empty one has no part."""
    names, starts = np.unique(numbers, return_index=True)
    for name, (start, end) in zip(names, pairwise([*starts, len(numbers)]), strict=True):
        yield int(name), slice(start, end)


def _least_of(fewest: float) -> float:
    """Say how many boxes a series' fullest cell has at least, if a thing that stands is in it."""
    return max(2.0, fewest / _MOST_SPLIT)


def _read_cells(database: Database, least: Sequence[float]) -> dict[str, NDArray[Any]]:
    """Count the boxes of all cells, the fullest of each series first; series without one that has enough are left out.

    Names are not among the columns: a million cells with three texts each would be a tenth of a gigabyte.
    """
    database.run("CREATE OR REPLACE TABLE least_of_series (series INTEGER, least DOUBLE)")
    database.run(
        "INSERT INTO least_of_series SELECT unnest(?::INTEGER[]), unnest(?::DOUBLE[])",
        [list(range(len(least))), list(least)],
    )
    return database.run(f"""
        SELECT series, x1, y1, x2, y2, boxes FROM (
            SELECT series, round(ln(p.x2 - p.x1) / ln({_GROWTH}))::INTEGER AS wide,
                round(ln(p.y2 - p.y1) / ln({_GROWTH}))::INTEGER AS high,
                floor((p.x1 + p.x2) / 2 / ({_STEP} * pow({_GROWTH}, wide)))::INTEGER AS at_x,
                floor((p.y1 + p.y2) / 2 / ({_STEP} * pow({_GROWTH}, high)))::INTEGER AS at_y,
                avg(p.x1) AS x1, avg(p.y1) AS y1, avg(p.x2) AS x2, avg(p.y2) AS y2, count(*) AS boxes
            FROM placed AS p JOIN placed_series USING (camera, deployment, taxon) GROUP BY ALL HAVING boxes >= 2
        ) JOIN least_of_series USING (series)
        QUALIFY max(boxes) OVER (PARTITION BY series) >= least ORDER BY series, boxes DESC, x1, y1, x2, y2
    """).fetchnumpy()


def _places_of(
    series: tuple[str, str, str], edges: NDArray[np.float64], counts: NDArray[np.int64], fewest: float
) -> Iterator[Place]:
    """Find the places of a series among its cells, the fullest of which come first."""
    order = np.argsort(edges[:, 0] + edges[:, 2], kind="stable")
    edges, boxes = edges[order], counts[order].astype(np.float64)
    free = np.ones(len(boxes), dtype=bool)
    for first in np.argsort(order):  # the fullest one first, as they were read
        if boxes[first] < _least_of(fewest):
            return
        if not free[first]:
            continue
        middle = edges[first]
        for _ in range(2):  # the fullest cell may lie beside the middle
            part = _around(edges, middle)
            close = overlap(edges[part], middle) >= AT_IOU
            middle = np.average(edges[part][close], axis=0, weights=boxes[part][close])
        part = _around(edges, middle)
        overlaps = overlap(edges[part], middle)
        near, at = boxes[part][overlaps >= NEAR_IOU].sum(), boxes[part][overlaps >= AT_IOU].sum()
        free[first] = False
        if at >= fewest * LEAST_SHARE and at >= LEAST_MIDDLE * near:
            free[part] &= overlaps < NEAR_IOU
            yield Place(*series, *(round(float(edge), 4) for edge in middle))


def _around(edges: NDArray[np.float64], one: NDArray[np.float64]) -> slice:
    """Find where boxes may overlap one by half, of boxes in the order of their middles from left to right.

    Those that do have their middle within half of its width from its own.
    """
    twice = edges[:, 0] + edges[:, 2]
    left, right = (one[0] + one[2] + side * (one[2] - one[0]) * 1.01 for side in (-1, 1))
    return slice(*np.searchsorted(twice, (left, right)))


def overlap(edges: NDArray[np.float64], one: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divide what boxes have in common with one by what both cover together (IoU)."""
    wide = np.minimum(edges[:, 2], one[2]) - np.maximum(edges[:, 0], one[0])
    high = np.minimum(edges[:, 3], one[3]) - np.maximum(edges[:, 1], one[1])
    common = np.clip(wide, 0, None) * np.clip(high, 0, None)
    areas = (edges[:, 2] - edges[:, 0]) * (edges[:, 3] - edges[:, 1])
    return common / (areas + (one[2] - one[0]) * (one[3] - one[1]) - common)  # type: ignore[no-any-return]


IOU = """
    greatest(0, least(b.x2, p.x2) - greatest(b.x1, p.x1)) * greatest(0, least(b.y2, p.y2) - greatest(b.y1, p.y1)) AS common,
    common / ((b.x2 - b.x1) * (b.y2 - b.y1) + (p.x2 - p.x1) * (p.y2 - p.y1) - common) AS iou
"""
"""As SQL: of a box `b` and a place `p`."""


def load_places(database: Database, places: Sequence[Place]) -> None:
    """Make places the table `places`, and what brings boxes to them `place_cells`."""
    database.run("""
        CREATE OR REPLACE TABLE places (
            place INTEGER, camera VARCHAR, deployment VARCHAR, taxon VARCHAR, x1 DOUBLE, y1 DOUBLE, x2 DOUBLE, y2 DOUBLE)
    """)
    database.run("CREATE OR REPLACE TABLE place_cells (place INTEGER, column_x INTEGER, row_y INTEGER)")
    if not places:
        return
    columns = [list(column) for column in zip(*((n, *_fields(one)) for n, one in enumerate(places)), strict=True)]
    kinds = ("INTEGER", "VARCHAR", "VARCHAR", "VARCHAR", "DOUBLE", "DOUBLE", "DOUBLE", "DOUBLE")
    unnested = ", ".join(f"unnest(?::{kind}[])" for kind in kinds)
    database.run(f"INSERT INTO places SELECT {unnested}", columns)
    cells = [(n, x, y) for n, one in enumerate(places) for x, y in _cells_around(one)]
    database.run(
        "INSERT INTO place_cells SELECT unnest(?::INTEGER[]), unnest(?::INTEGER[]), unnest(?::INTEGER[])",
        [list(column) for column in zip(*cells, strict=True)],
    )


def near_places(columns: str = "b.key") -> str:
    """Write the query for boxes near places: `place`, columns of the box and `iou`.

    Reads: placed, places, place_cells
    """
    return f"""
        SELECT place, {columns}, b.slot, {IOU}
        FROM placed AS b
        JOIN (FROM places JOIN place_cells USING (place)) AS p
        ON b.camera = p.camera AND b.deployment = p.deployment AND b.taxon = p.taxon
            AND floor((b.x1 + b.x2) / 2 * {_GRID})::INTEGER = p.column_x
            AND floor((b.y1 + b.y2) / 2 * {_GRID})::INTEGER = p.row_y
        WHERE iou >= {NEAR_IOU}
    """


def see_places(database: Database, places: Sequence[Place]) -> Iterator[SeenPlace]:
    """Find when places were taken; those that are mere ways of animals are left out.

    Reads: placed
    """
    load_places(database, places)
    database.run(f"""
        CREATE OR REPLACE TABLE seen_places AS
        SELECT place, slot, count(DISTINCT key) FILTER (iou >= {AT_IOU}) AS at_it, count(*) AS near_it
        FROM ({near_places()}) GROUP BY ALL
    """)
    found = database.run(f"""
        SELECT place, slot, at_it, near_it FROM seen_places WHERE place IN (
            SELECT place FROM seen_places GROUP BY place HAVING sum(at_it) >= {LEAST_MIDDLE / 2} * sum(near_it)
        ) ORDER BY place, slot
    """).fetchnumpy()
    for number, part in _parts_of(found["place"]):
        yield SeenPlace(places[number], found["slot"][part], found["at_it"][part], found["near_it"][part])


def _fields(place: Place) -> tuple[str, str, str, float, float, float, float]:
    return place.camera, place.deployment, place.taxon, *place.edges


def _cells_around(place: Place) -> Iterator[tuple[int, int]]:
    """Name the cells of the coarse grid in which the middle of a box near a place may lie: within half a box of its middle."""
    for x in range(floor(place.x1 * _GRID), ceil(place.x2 * _GRID) + 1):
        for y in range(floor(place.y1 * _GRID), ceil(place.y2 * _GRID) + 1):
            yield x, y
