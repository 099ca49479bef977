"""A stored answer over hostile names, three months and every use of an image, without a worker: its rows are drawn by SQL."""

import hashlib
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from PIL import Image

from dataset_settings import dataset_settings
from hostile import hostile_keys
from pipeline import Pipeline
from shoal.embedded.processes.rclone import embedded_store
from shoal.settings.dataset_files import load_dataset
from shoal.settings.dataset_stores import open_stores
from shoal.summary.summarized_run import SummarizedRun
from written_rows import write_rows

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
def reef_of(folder: Path, model: bytes, images: Mapping[str, bytes], settings: Mapping[str, Any]) -> Iterator[Pipeline]:
    """Make a dataset `reef` of these images in a folder that is served meanwhile, with a bucket for exports."""
    data = folder / "data"
    for role in ("images", "results", "models", "exports"):
        (data / f"reef-{role}").mkdir(parents=True)
    for path, content in {
        **{data / "reef-images" / key: content for key, content in images.items()},
        data / "reef-models/demo-fish/v1/model.onnx": model,
    }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    file = folder / "reef.yaml"
    file.write_text(yaml.safe_dump(dataset_settings("reef", "test", **settings)), encoding="utf-8")
    with embedded_store(data, folder / "store.log") as access:
        yield Pipeline(dataset := load_dataset(file), open_stores(dataset, lambda _: access))


@contextmanager
def hostile_answer(folder: Path, model: bytes) -> Iterator[HostileAnswer]:
    """Summarize it; the store runs meanwhile."""
    images = {key: PHOTO if key == PHOTO_KEY else key.replace("copy/", "").encode() for key in all_keys()}
    with reef_of(folder, model, images, SETTINGS) as pipeline:
        plan = pipeline.plan()
        draw_rows(pipeline, plan)
        done = pipeline.summarize(plan)
        assert done.balance.complete
        yield HostileAnswer(pipeline, done, folder / "data")


def draw_rows(pipeline: Pipeline, plan) -> None:
    """Write the rows of a run: boxes follow from keys alone."""
    bad = "key LIKE '%bad%'"
    write_rows(
        pipeline, plan,
        content_sha256=f"CASE key WHEN '{PHOTO_KEY}' THEN '{hashlib.sha256(PHOTO).hexdigest()}' ELSE sha256(replace(key, 'copy/', '')) END",
        status=f"CASE WHEN {bad} THEN 'failed' ELSE 'processed' END", reason=f"CASE WHEN {bad} THEN 'truncated' END",
        width=f"CASE WHEN {bad} THEN NULL ELSE 640 END", height=f"CASE WHEN {bad} THEN NULL ELSE 480 END", detections=_SEEN,
    )  # fmt: skip
