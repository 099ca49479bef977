"""A stored answer over hostile names, three months and every use of an image, without a worker: its rows are drawn by SQL."""

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml
from PIL import Image

from dataset_settings import dataset_settings
from hostile import hostile_keys
from pipeline import Pipeline
from shoal.contract.rows import MANIFEST_COLUMNS, ROW_COLUMNS
from shoal.embedded.processes.rclone import embedded_store
from shoal.settings.dataset_files import load_dataset
from shoal.settings.dataset_stores import open_stores
from shoal.summary.summarize import SummarizedRun
from shoal.tables.session import open_database

HOSTILE_TAXON = '=Coris, "julis";\tر\u202eيم🐟'
"""What the dataset file calls a class: a formula with commas, quotes, a tab, right-to-left and an emoji."""

PHOTO_KEY = "A/20260401-030000-A-CAM1.jpg"


def _photo() -> bytes:
    """One real image, blue to the left and red to the right; all others are their own names."""
    image = Image.new("RGB", (640, 480), (0, 0, 255))
    image.paste((255, 0, 0), (320, 0, 640, 480))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


PHOTO = _photo()

SETTINGS = {
    "clock": {"pattern": r"(?P<time>\d{8}-\d{6})-(?P<camera>(?s:.*))-CAM1"},
    "report": {"bins": ["hour", "day", "month"], "zone": "Europe/Madrid"},
    "taxa": {
        "Coris julis": {"scientific_name": HOSTILE_TAXON, "aphia_id": 126963},
        "Diplodus vulgaris": {"aphia_id": 127054},
    },
    "deployments": [{"name": "reef-1", "camera": "A", "start": "2026-06-10", "latitude": 41.18, "longitude": 1.75}],
}

_SEEN = """
    CASE WHEN key LIKE '%bad%' THEN NULL ELSE (
        SELECT coalesce(list({
            'class_id': (hash(key, n) % 3)::INTEGER, 'confidence': (0.05 + (hash(n, key) % 9500) / 10000)::FLOAT,
            'x1': (hash(key, n, 1) % 300)::FLOAT, 'y1': (hash(key, n, 2) % 200)::FLOAT,
            'x2': (301 + hash(key, n, 3) % 339)::FLOAT, 'y2': (201.5 + hash(key, n, 4) % 278)::FLOAT
        } ORDER BY n), []) FROM (SELECT unnest(range((hash(key) % 6)::BIGINT)) AS n)
    ) END
"""
"""Up to five boxes an image, from its key alone; scores from 0.05 on, so that some do not count."""


@dataclass(frozen=True)
class HostileAnswer:
    """A pipeline, its complete run, and the folder that its store serves."""

    pipeline: Pipeline
    done: SummarizedRun
    folder: Path

    @property
    def results(self):
        return self.pipeline.stores.results

    @property
    def layout(self):
        return self.pipeline.stores.layout


def all_keys() -> list[str]:
    """Hostile names, and two plain cameras over three months, with an undated image, a failed one and two of one content."""
    plain = [
        f"{camera}/2026{month:02}{day:02}-{hour:02}0000-{camera}-CAM1.jpg"
        for camera in "AB"
        for month in (4, 5, 6)
        for day in (1, 12, 30)
        for hour in (3, 9, 21)
    ]
    return [
        *hostile_keys().values(),
        *plain,
        "A/no date.jpg",
        "A/20260601-040000-A-CAM1 bad.jpg",
        "B/copy/20260601-090000-B-CAM1.jpg",
    ]


@contextmanager
def hostile_answer(folder: Path, model: bytes) -> Iterator[HostileAnswer]:
    """Summarize it; the store runs meanwhile."""
    data = folder / "data"
    for role in ("images", "results", "models", "exports"):
        (data / f"reef-{role}").mkdir(parents=True)
    for key in all_keys():
        path = data / "reef-images" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(PHOTO if key == PHOTO_KEY else key.replace("copy/", "").encode())
    path = data / "reef-models/demo-fish/v1/model.onnx"
    path.parent.mkdir(parents=True)
    path.write_bytes(model)
    file = folder / "reef.yaml"
    file.write_text(yaml.safe_dump(dataset_settings("reef", "test", **SETTINGS)), encoding="utf-8")
    with embedded_store(data, folder / "store.log") as access:
        dataset = load_dataset(file)
        pipeline = Pipeline(dataset, open_stores(dataset, lambda _: access))
        plan = pipeline.plan()
        draw_rows(pipeline, plan)
        done = pipeline.summarize(plan)
        assert done.balance.complete
        yield HostileAnswer(pipeline, done, data)


def draw_rows(pipeline: Pipeline, plan) -> None:
    """Write the rows of a run: boxes follow from keys alone."""
    layout = pipeline.stores.layout.variant(plan.variant.directory)
    bad = "key LIKE '%bad%'"
    values = {
        **{name: name for name in ("key", "object_version", "size_bytes")},
        "content_sha256": f"CASE key WHEN '{PHOTO_KEY}' THEN '{hashlib.sha256(PHOTO).hexdigest()}' ELSE sha256(replace(key, 'copy/', '')) END",
        "status": f"CASE WHEN {bad} THEN 'failed' ELSE 'processed' END",
        "reason": f"CASE WHEN {bad} THEN 'truncated' END",
        "width": f"CASE WHEN {bad} THEN NULL ELSE 640 END", "height": f"CASE WHEN {bad} THEN NULL ELSE 480 END",
        "detections": _SEEN, "max_det_reached": "false", "luma_mean": "100", "luma_std": "20", "sharpness": "50",
        "seconds": "0.1", "version_checked": "true", "worker_version": "'0.1.0'", "run_key": f"'{plan.run_key}'", "attempt": "'attempt1'",
    }  # fmt: skip
    columns = ", ".join(f"({values.get(name, 'NULL')})::{kind} AS {name}" for name, kind in ROW_COLUMNS.items())
    with open_database(pipeline.stores.results) as database:
        for shard in plan.work.shards:
            database.view_parquet("manifest", [layout.run(plan.run_key).manifest], MANIFEST_COLUMNS)
            query = f"SELECT {columns} FROM manifest WHERE shard = {shard.shard} ORDER BY key"
            database.store_parquet(query, layout.part(plan.run_key, shard.shard, "attempt1", 0))
