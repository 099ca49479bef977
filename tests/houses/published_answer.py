"""A stored answer that packages are made of, without a worker: stays with and without a position, released cameras, hostile names."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hostile import FILE_NAMES, hostile_keys
from hostile_answer import HOSTILE_TAXON, draw_rows, reef_of
from pipeline import Pipeline
from shoal.answers.find import StoredRun, find_run
from shoal.answers.views import view_answer
from shoal.answers.where import Where
from shoal.exports.export import Answer, Export, Written
from shoal.tables.session import open_database

PUBLISH = {
    "project": {"title": 'Reef, "north"', "sampling_design": "opportunistic"},
    "contributors": [{"name": "Ana <Ñ> & Co", "role": "contact", "email": "ana@example.org"}],
    "licence": {"data": "CC0-1.0", "media": "https://creativecommons.org/licenses/by/4.0/"},
    "handle": "https://hdl.handle.net/20.500.12085/reef",
    "coordinate_digits": 2,
}

PLAIN = {
    "description": "Two cameras on a reef.",
    "clock": {"pattern": r"(?P<time>\d{8}-\d{6})-(?P<camera>[A-Z])"},
    "report": {"bins": ["hour", "day", "month"], "zone": "Europe/Madrid"},
    "taxa": {
        "Chromis chromis": {"aphia_id": 127000},
        "Coris julis": {"aphia_id": 126963},
        "Diplodus vulgaris": {"aphia_id": 127054},
    },
    "deployments": [
        {
            "name": "pier", "camera": "A", "start": "2026-06-01", "end": "2026-06-09", "latitude": 41.18212, "longitude": 1.75257,
            "depth_m": 20.0, "captureMethod": "timeLapse",
            "not_working": [{"from": "2026-06-03", "to": "2026-06-04T12:00:00", "reason": "lens, overgrown"}],
        },
        {
            "name": "wreck", "camera": "B", "start": "2026-06-02", "latitude": 41.3, "longitude": 1.9, "depth_m": 12.5, "captureMethod": "activityDetection",
            "not_working": [{"from": "2026-06-04", "to": "2026-06-06", "reason": "no power"}],
        },
        {"name": "nowhere", "camera": "C", "start": "2026-06-01", "end": "2026-06-05"},
    ],
    "publish": PUBLISH,
}  # fmt: skip


def _as_listed(name: str) -> str:
    """Write a name as rclone's server lists it: it shows control characters of files by their pictures."""
    return "".join(chr(0x2400 + ord(sign)) if ord(sign) < 0x20 else sign for sign in name)


HOSTILE = {
    **PLAIN,
    "clock": {"pattern": r"(?P<time>\d{8}-\d{6})-(?P<camera>(?s:.*))-CAM1"},
    "taxa": {
        "Coris julis": {"scientific_name": HOSTILE_TAXON, "aphia_id": 126963},
        "Chromis chromis": {"scientific_name": "Новый\nвид <&>"},
    },
    "deployments": [
        {
            "name": f"d{number}",
            "camera": camera,
            "start": "2026-01-01",
            "latitude": -33.5 + number / 10,
            "longitude": 179.9,
        }
        for number, camera in enumerate([*map(_as_listed, FILE_NAMES.values()), "ü" * 90])
    ],
}


def plain_keys() -> list[str]:
    """Camera A looks by the clock, B is released and stands still for two days, C and D have no position; with an undated one."""
    by_the_clock = [
        f"A/202606{day:02}-{hour:02}0000-A.jpg" for day in range(1, 9) if day != 3 for hour in (0, 6, 12, 18)
    ]
    bursts = [
        f"B/202606{day:02}-{hour:02}{minute:02}00-B.jpg"
        for day in (2, 3, 7, 8)
        for hour in (5, 17)
        for minute in (0, 10, 35, 59)
    ]
    others = [f"{camera}/202606{day:02}-090000-{camera}.jpg" for camera in "CD" for day in (1, 2, 3)]
    odd = ["A/no date.jpg", "A/20260605-070000-A bad.jpg", "A/copy/20260605-060000-A.jpg"]
    return [*by_the_clock, *bursts, *others, *odd]


@dataclass(frozen=True)
class Published:
    """A complete run whose dataset file says what packages need."""

    pipeline: Pipeline
    run: StoredRun

    @property
    def result(self) -> Mapping[str, Any]:
        return self.run.summary.result

    @property
    def counted(self) -> dict[str, int]:
        """Detections by taxon in used images, as the summary has them."""
        return {one["taxon"]: one["detections"] for one in self.result["species"]}

    def answer(self, **changed: Any) -> Answer:
        """What an export is given, under a dataset file whose groups are changed."""
        dataset = self.pipeline.with_settings(**changed).dataset if changed else self.pipeline.dataset
        return Answer(self.run.plan, True, self.result, self.run.summary.run, dataset=dataset)

    def write(self, export: Export, to: Path, *where: str, **changed: Any) -> Written:
        """Write one export of it into a new folder."""
        to.mkdir(parents=True)
        found = Where.parse(where)
        with open_database(self.pipeline.stores.results) as database:
            view_answer(database, self.run.summary, found)
            return export.write(database, self.answer(**changed), to, found)


@contextmanager
def published_answer(folder: Path, model: bytes, keys: list[str], settings: Mapping[str, Any]) -> Iterator[Published]:
    """Summarize drawn rows of these images; the store runs meanwhile."""
    images = {key: f"image {number}".encode() for number, key in enumerate(keys)}
    with reef_of(folder, model, images, settings) as pipeline:
        plan = pipeline.plan()
        draw_rows(pipeline, plan)
        assert pipeline.summarize(plan).balance.complete
        yield Published(pipeline, find_run(pipeline.stores.results, pipeline.stores.layout))


def hostile_names() -> list[str]:
    """Hostile keys, one of them 1,024 bytes long."""
    return list(hostile_keys().values())
