"""A reef with a trouble and a stone: camera A goes dark by night from a day on, and a stone lies before camera B for a week."""

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from PIL import Image

from hostile_answer import reef_of
from pipeline import Pipeline
from shoal.plan.document import Plan
from shoal.summary.summarize import summarize_run
from shoal.summary.summarized_run import SummarizedRun
from shoal.tables.session import Database
from written_rows import write_rows

START, DAYS = datetime(2026, 6, 1), 20
DARK_FROM = 14
STONE = ("Chromis chromis", 40, 300, 120, 360)

SETTINGS = {
    "clock": {"pattern": r"(?P<time>\d{8}-\d{6})-(?P<camera>[A-Z])"},
    "taxa": {"Diplodus vulgaris": {"mobility": "mobile"}, "Chromis chromis": {"mobility": "mobile"}},
}

_DAY = f"date_diff('day', DATE '{START:%Y-%m-%d}', strptime(regexp_extract(key, '([0-9]{{8}})-', 1), '%Y%m%d')::DATE)"
_HOUR = "regexp_extract(key, '-([0-9]{2})', 1)::INTEGER"
_IS_DARK = f"(key LIKE 'A/%' AND {_HOUR} IN (0, 3, 21) AND {_DAY} >= {DARK_FROM})"
_LUMA = f"CASE WHEN {_IS_DARK} THEN 12 ELSE 90 END + hash(key) % 7"

_SEEN = f"""
    (SELECT coalesce(list({{'class_id': 0, 'confidence': (0.3 + (hash(n, key) % 60) / 100)::FLOAT,
        'x1': (200 + hash(key, n, 1) % 300)::FLOAT, 'y1': (20 + hash(key, n, 2) % 200)::FLOAT,
        'x2': (540 + hash(key, n, 3) % 99)::FLOAT, 'y2': (240 + hash(key, n, 4) % 200)::FLOAT}} ORDER BY n), [])
    FROM (SELECT unnest(range((hash(key) % 4)::BIGINT)) AS n))
    || CASE WHEN key LIKE 'B/%' AND {_DAY} BETWEEN 5 AND 12 THEN [{{'class_id': 1, 'confidence': 0.8::FLOAT,
        'x1': {STONE[1]}::FLOAT, 'y1': {STONE[2]}::FLOAT, 'x2': {STONE[3]}::FLOAT, 'y2': {STONE[4]}::FLOAT}}] ELSE [] END
"""


def _photo(camera: str, moment: datetime, number: int) -> bytes:
    dark = camera == "A" and moment.hour in {0, 3, 21} and (moment - START).days >= DARK_FROM
    image = Image.new("RGB", (640, 480), (6, 8, 14) if dark else (40, 110, 150))
    if not dark:
        image.paste((90, 80, 60), (40, 300, 120, 360))
        image.paste((200, 190, 90), (200 + number % 300, 100, 280 + number % 300, 140))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=80)
    return buffer.getvalue() + f"{camera} {number}".encode()


def images(days: int = DAYS) -> dict[str, bytes]:
    """Of both cameras, one each three hours."""
    moments = [START + timedelta(hours=3 * number) for number in range(8 * days)]
    return {
        f"{camera}/{moment:%Y%m%d-%H%M%S}-{camera}.jpg": _photo(camera, moment, number)
        for camera in "AB"
        for number, moment in enumerate(moments)
    }


def write(pipeline: Pipeline, plan: Plan) -> None:
    """Write what workers would have written."""

    def hashed(database: Database) -> None:
        database.run("CREATE TABLE hashed (key VARCHAR, content VARCHAR)")
        for key, data in images().items():
            database.run("INSERT INTO hashed VALUES (?, ?)", [key, hashlib.sha256(data).hexdigest()])

    write_rows(
        pipeline, plan, "manifest JOIN hashed USING (key)", hashed, content_sha256="content", detections=_SEEN,
        luma_mean=_LUMA, luma_std="20 + hash(key) % 9", sharpness="60 + hash(key, 's') % 9",
        dhash="CASE WHEN key LIKE 'A/%' THEN 255 ELSE 65280 END::UBIGINT + hash(key, 'd') % 2",
    )  # fmt: skip


def night(pipeline: Pipeline, *, with_pictures: bool = False, **params: str) -> SummarizedRun:
    """Plan a run, write what workers would have written, and summarize it."""
    plan = pipeline.plan(**params)
    write(pipeline, plan)
    layout = pipeline.stores.layout.variant(plan.variant.directory)
    return summarize_run(pipeline.stores, layout, plan.run_key, with_pictures=with_pictures)


@contextmanager
def troubled_reef(folder: Path, model: bytes, days: int = DAYS) -> Iterator[Pipeline]:
    """Make it, without a run."""
    with reef_of(folder, model, images(days), SETTINGS) as pipeline:
        yield pipeline
