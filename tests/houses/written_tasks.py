"""Runs of models for other tasks than boxes, without a model: what their workers would write is said by the test."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from math import cos, sin
from pathlib import Path
from typing import Any

from hostile_answer import reef_of
from pipeline import Pipeline
from published_answer import PLAIN, Published
from shoal.answers.find import find_run
from shoal.contract.minted_names import mint_attempt
from shoal.contract.rows import ROW_COLUMNS, ddl
from shoal.plan.document import Plan
from shoal.results.read_plan import read_plan
from shoal.results.stored_plan import StoredPlan
from shoal.summary.summarized_run import SummarizedRun
from shoal.tables.session import open_database


def box(class_id: int, confidence: float = 0.9, xyxy: Sequence[float] = (0, 0, 100, 100)) -> dict[str, Any]:
    """One box, as a row holds it."""
    x1, y1, x2, y2 = xyxy
    return {"class_id": class_id, "confidence": confidence, "x1": x1, "y1": y1, "x2": x2, "y2": y2}


def written(runs: Sequence[int]) -> str:
    """Write runs as COCO's text: `rleToString` of pycocotools."""
    text = ""
    for number, run in enumerate(runs):
        rest = run - runs[number - 2] if number > 2 else run
        more = True
        while more:
            five = rest & 31
            rest >>= 5
            more = rest != -1 if five & 16 else rest != 0
            text += chr((five | 32 if more else five) + 48)
    return text


def rectangle(width: int, height: int, left: int, top: int, right: int, bottom: int) -> str:  # noqa: PLR0917 - a size and four edges
    """Write the mask of a rectangle in an image of that size."""
    runs, at = [], 0
    for column in range(left, right):
        start = column * height + top
        runs += [start - at, bottom - top]
        at = start + bottom - top
    return written([*runs, width * height - at])


def turned(class_id: int, confidence: float, xywh: Sequence[float], angle: float) -> dict[str, Any]:
    """One turned box as a row holds it in three columns; the house of rows puts them there."""
    x, y, width, height = xywh
    c, s = cos(angle), sin(angle)
    corners = [
        (x + c * i * width / 2 - s * j * height / 2, y + s * i * width / 2 + c * j * height / 2)
        for i, j in ((1, 1), (1, -1), (-1, -1), (-1, 1))
    ]
    across, down = zip(*corners, strict=True)
    edges = min(across), min(down), max(across), max(down)
    points = [value for corner in corners for value in (*corner, None)]
    return {"box": box(class_id, confidence, edges), "points": points, "angle": angle}


def turned_row(*boxes: Mapping[str, Any]) -> dict[str, Any]:
    """Write turned boxes as the columns of a row."""
    return {
        "detections": [one["box"] for one in boxes],
        "keypoints": [one["points"] for one in boxes],
        "angles": [one["angle"] for one in boxes],
    }


def plan_of(pipeline: Pipeline, task: str, **params: Any) -> Plan:
    """Plan a run as of a model for this task."""
    plan = pipeline.plan(**params)
    key = pipeline.stores.layout.variant(plan.variant.directory).run(plan.run_key).plan
    stored = pipeline.stores.results.read_json(key)
    pipeline.stores.results.write_json(key, {**stored, "task": task})
    return plan


def stored_plan(pipeline: Pipeline, plan: Plan) -> StoredPlan:
    """Read it."""
    return read_plan(
        pipeline.stores.results, pipeline.stores.layout.variant(plan.variant.directory).run(plan.run_key).plan
    )


def write_given(pipeline: Pipeline, plan: Plan, images: Mapping[str, Mapping[str, Any]]) -> None:
    """Write the rows of a run; each image says what is not as usual."""
    layout = pipeline.stores.layout.variant(plan.variant.directory)
    attempt = mint_attempt()
    with open_database(pipeline.stores.results) as database:
        database.run(f"CREATE TABLE given ({ddl(ROW_COLUMNS)})")
        columns = {"key": "VARCHAR", "object_version": "VARCHAR", "size_bytes": "BIGINT"}
        database.view_parquet("chosen", [layout.run(plan.run_key).manifest], columns)
        for record in database.records("FROM chosen"):
            row = {
                **record, "content_sha256": sha256(record["key"].encode()).hexdigest(), "status": "processed", "width": 100, "height": 80,
                "luma_mean": 100.0, "luma_std": 10.0, "sharpness": 50.0, "seconds": 0.1, "version_checked": True,
                "run_key": plan.run_key, "attempt": attempt, **images[record["key"]],
            }  # fmt: skip
            names = ", ".join(f"? AS {name}" for name in row)
            database.run(f"INSERT INTO given BY NAME SELECT {names}", list(row.values()))
        database.store_parquet("FROM given ORDER BY key", layout.part(plan.run_key, 0, attempt, 0))


def seen_as(
    pipeline: Pipeline, task: str, images: Mapping[str, Mapping[str, Any]], **params: Any
) -> tuple[Plan, SummarizedRun]:
    """Put images, write what a model for a task says of them, and summarize."""
    for key in images:
        pipeline.put(key, key.encode())
    plan = plan_of(pipeline, task, **params)
    write_given(pipeline, plan, images)
    return plan, pipeline.summarize(plan)


def shot(day: int, hour: int = 12, camera: str = "IPC1") -> str:
    """Name an image."""
    return f"{camera}/202606{day:02d}-{hour:02d}0000-{camera}.jpg"


@contextmanager
def published_task(
    folder: Path, model: bytes, task: str, images: Mapping[str, Mapping[str, Any]], **settings: Any
) -> Iterator[Published]:
    """Give a complete run of a model for a task, over a dataset that says what packages need; the store runs meanwhile."""
    files = {key: key.encode() for key in images}
    with reef_of(folder, model, files, {**PLAIN, **settings}) as pipeline:
        plan = plan_of(pipeline, task)
        write_given(pipeline, plan, images)
        assert pipeline.summarize(plan).balance.complete
        yield Published(pipeline, find_run(pipeline.stores.results, pipeline.stores.layout))
