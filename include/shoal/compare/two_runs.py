"""Compare the answers of two runs on the images that both use."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from shoal.answers.find import StoredRun
from shoal.answers.views import view_answer
from shoal.answers.where import Where
from shoal.compare.agreement import (
    THRESHOLDS,
    Agreement,
    Differing,
    NothingInCommonError,
    NotOfOneKindError,
    Side,
    TaxonAgreement,
)
from shoal.compare.day_blocks import interval_of
from shoal.contract.tasks.classify import CLASSIFY
from shoal.pictures.people import counted_as_people
from shoal.results.thresholds import all_are_merged
from shoal.settings.analysis import Taxon
from shoal.tables.session import Database

MOST_IMAGES = 24
"""Images that differ most."""

_NO_TAXA: Mapping[str, Taxon] = MappingProxyType({})

_SIDES = ("first", "second")

_At = tuple[tuple[float, int, int], ...]
"""Of one taxon: a threshold, and how many boxes of the first and of the second count from it on."""

_IMAGES = "SELECT key, object_version, use, camera, captured_at FROM images"

_BOXES = """
    SELECT key, position, taxon, class_id, confidence, x1, y1, x2, y2, angle,
        CASE WHEN angle IS NOT NULL THEN keypoints END AS corners, true AS is_counted
    FROM detections WHERE role = 'count'
    UNION ALL BY NAME
    SELECT key, position, taxon, class_id, confidence, false AS is_counted FROM below WHERE role = 'count'
"""
"""Of those that count what pairs them, of the others what another threshold would count: masks and key points are read of the
few images that are shown."""

_BEST = " AND position = 0"
"""Of a classifier's classes only what scores best would count at another threshold."""


def compare_runs(
    database: Database,
    first: StoredRun,
    second: StoredRun,
    where: Where = Where(),  # noqa: B008 - frozen
    taxa: Mapping[str, Taxon] = _NO_TAXA,
) -> Agreement:
    """Compare two runs of one dataset.

    Args:
        database: A session on the results bucket.
        first: The one.
        second: The other.
        where: Which images are asked for.
        taxa: Those of the dataset file of today: who is a person now is counted in no run.

    Raises:
        NothingInCommonError: No image that both use.
        NotOfOneKindError: One counts boxes and the other one images.
        ContractError: A stored table is gone.
    """
    _need_one_measure(first, second)
    for name, run in zip(_SIDES, (first, second), strict=True):
        view_answer(database, run.summary, where)
        database.run(f"CREATE OR REPLACE TABLE {name}_images AS {_IMAGES}")
        best = _BEST if run.plan.task == CLASSIFY.name else ""
        database.run(f"CREATE OR REPLACE TABLE {name}_boxes AS {_BOXES}{best}")
    database.run_file("turned")
    database.set_variable("report_zone", first.plan.settings.report.zone)
    database.run_file("agreement")
    images = int(database.value("SELECT count(*) FROM common_images"))
    if images == 0:
        raise NothingInCommonError(
            f"Runs {first.run_key} ({first.plan.models}) and {second.run_key} ({second.plan.models}) have no image in common "
            "that both use - a comparison needs the same objects: see whether one of them looked at other months or cameras"
        )
    match_boxes(database)
    people = frozenset[str]().union(*(counted_as_people(run.summary.result, taxa) for run in (first, second)))
    seen = [{species["taxon"] for species in run.summary.result["species"]} - people for run in (first, second)]
    asked = set(where.taxa) or seen[0] | seen[1]
    all_merged = any(all_are_merged(run.plan) for run in (first, second))
    return Agreement(
        _side(database, "first", "second", first),
        _side(database, "second", "first", second),
        images,
        int(database.value("SELECT count(*) FROM common_images WHERE captured_at <> second_captured_at")),
        int(database.value("SELECT count(DISTINCT day) FROM common_images")),
        tuple(
            _taxa(database, sorted(seen[0] & seen[1] & asked), images, _at_thresholds(database, all_merged=all_merged))
        ),
        tuple(sorted(seen[0] & asked - seen[1])),
        tuple(sorted(seen[1] & asked - seen[0])),
        tuple(sorted(people)),
        tuple(_differing(database, sorted(seen[0] & seen[1] & asked))),
        tuple(_months(database, sorted(seen[0] & seen[1] & asked))),
    )


def _need_one_measure(first: StoredRun, second: StoredRun) -> None:
    """Refuse to compare numbers of boxes with numbers of images."""
    for one, other in ((first, second), (second, first)):
        if one.plan.task == CLASSIFY.name and other.plan.task != CLASSIFY.name:
            raise NotOfOneKindError(
                f"Run {one.run_key} ({one.plan.models}) classifies images as a whole, run {other.run_key} ({other.plan.models}) "
                "finds boxes: their counts are of different things - compare two of a kind"
            )


def match_boxes(database: Database) -> None:
    """Pair the counted boxes of one image and taxon, the pair that overlaps most first; none is in two pairs.

    Reads: box_pairs
    Makes: same_boxes
    """
    while database.value("SELECT count(*) FROM box_pairs"):
        database.run_file("same_boxes")


def _side(database: Database, name: str, other: str, run: StoredRun) -> Side:
    examined, beside, unused = database.run(
        "SELECT count(*), count(*) FILTER (b.use IS NULL), count(*) FILTER (a.use <> 'used' AND b.use = 'used') "
        f"FROM {name}_images AS a LEFT JOIN {other}_images AS b USING (key, object_version)"
    ).fetchall()[0]
    return Side(run.run_key, run.plan.models, run.summary.result["conf"], examined, beside, unused)


def _taxa(database: Database, taxa: list[str], images: int, at: Mapping[str, _At]) -> Iterator[TaxonAgreement]:
    counted = {
        taxon: tuple(map(int, told))
        for taxon, *told in database.run(
            "SELECT taxon, sum(first_detections), sum(second_detections), count(*) FILTER (first_detections > 0), "
            "count(*) FILTER (second_detections > 0) FROM compared_counts GROUP BY taxon"
        ).fetchall()
    }
    kept = dict(database.run("SELECT taxon, count(*) FROM same_boxes GROUP BY taxon").fetchall())
    looked = dict(database.run("SELECT day, count(*) FROM common_images GROUP BY day ORDER BY day").fetchall())
    changed: dict[str, dict[Any, int]] = {}
    for taxon, day, difference in database.run(
        "SELECT taxon, day, sum(second_detections - first_detections)::BIGINT FROM compared_counts "
        "JOIN common_images USING (key) GROUP BY ALL"
    ).fetchall():
        changed.setdefault(taxon, {})[day] = difference
    for taxon in taxa:
        first, second, first_images, second_images = counted.get(taxon, (0, 0, 0, 0))
        days = changed.get(taxon, {})
        yield TaxonAgreement(
            taxon,
            first,
            second,
            first_images,
            second_images,
            kept.get(taxon, 0),
            (second - first) / images,
            interval_of(list(looked.values()), [days.get(day, 0) for day in looked]),
            at.get(taxon, tuple((conf, 0, 0) for conf in THRESHOLDS)),
        )


def _at_thresholds(database: Database, *, all_merged: bool) -> dict[str, _At]:
    """Count both from each threshold on, by taxon; in one pass, for there are millions of boxes.

    Numbers of classes are each side's own: another version may number the same class otherwise.

    Args:
        database: A session.
        all_merged: Whether every taxon is told as one of several classes, see `all_are_merged`.
    """
    counted = (
        *(f"count(*) FILTER (side = {side} AND confidence >= {{conf}}::FLOAT)" for side in (1, 2)),
        "count(*) FILTER (NOT is_counted AND confidence >= {conf}::FLOAT)",
    )
    steps = ", ".join(one.format(conf=conf) for conf in THRESHOLDS for one in counted)
    found = {}
    for taxon, classes, *counts in database.run(
        "SELECT taxon, greatest(count(DISTINCT class_id) FILTER (side = 1), count(DISTINCT class_id) FILTER (side = 2)), "
        f"{steps} FROM compared_boxes GROUP BY taxon"
    ).fetchall():
        told = zip(THRESHOLDS, counts[::3], counts[1::3], counts[2::3], strict=True)
        merged = all_merged or classes > 1
        found[taxon] = tuple((conf, one, other) for conf, one, other, uncounted in told if not (merged and uncounted))
    return found


def _differing(database: Database, taxa: list[str]) -> Iterator[Differing]:
    """Read the images that differ most.

    Makes: differing_images (key, object_version, kept, lost, gained), all that differ
    """
    database.set_variable("compared_taxa", taxa)
    database.run_file("differing_images")
    found = database.run(
        f"SELECT key, object_version, lost, gained FROM differing_images ORDER BY lost + gained DESC, key LIMIT {MOST_IMAGES}"
    ).fetchall()
    yield from (Differing(*image) for image in found)


def _months(database: Database, taxa: list[str]) -> list[dict[str, Any]]:
    database.set_variable("compared_taxa", taxa)
    return database.records(
        """
        WITH looked AS (
            SELECT strftime(day, '%Y-%m') AS month, count(*)::BIGINT AS images FROM common_images GROUP BY 1
        ), seen AS (
            SELECT strftime(day, '%Y-%m') AS month, taxon, sum(first_detections)::BIGINT AS first,
                sum(second_detections)::BIGINT AS second
            FROM compared_counts JOIN common_images USING (key) GROUP BY 1, 2
        )
        SELECT month, images, taxon, coalesce(first, 0) AS first, coalesce(second, 0) AS second
        FROM looked CROSS JOIN (SELECT unnest(getvariable('compared_taxa')) AS taxon) LEFT JOIN seen USING (month, taxon)
        ORDER BY taxon, month
        """
    )
