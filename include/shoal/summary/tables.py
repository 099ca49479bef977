"""The tables a summary is read from, built in one DuckDB session from a run's frozen inputs."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC
from typing import Any

from shoal.contract.layout import RunLayout
from shoal.contract.rows import LISTING_COLUMNS, MANIFEST_COLUMNS
from shoal.results.ledger import RowSources, view_sources
from shoal.results.stored_plan import StoredPlan
from shoal.settings.analysis import Taxon
from shoal.settings.dataset import Dataset
from shoal.tables.capture_times import narrow_listing, view_clocked
from shoal.tables.session import Database

Box = dict[str, Any]


def build_tables(database: Database, plan: StoredPlan, run: RunLayout, sources: RowSources) -> None:
    """Build accounted, detections, images, counts, series and species for one run.

    Args:
        database: A session on the results bucket.
        plan: The run's plan.
        run: The run's objects.
        sources: Where its rows lie.
    """
    dataset, params = plan.settings, plan.params
    database.view_parquet("frozen", [plan.listing.key], LISTING_COLUMNS)
    database.run("CREATE OR REPLACE TABLE listing AS SELECT * FROM frozen")
    database.view_parquet("manifest", [run.manifest] if plan.shards else [], MANIFEST_COLUMNS)
    view_sources(database, sources)
    narrow_listing(database, dataset.clock, params.window)
    view_clocked(database, dataset.clock)
    database.set_variable("run_key", plan.run_key)
    database.set_variable("retry_reasons", [str(reason) for reason in params.retry_failed or ()])
    database.run_file("accounted")
    _fill_classes(database, plan.names, dataset, params.conf)
    _fill_deployments(database, dataset)
    database.set_variable("luma_min", dataset.usable.luma_min)
    database.set_variable("luma_max", dataset.usable.luma_max)
    database.set_variable("sharpness_min", dataset.usable.sharpness_min)
    database.set_variable("clock_unique", dataset.clock.unique)
    database.set_variable("bins", list(dataset.report.bins))
    database.set_variable("report_zone", dataset.report.zone)
    for name in ("detections", "images", "counts", "series", "species"):
        database.run_file(name)


def classes_of(names: Sequence[str], dataset: Dataset, conf: float | None) -> list[dict[str, Any]]:
    """Resolve what each class of a model means: its taxon, role and threshold.

    Args:
        names: Class names of the model, by class_id.
        dataset: Its taxa and confidence.
        conf: The run's own confidence, which replaces every class's; None for none.
    """
    classes = []
    for class_id, name in enumerate(names):
        own = dataset.taxa.get(name, Taxon())
        target_name = own.merge_into or name
        target = dataset.taxa.get(target_name, Taxon())
        classes.append(
            {
                "class_id": class_id,
                "class_name": name,
                "taxon": target.scientific_name or target_name,
                "aphia_id": target.aphia_id,
                "role": target.role,
                "conf": conf or own.conf or dataset.conf,
            }
        )
    members = Counter(entry["taxon"] for entry in classes)
    return [{**entry, "merged": members[entry["taxon"]] > 1} for entry in classes]


def suppressed_by_merging(boxes: list[Box], iou: float) -> list[int]:
    """Run NMS again inside one merged class; return the positions that go.

    Args:
        boxes: Position, confidence and `xyxy` of each box of one image and merged class.
        iou: Boxes that overlap a better one by more than this go.
    """
    kept: list[Box] = []
    gone = []
    for box in sorted(boxes, key=lambda box: (-box["confidence"], box["position"])):
        if any(_iou(box, better) > iou for better in kept):
            gone.append(int(box["position"]))
        else:
            kept.append(box)
    return gone


def _iou(a: Box, b: Box) -> float:
    width = min(a["x2"], b["x2"]) - max(a["x1"], b["x1"])
    height = min(a["y2"], b["y2"]) - max(a["y1"], b["y1"])
    if width <= 0 or height <= 0:
        return 0.0
    areas = (a["x2"] - a["x1"]) * (a["y2"] - a["y1"]) + (b["x2"] - b["x1"]) * (b["y2"] - b["y1"])
    return float(width * height / (areas - width * height))


def _fill_classes(database: Database, names: Sequence[str], dataset: Dataset, conf: float | None) -> None:
    database.run(
        "CREATE OR REPLACE TABLE classes (class_id INTEGER, class_name VARCHAR, taxon VARCHAR, aphia_id INTEGER, "
        "role VARCHAR, conf FLOAT, merged BOOLEAN)"
    )
    for entry in classes_of(names, dataset, conf):
        database.run("INSERT INTO classes VALUES (?, ?, ?, ?, ?, ?, ?)", list(entry.values()))
    database.run(
        "CREATE OR REPLACE VIEW taxa AS "
        "SELECT taxon, min(aphia_id) AS aphia_id FROM classes WHERE role = 'count' GROUP BY taxon"
    )
    box = "STRUCT(position BIGINT, confidence FLOAT, x1 FLOAT, y1 FLOAT, x2 FLOAT, y2 FLOAT)"
    database.connection.create_function(
        "merged_nms",
        lambda boxes: suppressed_by_merging(boxes, dataset.model.iou),
        [f"{box}[]"],
        "BIGINT[]",
    )


def _fill_deployments(database: Database, dataset: Dataset) -> None:
    database.run(
        "CREATE OR REPLACE TABLE deployments (name VARCHAR, camera VARCHAR, start_at TIMESTAMP, end_at TIMESTAMP)"
    )
    for stay in dataset.deployments:
        start, end = (moment.astimezone(UTC).replace(tzinfo=None) for moment in stay.span)
        database.run("INSERT INTO deployments VALUES (?, ?, ?, ?)", [stay.name, stay.camera, start, end])
