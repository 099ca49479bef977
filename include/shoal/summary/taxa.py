"""From a model's classes to taxa: names, roles, thresholds, and NMS once more where classes are merged."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import duckdb

from shoal.results.plan_parts import StoredThen
from shoal.settings.analysis import Taxon
from shoal.settings.dataset import Dataset
from shoal.settings.taxa import role_of, taxon_of
from shoal.tables.session import Database

Box = dict[str, Any]


def fill_classes(database: Database, names: Sequence[str], dataset: Dataset, conf: float | None) -> None:
    """Make the table `classes`, the view `taxa`, the function `merged_nms` and the variable `iou`.

    Args:
        database: A session.
        names: Class names of the model, by class_id.
        dataset: Its taxa and confidence.
        conf: The run's own confidence, None for none.
    """
    database.run(
        "CREATE OR REPLACE TABLE classes (class_id INTEGER, class_name VARCHAR, taxon VARCHAR, aphia_id INTEGER, "
        "role VARCHAR, conf FLOAT, own_conf FLOAT, merged BOOLEAN)"
    )
    for entry in classes_of(names, dataset, conf):
        database.run("INSERT INTO classes VALUES (?, ?, ?, ?, ?, ?, ?, ?)", list(entry.values()))
    database.run(
        "CREATE OR REPLACE VIEW taxa AS "
        "SELECT taxon, min(aphia_id) AS aphia_id FROM classes WHERE role = 'count' GROUP BY taxon"
    )
    box = "STRUCT(position BIGINT, first_class_id INTEGER, confidence FLOAT, x1 FLOAT, y1 FLOAT, x2 FLOAT, y2 FLOAT)"
    with suppress(duckdb.InvalidInputException):  # of another threshold
        database.connection.remove_function("merged_nms")
    database.connection.create_function(
        "merged_nms",
        lambda boxes: suppressed_by_merging(boxes, dataset.model.iou),
        [f"{box}[]"],
        "BIGINT[]",
    )
    database.set_variable("iou", dataset.model.iou)


def fill_then_classes(database: Database, names: Sequence[str], then: StoredThen) -> None:
    """Make the table `then_classes`, from what a second model says to what counts, and the variable `first_classes`.

    Args:
        database: A session.
        names: Class names by class_id, as of `fill_classes`: those of the first model, then those that only the second has.
        then: What the class ids of the rows' `reclassified` are called.
    """
    ids = {name: class_id for class_id, name in reversed(list(enumerate(names)))}
    database.run(
        "CREATE OR REPLACE TABLE then_classes AS SELECT unnest($1::INTEGER[]) AS then_id, unnest($2::INTEGER[]) AS class_id",
        [list(range(len(then.names))), [ids[name] for name in then.names]],
    )
    database.set_variable("first_classes", then.first_classes)


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
        target = dataset.taxa.get(own.merge_into or name, Taxon())
        classes.append(
            {
                "class_id": class_id,
                "class_name": name,
                "taxon": taxon_of(name, dataset.taxa),
                "aphia_id": target.aphia_id,
                "role": role_of(name, dataset.taxa),
                "conf": conf or own.conf or dataset.conf,
                "own_conf": conf or own.conf,
            }
        )
    members = Counter(entry["taxon"] for entry in classes)
    return [{**entry, "merged": members[entry["taxon"]] > 1} for entry in classes]


def suppressed_by_merging(boxes: list[Box], iou: float) -> list[int]:
    """Run NMS inside one merged class, between boxes of two classes of the model; return the positions that go.

    Args:
        boxes: Position, the model's class, confidence and `xyxy` of each box of one image and merged class.
        iou: Boxes that overlap a better one of another class, which stays, by more than this go.
    """
    kept: list[Box] = []
    gone = []
    for box in sorted(boxes, key=lambda box: (-box["confidence"], box["position"])):
        if any(box["first_class_id"] != better["first_class_id"] and _iou(box, better) > iou for better in kept):
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
