"""The tables a summary is read from, built in one DuckDB session from a run's frozen inputs."""

from collections.abc import Sequence

from shoal.contract.rows import ARCHIVES, MANIFEST_COLUMNS
from shoal.contract.run_layout import RunLayout
from shoal.contract.tasks.classify import CLASSIFY
from shoal.contract.tasks.obb import OBB
from shoal.contract.tasks.segment import SEGMENT
from shoal.evidence.repeats.decisions import Decision, mark_boxes
from shoal.exports.equal_effort import GROUP_IMAGES
from shoal.results.ledger import RowSources, view_sources
from shoal.results.open_images import reopen_failures
from shoal.results.stored_plan import StoredPlan
from shoal.summary.deployments import fill_spans
from shoal.summary.of_task import build_beside, need_columns, task_of
from shoal.summary.taxa import fill_classes, fill_then_classes
from shoal.tables.capture_times import narrow_listing, view_clocked, view_clocked_with_exif
from shoal.tables.clock_times import keep_times
from shoal.tables.frozen_listing import find_files, load_images
from shoal.tables.pieces import make_in_pieces
from shoal.tables.session import Database

_AFTER = {SEGMENT.name: ("tasks/segment/covered",), OBB.name: ("tasks/obb/overlaps",)}
"""What is told of a task besides, by its name."""

COUNTED_BYTES = 256
"""Of a session's memory for each image and taxon that is counted in bins at once: at most each is one."""


def build_tables(
    database: Database, plan: StoredPlan, run: RunLayout, sources: RowSources, decisions: Sequence[Decision] = ()
) -> None:
    """Build accounted, detections, images, axis, gaps, counts, series, species, deployed and repeat_boxes for one run.

    Of a segmenter mask_areas and covered, too.

    Args:
        database: A session on the results bucket.
        plan: The run's plan.
        run: The objects of the run that looked at its images.
        sources: Where its rows lie.
        decisions: What people said of repeat detections.

    Raises:
        ContractError: The rows are not those of the plan's task.
    """
    task, dataset, params = task_of(plan), plan.settings, plan.params
    load_images(database, find_files(database.results, plan.listing.key))
    database.view_parquet("manifest", [run.manifest] if plan.shards else [], MANIFEST_COLUMNS)
    view_sources(database, sources)
    narrow_listing(database, dataset.clock, dataset.deployments, params.window)
    view = view_clocked_with_exif if dataset.clock.asks_exif else view_clocked
    view(database, dataset.clock, dataset.deployments)
    keep_times(database, dataset.clock)
    database.set_variable("run_key", plan.rows_run)
    reopen_failures(database, params)
    database.set_variable("archives", list(ARCHIVES))
    database.run_file("accounted")
    make_in_pieces(database, "accounted", "FROM accounted_piece()")
    need_columns(database, plan, task)
    build_beside(database, task)
    database.set_variable("damaged_usable", dataset.usable.damaged)
    database.set_variable("luma_min", dataset.usable.luma_min)
    database.set_variable("luma_max", dataset.usable.luma_max)
    database.set_variable("sharpness_min", dataset.usable.sharpness_min)
    database.set_variable("clock_unique", dataset.clock.unique)
    database.set_variable("bins", list(dataset.report.bins))
    database.set_variable("report_zone", dataset.report.zone)
    database.set_variable("group_images", GROUP_IMAGES)
    fill_spans(database, dataset.deployments, params.window)
    count(database, plan, params.conf)
    mark_boxes(database, decisions)


def count(database: Database, plan: StoredPlan, conf: float | None) -> None:
    """Build what follows from images, rows and a threshold: detections, images, axis, gaps, counts, series, species, deployed.

    Reads: accounted

    Args:
        database: A session in which `build_tables` read listing and rows.
        plan: The run's plan.
        conf: In place of every threshold of the dataset file; None for those.
    """
    task = task_of(plan)
    fill_classes(database, plan.names, plan.settings, conf)
    database.set_variable("stored_conf", plan.stored_conf)
    database.set_variable("best_only", task.name == CLASSIFY.name)
    after = _AFTER.get(task.name, ())
    boxes = task.sql
    if plan.then is not None:
        fill_then_classes(database, plan.names, plan.then)
        after = (*after, "tasks/renamed")
        boxes = tuple("tasks/then" if name == "tasks/boxes" else name for name in boxes)
    for name in (
        *boxes,
        "images",
        "bins",
        "axis",
        "gaps",
        "counts",
        "events",
        "deployed",
        "series",
        "species",
        *after,
    ):
        database.run_file(name)
        if name == "counts":
            fill_short_bins(database, plan.settings.report.bins)


def fill_short_bins(database: Database, bins: Sequence[str]) -> None:
    """Count what was seen in half hours and hours part by part: DuckDB cannot spill what it holds of each.

    Reads: image_counts
    Makes: lines of seen_bins
    """
    counted = int(database.value("SELECT count(*) FROM image_counts"))
    parts = max(1, -(-counted * COUNTED_BYTES // database.limits.memory_bytes))
    for width in ("30min", "hour"):
        for part in range(parts if width in bins else 0):
            database.run(f"INSERT INTO seen_bins FROM seen_in_part('{width}', {part}, {parts})")
