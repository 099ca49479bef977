"""report.html: the summary for people, one self-contained file."""

import io
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import jinja2
from matplotlib import rc_context
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from shoal.exports.export import ExportedFile
from shoal.results.stored_plan import StoredPlan
from shoal.tables.session import Database

# It tells of fonts it looked at, in the log of a task that has a story of its own to tell.
logging.getLogger("matplotlib").setLevel(logging.WARNING)

SHOWN_TAXA = 5
"""Lines of the plot; the table has every taxon."""

COLOURS = ("#0b6e99", "#d9730d", "#0f7b6c", "#ad1a72", "#6940a5")


def write_report(
    database: Database,
    plan: StoredPlan,
    result: Mapping[str, Any],
    facts: Mapping[str, Any],
    beside: Sequence[str],
) -> ExportedFile:
    """Write report.html for one summary.

    Args:
        database: Holds the tables of `build_tables`.
        plan: The run's plan.
        result: The summary's result.
        facts: The summary's run.
        beside: Names of the files that lie in the report's folder.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    # A camera named `a$b` is no formula.
    with rc_context({"text.parse_math": False}):
        svg = draw_svg(plot(database, result))
    html = environment.get_template("report.html.j2").render(
        description=plan.settings.description,
        narrowed=describe_narrowing(plan, result),
        is_trial=not plan.may_become_current,
        result=result,
        run=facts,
        plot=svg,
        beside=beside,
    )
    path = database.folder / "report.html"
    path.write_text(html, encoding="utf-8")
    return ExportedFile(path, "text/html; charset=utf-8")


def describe_narrowing(plan: StoredPlan, result: Mapping[str, Any]) -> list[str]:
    """Say in words what the person who started the run made other than the dataset file has it."""
    params, scope = plan.params, plan.scope
    words = []
    if params.prefix:
        words.append(f"only images whose keys begin with {scope.prefix}")
    if params.limit is not None:
        words.append(f"only the first {params.limit} images of the listing")
    if scope.window_start:
        words.append(f"only images captured at {scope.window_start} or later")
    if scope.window_end:
        words.append(f"only images captured before {scope.window_end}")
    if params.conf is not None:
        words.append(f"detections from confidence {result['conf']} on, for every species")
    if params.model_version is not None:
        words.append(f"model version {params.model_version}")
    return words


def plot(database: Database, result: Mapping[str, Any]) -> Figure | None:
    """Draw mean detections per image over time, above the images they were found in; one column per camera.

    Returns:
        None when no image has a capture time.
    """
    bin_name = _plot_bin(result["settings"]["report"]["bins"])
    cameras = [r["camera"] for r in database.records("SELECT DISTINCT camera FROM counts ORDER BY camera LIMIT 4")]
    if not cameras or not result["species"]:
        return None
    taxa = [entry["taxon"] for entry in result["species"][:SHOWN_TAXA]]
    figure = Figure(figsize=(5.2 * max(len(cameras), 1.6), 4.6), layout="constrained")
    axes = figure.subplots(2, len(cameras), sharex="col", sharey="row", squeeze=False, height_ratios=(3, 1))
    for column, camera in enumerate(cameras):
        mean_axis, effort_axis = axes[0][column], axes[1][column]
        for colour, taxon in zip(COLOURS, taxa, strict=False):
            series = _read_series(database, bin_name, camera, taxon)
            mean_axis.plot(
                [r["middle"] for r in series],
                [_or_gap(r["mean"]) for r in series],
                ".-",
                color=colour,
                label=taxon,
                linewidth=1.4,
            )
        effort = _read_series(database, bin_name, camera, taxa[0])
        effort_axis.bar(
            [r["bin_start"] for r in effort],
            [r["images"] for r in effort],
            _widths(effort),
            align="edge",
            color="#9aa7b0",
        )
        _label(mean_axis, effort_axis, camera, bin_name if column == 0 else None)
    for row in axes:
        row[0].set_ylim(bottom=0)  # only now: it ends the scaling to what the row's axes share
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 4), frameon=False)
    return figure


def draw_svg(figure: Figure | None) -> str:
    """Render a figure as an inline `<svg>` element; empty without a figure."""
    if figure is None:
        return ""
    buffer = io.StringIO()
    FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def _plot_bin(bins: list[str]) -> str:
    return next(name for name in ("day", "month", "hour", "30min") if name in bins)


def _read_series(database: Database, bin_name: str, camera: str, taxon: str) -> list[dict[str, Any]]:
    """Read one line of the plot; deployments of one camera follow each other in time."""
    return database.records(
        "SELECT bin_start, bin_start + (bin_end - bin_start) / 2 AS middle, bin_end, mean_per_image AS mean, images "
        "FROM counts WHERE bin = ? AND camera = ? AND taxon = ? ORDER BY bin_start",
        [bin_name, camera, taxon],
    )


def _or_gap(value: float | None) -> float:
    """A bin without effort breaks the line."""
    return float("nan") if value is None else value


def _widths(series: list[dict[str, datetime]]) -> list[Any]:
    return [(entry["bin_end"] - entry["bin_start"]) * 0.92 for entry in series]


def _label(mean_axis: Any, effort_axis: Any, camera: str, bin_name: str | None) -> None:
    mean_axis.set_title(camera, loc="left", fontsize=11)
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
