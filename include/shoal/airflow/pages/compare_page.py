"""The page that compares two runs of a dataset: agreement on the same images and not accuracy, as `compare` tells it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode

from fastapi.responses import HTMLResponse

from shoal.airflow.pages.compared_shots import pairs_of
from shoal.airflow.pages.explore_form import ExploreForm, bins_between
from shoal.airflow.pages.frame import NOTHING, Crumb, crumbs, page, to_compare, to_dataset, to_run
from shoal.airflow.pages.svg_charts import draw_pair
from shoal.answers.find import StoredRun
from shoal.answers.where import Where
from shoal.compare.agreement import TaxonAgreement
from shoal.compare.comparison import Comparison
from shoal.compare.differed import COLOURS
from shoal.contract.errors import shown
from shoal.history.digest import RunDigest
from shoal.tables.zone_rules import first_moment

MOST_CHARTS = 4
"""Taxa that are drawn where none is chosen: those with most boxes."""

MOST_BINS = 500


@dataclass(frozen=True)
class CompareForm:
    """The form, as it was filled in.

    Attributes:
        first: A run_key, or `current` for the dataset's answer.
        second: Likewise.
        part: Camera and days of both; which taxon is drawn.
    """

    first: str = ""
    second: str = ""
    part: ExploreForm = field(default_factory=ExploreForm)

    def where(self, zone: str) -> Where:
        """Write the part as it is asked for.

        Raises:
            ConfigError: A day is none, or there is none between them.
        """
        start, end = self.part.read_span()
        cameras = (self.part.camera,) if self.part.camera else ()
        return Where(cameras=cameras, start=_midnight(start, zone), end=_midnight(end, zone))

    def said(self) -> dict[str, str]:
        """Give what an address says of the two and of the part."""
        part = self.part
        return {
            "first": self.first,
            "second": self.second,
            "camera": part.camera,
            "from": part.start,
            "to": part.end,
        }

    def query(self, taxon: str) -> str:
        """Write it as the end of an address, with another taxon."""
        told = self.said() | {"taxon": taxon}
        return f"?{urlencode({name: value for name, value in told.items() if value})}"


def compare_page(
    dag_id: str,
    dataset: str,
    form: CompareForm,
    choices: Sequence[RunDigest],
    *,
    compared: tuple[tuple[StoredRun, StoredRun], Comparison] | None = None,
    problem: str = "",
) -> HTMLResponse:
    """Fill in the page.

    Args:
        dag_id: The DAG under which it is shown.
        dataset: Its dataset.
        form: As it was filled in.
        choices: Runs that may be chosen.
        compared: The two and what they differ in; None where nothing was compared.
        problem: Why nothing could be; empty where nothing was asked for.
    """
    complete = [run for run in choices if run.state == "complete"]
    keys = {run.run_key for run in complete}
    others = [word for word in dict.fromkeys((form.first, form.second)) if word and word not in keys]
    return page(
        "compare.html",
        f"Compare two runs of {dataset}",
        crumbs(Crumb(dataset, to_dataset(dataset)), Crumb("compare")),
        status=400 if problem else 200,
        form=form,
        here=to_compare(dag_id),
        choices=[
            (
                run.run_key,
                f"{run.model} · {run.run_key} · {run.month or ('all images' if run.full else 'a part')}",
            )
            for run in complete
        ],
        others=others,
        problem=problem,
        told=_told(dag_id, form, *compared) if compared else {},
    )


def _told(dag_id: str, form: CompareForm, runs: tuple[StoredRun, StoredRun], found: Comparison) -> dict[str, Any]:
    agreement, words = found.agreement, found.words
    names = [taxon.taxon for taxon in found.taxa]
    chosen = [form.part.taxon] if form.part.taxon in names else names[:MOST_CHARTS]
    folders = [run.plan.variant.directory for run in runs]
    means = [{one["taxon"]: one["mean_per_image"] for one in run.summary.result["species"]} for run in runs]
    return {
        "words": words,
        "sides": [
            (word, side, to_run("run", dag_id, folder, side.run_key), to_run("explore", dag_id, folder, side.run_key))
            for word, side, folder in zip(words, (agreement.first, agreement.second), folders, strict=True)
        ],
        "colours": COLOURS,
        "images": agreement.images,
        "days": agreement.days,
        "otherwise_timed": agreement.otherwise_timed,
        "changed": found.changed,
        "whole_images": found.whole_images,
        "measures": (
            *words,
            "Difference",
            "On other days",
            *(f"{word}: all" for word in words),
            "Kept",
            "Lost",
            "Gained",
        ),
        "rows": [(form.query(taxon.taxon), taxon, _numbers(taxon, agreement.images)) for taxon in found.taxa],
        "new": [(name, means[1].get(name)) for name in agreement.only_second],
        "gone": [(name, means[0].get(name)) for name in agreement.only_first],
        "people": agreement.people,
        "without_interval": any(taxon.elsewhere is None for taxon in found.taxa),
        "charts": [(name, _chart(found, name)) for name in chosen],
        "narrowed": form.query("") if form.part.taxon in names else "",
        "zone": found.zone,
        "width": found.series.width,
        "left_out": found.series.left_out,
        "differed": list(pairs_of(dag_id, _as_found(form, runs).said(), runs, found)),
        "unshown": found.unshown,
        "with_people": found.with_people,
        "more_taxa": len(agreement.taxa) - len(found.taxa),
    }


def _numbers(taxon: TaxonAgreement, images: int) -> tuple[str, ...]:
    interval = taxon.elsewhere
    return (
        f"{taxon.first / images:.4g}",
        f"{taxon.second / images:.4g}",
        f"{taxon.mean_difference:+.4g}" if taxon.difference else "0",
        NOTHING if interval is None else f"{interval.low:+.4g} to {interval.high:+.4g}",
        f"{taxon.first:,}",
        f"{taxon.second:,}",
        f"{taxon.kept:,}",
        f"{taxon.lost:,}",
        f"{taxon.gained:,}",
    )


def _chart(found: Comparison, taxon: str) -> str:
    """Draw what both count per image: days on which neither looked interrupt the lines."""
    series, (first, second) = found.series, found.series.counts[taxon]
    at = {start: place for place, start in enumerate(series.starts)}
    bins = bins_between(series.starts[0], series.starts[-1], series.width)[-MOST_BINS:]
    pairs = [
        (None, None) if (place := at.get(start)) is None
        else (first[place] / series.images[place], second[place] / series.images[place])
        for start in bins
    ]  # fmt: skip
    labels = [f"{start:%Y-%m}" if series.width == "month" else start.isoformat() for start in bins]
    about = f"{shown(taxon)} by {series.width}: {found.words[0]} and, dashed, {found.words[1]}"
    what = "share of images" if found.whole_images else "detections per image"
    return draw_pair(about, labels, pairs, COLOURS, f"{what}, by {series.width}")


def _as_found(form: CompareForm, runs: tuple[StoredRun, StoredRun]) -> CompareForm:
    """Name the two that were compared: the dataset's answer may be another one tomorrow."""
    return replace(form, first=runs[0].run_key, second=runs[1].run_key)


def _midnight(day: date | None, zone: str) -> datetime | None:
    return None if day is None else first_moment(day, zone)
