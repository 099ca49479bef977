"""The report's plot: mean detections per image over time, above the images they were found in."""

import io
import logging
import zlib
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from matplotlib import rc_context
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from shoal.contract.errors import shown
from shoal.tables.session import Database

# It tells of fonts it looked at, in the log of a task that has a story of its own to tell.
logging.getLogger("matplotlib").setLevel(logging.WARNING)

SHOWN_TAXA = 5
"""Lines of the plot; the table has every taxon."""

SHOWN_CAMERAS = 4
"""Columns of the plot, the first by name; the table has every camera."""

DAYS_DRAWN = timedelta(days=3 * 366)
"""A longer time is drawn by months, where the dataset has them."""

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Okabe and Ito's, which people with colour blindness tell apart (jfly.uni-koeln.de/color), but for yellow and black."""

STYLES = ("-", "--", ":", "-.")


def styles_of(taxa: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Give each taxon a colour and a kind of line that follow from its name, so that they stay from report to report.

    Two names that meet on one are told apart: the later one by name takes the next that is free.
    """
    choices = [(colour, style) for style in STYLES for colour in COLOURS]
    given: dict[str, tuple[str, str]] = {}
    for taxon in sorted(taxa):
        first = zlib.crc32(taxon.encode()) % len(COLOURS)
        turned = choices[first:] + choices[:first]
        taken = set(list(given.values())[len(given) // len(choices) * len(choices) :])
        given[taxon] = next(choice for choice in turned if choice not in taken)
    return given


def draw_plot(database: Database, result: Mapping[str, Any]) -> str:
    """Draw the plot as an inline `<svg>` element; empty when no image has a capture time."""
    # A camera named `a$b` is no formula. The salt stands in for a random one: the same answer is the same plot.
    with rc_context({"text.parse_math": False, "svg.hashsalt": "shoal"}):
        return draw_svg(plot(database, result))


def plot(database: Database, result: Mapping[str, Any]) -> Figure | None:
    """Draw mean detections per image over time, above the images they were found in; one column per camera.

    Returns:
        None when no image has a capture time.
    """
    bin_name = _plot_bin(result["settings"]["report"]["bins"], _longest_axis(database))
    cameras = [
        r["camera"]
        for r in database.records(f"SELECT DISTINCT camera FROM numbered_series ORDER BY camera LIMIT {SHOWN_CAMERAS}")
    ]
    if not cameras or not result["species"]:
        return None
    taxa = [entry["taxon"] for entry in result["species"][:SHOWN_TAXA]]
    styles = styles_of(entry["taxon"] for entry in result["species"])
    figure = Figure(figsize=(5.2 * max(len(cameras), 1.6), 4.6), layout="constrained")
    axes = figure.subplots(2, len(cameras), sharex="col", sharey="row", squeeze=False, height_ratios=(3, 1))
    for column, camera in enumerate(cameras):
        _plot_camera(
            (axes[0][column], axes[1][column]), database, bin_name, camera, {taxon: styles[taxon] for taxon in taxa}
        )
        _label(axes[0][column], axes[1][column], camera, bin_name if column == 0 else None)
    for row in axes:
        row[0].set_ylim(bottom=0)  # only now: it ends the scaling to what the row's axes share
    handles, labels = axes[0][0].get_legend_handles_labels()
    columns = min(len(labels), 2 * len(cameras) + 1)
    legend = figure.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False)
    for text in legend.get_texts():
        text.set_fontstyle("italic")  # names of species, as in the tables
    return figure


def draw_svg(figure: Figure | None) -> str:
    """Render a figure as an inline `<svg>` element; empty without a figure."""
    if figure is None:
        return ""
    buffer = io.StringIO()
    FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def _plot_camera(
    axes: tuple[Any, Any], database: Database, bin_name: str, camera: str, taxa: Mapping[str, tuple[str, str]]
) -> None:
    """Draw the column of one camera: a line for each taxon, the images as bars below them."""
    mean_axis, effort_axis = axes
    for taxon, (colour, style) in taxa.items():
        points = _with_gaps(_read_series(database, bin_name, camera, taxon))
        mean_axis.plot(
            [moment for moment, _ in points],
            [mean for _, mean in points],
            linestyle=style,
            marker=".",
            color=colour,
            label=shown(taxon),
            linewidth=1.4,
            clip_on=False,  # a zero is a point like any other, not half of one
        )
    effort = _read_series(database, bin_name, camera, next(iter(taxa)))
    start, end = _find_axis(database, camera)
    # Bins that are cut off there are drawn whole.
    effort_axis.set_xlim(
        min([start, *(r["bin_start"] for r in effort[:1])]), max([end, *(r["bin_end"] for r in effort[-1:])])
    )
    effort_axis.bar(
        [r["bin_start"] for r in effort],
        [r["images"] for r in effort],
        _widths(effort),
        align="edge",
        color="#9aa7b0",
    )


def _plot_bin(bins: list[str], axis: timedelta) -> str:
    """Choose the bins to draw: days, but of several years they are closer than lines are wide."""
    widths = ("month", "day") if axis > DAYS_DRAWN else ("day", "month")
    return next(name for name in (*widths, "hour", "30min") if name in bins)


def _longest_axis(database: Database) -> timedelta:
    return database.value("SELECT max(end_at - start_at) FROM axis") or timedelta()


def _read_series(database: Database, bin_name: str, camera: str, taxon: str) -> list[dict[str, Any]]:
    """Read one line of the plot, as far as it lies on the camera's axis; deployments of one camera follow each other in time."""
    return database.records(
        "SELECT bin_start, bin_start + (bin_end - bin_start) / 2 AS middle, bin_end, mean_per_image AS mean, images "
        "FROM counts JOIN axis ON axis.camera = counts.camera AND bin_end > start_at AND bin_start <= end_at "
        "WHERE bin = ? AND counts.camera = ? AND taxon = ? ORDER BY bin_start",
        [bin_name, camera, taxon],
    )


def _find_axis(database: Database, camera: str) -> tuple[datetime, datetime]:
    (found,) = database.records("SELECT start_at, end_at FROM axis WHERE camera = ?", [camera])
    return found["start_at"], found["end_at"]


def _with_gaps(series: list[dict[str, Any]]) -> list[tuple[datetime, float]]:
    """List middle and mean of each bin; a time in which nobody looked, which has no bin, breaks the line.

    So does a bin without an image, in which a camera was at work and nothing came by: there is no mean of no image.
    """
    points: list[tuple[datetime, float]] = []
    for before, entry in zip([None, *series], series, strict=False):
        if before is not None and before["bin_end"] < entry["bin_start"]:
            points.append((before["bin_end"], float("nan")))
        points.append((entry["middle"], float("nan") if entry["mean"] is None else entry["mean"]))
    return points


def _widths(series: list[dict[str, datetime]]) -> list[Any]:
    return [(entry["bin_end"] - entry["bin_start"]) * 0.92 for entry in series]


def _label(mean_axis: Any, effort_axis: Any, camera: str, bin_name: str | None) -> None:
    mean_axis.set_title(shown(camera), loc="left", fontsize=11)
    effort_axis.yaxis.set_major_locator(MaxNLocator(nbins=3, integer=True))
    locator = AutoDateLocator(minticks=2)
    effort_axis.xaxis.set_major_locator(locator)
    effort_axis.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    if bin_name:
        mean_axis.set_ylabel("detections per image")
        effort_axis.set_ylabel(f"images\nper {bin_name}")
    for axis in (mean_axis, effort_axis):
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(axis="y", color="#e6eaed", linewidth=0.8)
        axis.set_axisbelow(True)
