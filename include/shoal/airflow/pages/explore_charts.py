"""What the page that explores shows of one camera: bars over their effort, hours of the day, and all numbers as a table."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from markupsafe import Markup

from shoal.airflow.pages.explore_form import bin_of, bins_between
from shoal.airflow.pages.frame import NOTHING
from shoal.airflow.pages.svg_charts import Bin, draw_series
from shoal.answers.explored import CameraCounts, DayCount
from shoal.contract.errors import shown

MOST_BINS = 400
"""Bins that are drawn and told, the latest ones."""

DAY, IMAGE = "camera-day", "image"
"""Effort of a camera that is released, and of one that looks by the clock."""


@dataclass(frozen=True)
class Drawn:
    """How all cameras of a page are drawn.

    Attributes:
        taxon: What is counted.
        colour: Its colour.
        width: Of bins: day, week, month; hour for the hours of the day alone.
        first: First day of the axis.
        last: Last one.
        whole_images: Whether images are taken for it as a whole, and nothing in them is counted.
        has_days: Whether the run counted days: they tell when a camera was at work that something releases.
    """

    taxon: str
    colour: str
    width: str
    first: date
    last: date
    whole_images: bool
    has_days: bool


@dataclass(frozen=True)
class CameraChart:
    """What the page shows of one camera; `series` is None where only hours are."""

    camera: str
    series: Markup | None
    hours: Markup
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]


def draw_camera(one: CameraCounts, drawn: Drawn, *, is_released: bool) -> CameraChart:
    """Draw one camera.

    Args:
        one: What it saw.
        drawn: How all are drawn.
        is_released: Whether something in front of it releases it in any of its deployments.
    """
    unit = DAY if is_released and all(day.camera_days is not None for day in one.days.values()) else IMAGE
    about = f"{shown(drawn.taxon)} at camera {shown(one.camera) or '(no name)'}"
    what = "Images of it" if drawn.whole_images else "Detections"
    hours, notes = _hours(one, about, drawn, is_released=is_released), []
    if is_released and unit == IMAGE:
        notes.append(
            "Something released this camera for a part of the time: an image is no measure of effort there."
            if drawn.has_days
            else "Something releases this camera, and the run has no bins of a day: nothing tells on which days without an image "
            "it was at work, and an image is no measure of effort. Add day to report.bins, and summarize again."
        )
    if drawn.width == "hour":
        rows = (
            (f"{hour:02}", f"{images:,}", f"{seen:,}", _ratio(seen, images))
            for hour, (images, seen) in enumerate(one.hours)
        )
        return CameraChart(one.camera, None, hours, ("Hour", "Images", what, "Per image"), tuple(rows), tuple(notes))
    bins = list(_bins(one, drawn, unit, knows_gaps=drawn.has_days or not is_released))
    if len(bins) > MOST_BINS:
        notes.append(f"The latest {MOST_BINS} of {len(bins):,} bins: a wider bin shows all, other days the others.")
        bins = bins[-MOST_BINS:]
    effort = "camera-days at work" if unit == DAY else "images looked at"
    series = draw_series(
        f"{about}, by {drawn.width}, over {effort}",
        [each for each, _ in bins],
        drawn.colour,
        _measure(drawn, unit),
        effort,
    )
    head = (drawn.width.capitalize(), effort.capitalize(), what, f"Per {unit}")
    return CameraChart(one.camera, series, hours, head, tuple(row for _, row in bins), tuple(notes))


def _bins(one: CameraCounts, drawn: Drawn, unit: str, *, knows_gaps: bool) -> Iterator[tuple[Bin, tuple[str, ...]]]:
    """Put days into bins: one without effort is a gap, and stands in its place.

    Of a camera that is released one without an image is none where it was at work, nor where nothing tells that it was not.
    """
    found: dict[date, list[DayCount]] = {}
    for day, count in one.days.items():
        found.setdefault(bin_of(day, drawn.width), []).append(count)
    for start in bins_between(drawn.first, drawn.last, drawn.width):
        label = f"{start:%Y-%m}" if drawn.width == "month" else start.isoformat()
        days = found.get(start, [])
        effort = sum(day.camera_days or 0 for day in days) if unit == DAY else sum(day.images for day in days)
        seen = sum(day.detections for day in days)
        if not effort:
            at_work = any(day.camera_days for day in days)
            words = "at work, no image" if at_work else "nobody looked" if knows_gaps else "no image"
            yield (
                Bin(label, None, None, f"{label}: {words}", is_gap=knows_gaps and not at_work),
                (label, words, NOTHING, NOTHING),
            )
            continue
        told = f"{effort:,.4g}" if unit == DAY else f"{effort:,}"
        row = (label, told, f"{seen:,}", _ratio(seen, effort))
        yield Bin(label, seen / effort, effort, f"{label}: {seen:,} on {told} {unit}s, {row[3]} per {unit}"), row


def _hours(one: CameraCounts, about: str, drawn: Drawn, *, is_released: bool) -> Markup:
    name, clock = f"{about}, by hour of the day", "by the sun" if one.solar else "by the clock"
    if is_released:  # at work at any hour: an image is no effort
        bins = [Bin(f"{hour:02}", seen, None, f"{hour:02}: {seen:,}") for hour, (_, seen) in enumerate(one.hours)]
        return draw_series(name, bins, drawn.colour, f"detections by hour of the day, {clock}", "")
    bins = [
        Bin(f"{hour:02}", seen / images if images else None, images, f"{hour:02}: {seen:,} on {images:,} images")
        for hour, (images, seen) in enumerate(one.hours)
    ]
    return draw_series(
        name, bins, drawn.colour, f"{_measure(drawn, IMAGE)}, by hour of the day, {clock}", "images looked at"
    )


def _measure(drawn: Drawn, unit: str) -> str:
    if drawn.whole_images:
        return "share of images" if unit == IMAGE else f"images per {unit}"
    return f"detections per {unit}"


def _ratio(seen: int, effort: float) -> str:
    return f"{seen / effort:.4g}" if effort else NOTHING
