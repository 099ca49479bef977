"""Tables of images without a bucket, a worker or a summary: for what bins, axis and gaps make of times."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from shoal.exports.equal_effort import GROUP_IMAGES
from shoal.settings.deployments import Deployment
from shoal.settings.run_form import Window
from shoal.summary.deployments import fill_spans
from shoal.summary.tables import fill_short_bins
from shoal.tables.session import Database, open_database

WIDTHS = ("30min", "hour", "day", "month")
Shot = Mapping[str, Any]
"""Of an image: `at`, and `camera`, `deployment`, `flag`, `fish` by taxon where they are not the usual ones."""


@contextmanager
def tables_of(
    shots: Iterable[Shot],
    stays: Sequence[Mapping[str, Any]] = (),
    *,
    zone: str = "UTC",
    bins: Sequence[str] = WIDTHS,
    window: Window = Window(None, None),  # noqa: B008 - frozen
    taxa: Sequence[str] = ("Coris julis",),
) -> Iterator[Database]:
    """Open a session with the tables that a summary has after `images`."""
    deployments = [Deployment(**{"camera": "C1", **stay}) for stay in stays]
    with open_database(None) as database:
        database.run(
            "CREATE TABLE images (key VARCHAR, camera VARCHAR, deployment VARCHAR, captured_at TIMESTAMP, clock_flag VARCHAR, "
            "max_det_reached BOOLEAN, use VARCHAR)"
        )
        database.run(
            "CREATE TABLE image_counts (key VARCHAR, camera VARCHAR, deployment VARCHAR, captured_at TIMESTAMP, taxon VARCHAR, "
            "detections BIGINT, confidence_millionths BIGINT)"
        )
        database.run("CREATE TABLE taxa (taxon VARCHAR, aphia_id INTEGER)")
        for taxon in taxa:
            database.run("INSERT INTO taxa VALUES (?, NULL)", [taxon])
        rows, counted = [], []
        for number, shot in enumerate(shots):
            camera, flag, at = shot.get("camera", "C1"), shot.get("flag"), shot["at"]
            place = shot.get("deployment") or _stay_of(deployments, camera, at)
            use = "undated" if at is None else shot.get("use", "used")
            rows.append([f"{number:06d}.jpg", camera, place, at, flag, False, use])
            counted += [
                [f"{number:06d}.jpg", camera, place, at, taxon, seen, 500_000 * seen]
                for taxon, seen in shot.get("fish", {}).items()
                if use == "used" and seen
            ]
        for table, values in (("images", rows), ("image_counts", counted)):
            if values:  # column by column: rows one by one take half a second
                columns = ", ".join("unnest(?)" for _ in values[0])
                database.run(
                    f"INSERT INTO {table} SELECT {columns}", [list(column) for column in zip(*values, strict=True)]
                )
        database.set_variable("bins", list(bins))
        database.set_variable("report_zone", zone)
        database.set_variable("group_images", GROUP_IMAGES)
        fill_spans(database, deployments, window)
        for name in ("bins", "axis", "gaps", "counts", "events", "deployed", "series"):
            database.run_file(name)
            if name == "counts":
                fill_short_bins(database, bins)
        yield database


def _stay_of(deployments: Sequence[Deployment], camera: str, at: datetime | None) -> str | None:
    for stay in deployments:
        start, end = (moment.replace(tzinfo=None) for moment in stay.span)
        if at is not None and stay.camera == camera and start <= at < end:
            return stay.name
    return None
