"""What camtrapR reads: recordTable.csv, cameraOperation.csv and stations.csv; and equalEffort.csv beside them.

A station is a stay of a camera. A record is a taxon in an image, with `count` boxes of it; detections are not individuals. The
operation matrix has a row for each station and a column for each local day: 1 for a day at work, the share of it for a camera
that something releases, and NA for a day on which it was not at work or not there - never 0, which would say that it looked.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any, ClassVar

from shoal.answers.views import cut_bins
from shoal.answers.where import Where
from shoal.exports.equal_effort import COLUMNS, EqualEffort, equal_effort, has_maxn
from shoal.exports.export import Answer, Written
from shoal.exports.places import rounded_position
from shoal.exports.rests import find_rests
from shoal.exports.shown_people import leave_people_out
from shoal.exports.table_file import CSV, CSV_TYPE
from shoal.exports.whole_file import copy_whole, text_of, write_row, write_whole
from shoal.settings.dataset import Dataset
from shoal.tables.session import Database

NO_DEPLOYMENT = "no deployment"
"""Ends the station of a camera outside all deployments; no deployment can be named so."""

MISSING = "NA"

_STATION = f"""
CREATE OR REPLACE MACRO station(camera, deployment) AS camera || '/' || coalesce(deployment, '{NO_DEPLOYMENT}')
"""

_RECORDS = """
SELECT Station, Camera, Species, strftime(taken, '%Y-%m-%d %H:%M:%S') AS DateTimeOriginal, strftime(taken, '%Y-%m-%d') AS Date,
    strftime(taken, '%H:%M:%S') AS Time, coalesce(epoch(since)::BIGINT, 0) AS "delta.time.secs",
    round(coalesce(epoch(since), 0) / 60, 1) AS "delta.time.mins",
    round(coalesce(epoch(since), 0) / 3600, 1) AS "delta.time.hours",
    round(coalesce(epoch(since), 0) / 86400, 1) AS "delta.time.days", Directory, FileName, count
FROM (
    SELECT *, captured_at - lag(captured_at) OVER (PARTITION BY Station, Species ORDER BY captured_at, key) AS since
    FROM (
        SELECT station(camera, deployment) AS Station, camera AS Camera, taxon AS Species, captured_at, key,
            (captured_at AT TIME ZONE 'UTC') AT TIME ZONE getvariable('report_zone') AS taken,
            rtrim(regexp_extract(key, '^(?s:(.*))/', 1), '/') AS Directory, regexp_extract(key, '[^/]*$') AS FileName,
            count(*) AS count
        FROM detections
        WHERE role = 'count' AND use = 'used' AND NOT list_contains(getvariable('counted_people'), taxon)
        GROUP BY ALL
    )
)
ORDER BY Station, Species, captured_at, key
"""

_DAYS = """
SELECT camera, deployment, ((bin_start AT TIME ZONE 'UTC') AT TIME ZONE getvariable('report_zone'))::DATE AS day,
    CASE WHEN any_value(rests.bin_start) IS NULL THEN nullif(coalesce(any_value(camera_days), 1.0), 0) END::DOUBLE,
    coalesce(sum(detections) FILTER (NOT list_contains(getvariable('counted_people'), taxon)), 0)::BIGINT
FROM counts_day LEFT JOIN rests USING (camera, deployment, bin_start) GROUP BY ALL ORDER BY camera, deployment NULLS LAST, day
"""
"""Of a camera by the clock only days with images have a row."""


@dataclass(frozen=True)
class Day:
    """A station's day that has a row in the counts.

    Attributes:
        camera: Of the station.
        deployment: Likewise; None outside all of them.
        day: Local.
        at_work: Which share of it the camera was at work; None where it was not.
        detections: Of all taxa but those that people were counted as.
    """

    camera: str
    deployment: str | None
    day: date
    at_work: float | None
    detections: int

    @property
    def station(self) -> str:
        """As in the table of records."""
        return f"{self.camera}/{self.deployment or NO_DEPLOYMENT}"


@dataclass(frozen=True)
class Camtrapr:
    """recordTable.csv, cameraOperation.csv, stations.csv and, but of a classifier, equalEffort.csv."""

    name: ClassVar[str] = "camtrapr"
    content_type: ClassVar[str] = CSV_TYPE
    needs_complete: ClassVar[bool] = True
    repeatable: ClassVar[bool] = True

    of_days: ClassVar[bool] = True

    def missing(self, dataset: Dataset) -> list[str]:  # noqa: ARG002 - the door's
        """Need nothing of the dataset file but days."""
        return []

    def write(self, database: Database, answer: Answer, to: Path, where: Where) -> Written:
        """Stream the records, then the days."""
        database.set_variable("report_zone", answer.plan.settings.report.zone)
        database.run(_STATION)
        of_people = leave_people_out(database, answer, "day")
        records, matrix, stations = (to / f"{name}.csv" for name in ("recordTable", "cameraOperation", "stations"))
        copy_whole(database, _RECORDS, records, f"{CSV}, NULLSTR '{MISSING}'")
        find_rests(database, answer, "day")
        days = list(_days(database))
        write_whole(matrix, lambda part: _write_matrix(days, part))
        write_whole(stations, lambda part: _write_stations(days, answer, part))
        files, not_told = [records, matrix, stations], dict[str, int]()
        if has_maxn(answer):
            comparable, not_told = equal_effort(answer, where)
            files.append(write_whole(to / "equalEffort.csv", lambda part: _write_comparable(comparable, part)))
        not_held = {
            "images without a capture time": database.value("SELECT count(*) FROM images WHERE use = 'undated'"),
            "days that the time asked for cuts": cut_bins(database, where, "day"),
            "detections on days on which a camera was not at work (in recordTable.csv, NA in cameraOperation.csv)": sum(
                day.detections for day in days if day.at_work is None
            ),
            **of_people,
            **not_told,
        }
        return Written(tuple(files), {what: int(count) for what, count in not_held.items() if count})


def _days(database: Database) -> Iterator[Day]:
    return (Day(*row) for row in database.stream(_DAYS))


def _write_matrix(days: list[Day], path: Path) -> None:
    first, last = (fold((day.day for day in days), default=None) for fold in (min, max))
    dates = [first + timedelta(days=number) for number in range((last - first).days + 1)] if first and last else []
    with text_of(path) as file:
        # R takes "NA" in quotes for a text, so that names are quoted here and numbers are not.
        file.write(",".join(["", *map(str, dates)]) + "\n")
        for station, of_station in groupby(days, lambda day: day.station):
            at_work = {day.day: day.at_work for day in of_station}
            shares = (at_work.get(one) for one in dates)
            cells = (MISSING if share is None else f"{share:g}" for share in shares)
            file.write(",".join([_quoted(station), *cells]) + "\n")


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _write_stations(days: list[Day], answer: Answer, path: Path) -> None:
    described = answer.described
    now = {(stay.camera, stay.name): stay for stay in described.deployments}
    with text_of(path) as file:
        write_row(
            file, ["Station", "Camera", "Deployment", "Longitude", "Latitude", "Depth_m", "First_day", "Last_day"]
        )
        for station, found in groupby(days, lambda day: day.station):
            of_station = list(found)
            camera, deployment = of_station[0].camera, of_station[0].deployment
            stay = now.get((camera, deployment or ""))
            latitude, longitude = rounded_position(stay, described.publish.coordinate_digits)
            row: list[Any] = [station, camera, deployment, longitude, latitude, stay and stay.depth_m]
            write_row(
                file, [MISSING if value is None else value for value in [*row, of_station[0].day, of_station[-1].day]]
            )


def _write_comparable(series: Sequence[EqualEffort], path: Path) -> None:
    with text_of(path) as file:
        write_row(file, ["Station", "Species", *COLUMNS])
        for one in series:
            station = f"{one.camera}/{one.deployment or NO_DEPLOYMENT}"
            write_row(file, [station, one.taxon, *(MISSING if value is None else value for value in one.numbers)])


CAMTRAPR = Camtrapr()
