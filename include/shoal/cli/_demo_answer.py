"""The end of `demo`: what the run's summary says, as a table and a few lines for a terminal."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table

from shoal.cli._embedded import Embedded, console
from shoal.cli._typed_here import as_typed
from shoal.contract.errors import shown, shown_lines
from shoal.contract.rows import FATES
from shoal.contract.tasks.classify import CLASSIFY
from shoal.embedded.fill import DEMO, DEMO_MODEL, ONLY_SCENES
from shoal.exports.asides import describe_asides, describe_unread
from shoal.results.answer import read_current
from shoal.results.stored_summary import StoredSummary, read_summary
from shoal.settings.dataset_files import load_dataset
from shoal.settings.dataset_stores import open_stores

SHOWN_UNDATED = 4
"""Species named in the line on undated images; the report names all."""


def show_answer(embedded: Embedded, summary_uri: str) -> None:
    """Print the summary a run wrote, whether or not it is the dataset's answer."""
    dataset = load_dataset(embedded.dataset_file)
    stores = open_stores(dataset, lambda _: embedded.access)
    key = summary_uri.removeprefix(stores.results.uri(""))
    summary, current = read_summary(stores.results, key), read_current(stores.results, stores.layout)
    console.print()
    console.print(shown(_title(summary)), markup=False, soft_wrap=True)
    console.print(_species_table(summary.result))
    run_key = summary.run_key
    for line in [*account(summary, embedded.dataset_file), *_not_current(run_key, current)]:
        console.print(as_typed(shown_lines(line)), markup=False, soft_wrap=True)
    if dataset.model.name == DEMO_MODEL and dataset.name != DEMO:
        console.print(ONLY_SCENES, markup=False, soft_wrap=True)
    folder = embedded.home.bucket(dataset.results.bucket)
    console.print(f"\nsummary  {folder / key}", soft_wrap=True)
    console.print(f"report   {folder / summary.named['report.html'].key}", soft_wrap=True)
    console.print(f"verify   {as_typed(f'python -m shoal verify {dataset.name}/{run_key}')}", soft_wrap=True)


def account(summary: StoredSummary, dataset_file: Path) -> list[str]:
    """Say what became of every image.

    Args:
        summary: The run's summary.
        dataset_file: Where a person can mend what is said.
    """
    balance = summary.balance
    reasons = ", ".join(f"{count} {reason}" for reason, count in summary.result["failed_by_reason"].items())
    lines = [
        f"{balance['listed']} images listed: "
        + ", ".join(f"{balance[fate]} {fate}" for fate in FATES if balance[fate]),
        f"{summary.examined} examined: " + ", ".join(f"{count} {use}" for use, count in summary.uses.items()),
    ]
    if reasons:
        lines.append(f"failed: {reasons} (failures.csv beside the report)")
    if unusable := summary.uses["unusable"]:
        lines.append(
            f"unusable: {unusable}, in no number above; the report says why, {dataset_file} decides it (usable, taxa)"
        )
    if summary.uses["undated"]:
        lines += _undated(summary, dataset_file)
    lines += describe_unread(balance)
    lines += describe_asides(summary.result)
    if balance["listed"] == balance["reused"]:
        lines.append("Nothing new in the bucket: no inference.")
    return lines


def _undated(summary: StoredSummary, dataset_file: Path) -> list[str]:
    undated, species = summary.uses["undated"], summary.result["undated_species"]
    seen = ", ".join(f"{entry['taxon']} {entry['detections']}" for entry in species[:SHOWN_UNDATED])
    more = f" and {len(species) - SHOWN_UNDATED} more species" if len(species) > SHOWN_UNDATED else ""
    images = f"{undated} image{' has' if undated == 1 else 's have'}"
    flags = ", ".join(f"{count} {flag}" for flag, count in summary.result["clock_flags"].items())
    return [
        f"undated: {images} no usable time, in no number above; detections there: {seen or 'none'}{more}",
        f"  of all examined images: {flags} - clock and deployments in {dataset_file} decide it",
        *(f"  {sentence}" for sentence in (summary.clock.odd if summary.clock else ())),
    ]


def _not_current(run_key: str, current: Mapping[str, Any] | None) -> list[str]:
    if current is not None and current["run_key"] == run_key:
        return []
    answer = "there is none yet" if current is None else f"that is still run {current['run_key']}"
    return [f"This run is not the dataset's answer, {answer}; run it again: it goes on where this one ended."]


def _title(summary: StoredSummary) -> str:
    return f"{summary.dataset}: model {summary.models}, confidence from {summary.result['conf']}"


def _species_table(result: Mapping[str, Any]) -> Table:
    # Fits 80 columns with names as long as OBSEA's.
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    table.add_column("Species", style="italic", no_wrap=True)
    whole_images = result.get("task") == CLASSIFY.name  # of a classifier MaxN tells nothing
    names = (
        ("Classified\nas it", "Share of\nimages") if whole_images else ("Seen in\nimages", "Mean per\nimage", "MaxN")
    )
    for name in names:
        table.add_column(name, justify="right")
    if not whole_images:
        table.add_column("Image of MaxN", overflow="fold")
    for entry in result["species"]:
        mean = "" if entry["mean_per_image"] is None else f"{entry['mean_per_image']:.3f}"
        seen = f"{entry['images_with']} of {entry['images']}"
        maxn = () if whole_images else (str(entry["maxn"]), escape(shown(entry["maxn_key"] or "")))
        table.add_row(escape(shown(entry["taxon"])), seen, mean, *maxn)
    return table
