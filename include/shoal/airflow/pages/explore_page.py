"""The page that explores an answer: one taxon over time beside its effort, by hour and by score, from any score on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from fastapi.responses import HTMLResponse

from shoal.airflow.pages.evidence_view import EvidenceView
from shoal.airflow.pages.explore_charts import Drawn, draw_camera
from shoal.airflow.pages.explore_form import BINS, ExploreForm, width_for
from shoal.airflow.pages.frame import NOTHING, Crumb, crumbs, page, to_dataset, to_images, to_run
from shoal.airflow.pages.svg_charts import draw_scores
from shoal.answers.explored import (
    Asked,
    CameraEffort,
    Explored,
    TaxonCount,
    list_cameras,
    list_taxa,
    read_explored,
)
from shoal.answers.find import StoredRun
from shoal.answers.looked_tables import need_looked
from shoal.answers.open_answer import OpenAnswer
from shoal.contract.errors import ConfigError, shown
from shoal.contract.tasks.classify import CLASSIFY
from shoal.contract.units import size_text
from shoal.evidence.answer_evidence import ESTIMATES_FILE
from shoal.exports.export import exports_of
from shoal.pictures.colours import colours_of
from shoal.results.thresholds import confs_of

MOST_CHARTS = 4
"""Cameras that are drawn, those with most images; the form chooses any."""

MOST_TAXA = 200
"""Taxa in the table of all."""


@dataclass(frozen=True)
class ExploreView:
    """What was read for the page; `explored` is None where there is nothing to show, and `problem` says why."""

    form: ExploreForm
    cameras: tuple[CameraEffort, ...]
    taxa: tuple[str, ...]
    counts: tuple[TaxonCount, ...] = ()
    asked: Asked | None = None
    explored: Explored | None = None
    problem: str = ""


def look(run: StoredRun, answer: OpenAnswer, form: ExploreForm) -> ExploreView:
    """Read what the form asks for.

    Raises:
        StillOpeningError: The answer is being made ready.
        ShoalError: It cannot be asked.
    """
    need_looked(answer, run)
    with answer.session() as database:
        cameras = tuple(list_cameras(database))
        names = tuple(one.camera for one in cameras)
        species = sorted(run.summary.result["species"], key=lambda one: (-one["detections"], one["taxon"]))
        taxa = tuple(one["taxon"] for one in species)
        try:
            form = form.meant(names, taxa)
            start, end = form.read_span()
            conf = form.read_conf(run.plan.least_score)
        except ConfigError as err:
            return ExploreView(form, cameras, taxa, problem=str(err))
        if not taxa:
            return ExploreView(
                form,
                cameras,
                taxa,
                problem="This answer counts no taxon: the model or the dataset file has no class that counts",
            )
        asked = Asked(form.taxon or taxa[0], (form.camera,) if form.camera else names, start, end, conf)
        return ExploreView(
            form, cameras, taxa, tuple(list_taxa(database, asked)), asked, read_explored(database, asked)
        )


def explore_page(dag_id: str, variant: str, run: StoredRun, view: ExploreView, beside: EvidenceView) -> HTMLResponse:
    """Fill in the page.

    Args:
        dag_id: The DAG under which it is shown.
        variant: Folder of the run's variant.
        run: The run.
        view: What was read.
        beside: What stands beside the answer: what labels make of the whole of it.
    """
    corrected = {one.taxon: one for one in beside.taxa}
    form, dataset, run_key = view.form, run.summary.dataset, run.run_key
    whole = run.plan.task == CLASSIFY.name
    return page(
        "explore.html",
        f"Explore {dataset}",
        crumbs(
            Crumb(dataset, to_dataset(dataset)),
            Crumb(f"run {run_key}", to_run("run", dag_id, variant, run_key)),
            Crumb("explore"),
        ),
        status=400 if view.problem and form != ExploreForm() else 200,
        run=run,
        form=form,
        view=view,
        bins=BINS,
        least=run.plan.least_score,
        here=to_run("explore", dag_id, variant, run_key),
        files=list(_files(dag_id, variant, run)),
        cited=_cited(run),
        named=f"{dataset}/{run_key}",
        exports=exports_of(whole_images=whole),
        whole_images=whole,
        told=_told(dag_id, variant, run, view) if view.explored else {},
        # Labels correct the answer as a whole, by its own thresholds: beside the numbers of a part they would mislead.
        corrected=corrected if not any((form.camera, form.start, form.end, form.conf)) else {},
        is_corrected=bool(corrected),
        unread=beside.unread.get(ESTIMATES_FILE, ""),
        beside=to_run("evidence", dag_id, variant, run_key),
    )


def _told(dag_id: str, variant: str, run: StoredRun, view: ExploreView) -> dict[str, Any]:
    form, asked, explored = view.form, view.asked, view.explored
    if asked is None or explored is None:
        raise AssertionError("nothing was read")
    colours = colours_of(species["taxon"] for species in run.summary.result["species"])
    colour = colours[asked.taxon]
    cuts = [asked.conf] if asked.conf is not None else confs_of(run.plan).get(asked.taxon, ())
    scored = "images" if run.plan.task == CLASSIFY.name else "boxes"
    return {
        "taxon": asked.taxon,
        "colour": colour,
        "said": _said(asked, cuts),
        **_charts(run, form, asked, explored, colour),
        "scores": draw_scores(f"Scores of the {scored} of {shown(asked.taxon)}", explored.scores, cuts, colour, scored)
        if sum(explored.scores)
        else None,
        "counted": explored.counted,
        "images_with": explored.images_with,
        "own": explored.own,
        "at": [
            (form.query(taxon=asked.taxon, conf=f"{conf:g}"), conf, boxes, with_it)
            for conf, boxes, with_it in explored.at
            if conf >= run.plan.least_score
        ],
        "published": form.query(taxon=asked.taxon, conf=""),
        "images": to_images(
            dag_id,
            variant,
            run.run_key,
            taxon=asked.taxon,
            camera=form.camera,
            start=form.start,
            end=form.end,
            conf=form.conf,
        ),
        "taxa": [
            (one, form.query(taxon=one.taxon), colours[one.taxon], one.taxon == asked.taxon)
            for one in view.counts[:MOST_TAXA]
        ],
        "more_taxa": max(0, len(view.counts) - MOST_TAXA),
        "zone": run.plan.settings.report.zone,
    }


def _charts(run: StoredRun, form: ExploreForm, asked: Asked, explored: Explored, colour: str) -> dict[str, Any]:
    """Draw the cameras with most images, all over the same days."""
    cameras = [one for one in explored.cameras if one.days]
    shown_cameras = cameras[:MOST_CHARTS]
    days = [day for one in shown_cameras for day in one.days]
    first, last = (min(days), max(days)) if days else (date.min, date.min)
    width = width_for(form.bin, first, last)
    settings = run.plan.settings
    whole = run.plan.task == CLASSIFY.name
    drawn = Drawn(asked.taxon, colour, width, first, last, whole, "day" in settings.report.bins)
    released = {stay.camera for stay in settings.deployments if stay.is_released}
    return {
        "width": width,
        "charts": [draw_camera(one, drawn, is_released=one.camera in released) for one in shown_cameras],
        "more_cameras": len(cameras) - len(shown_cameras),
    }


def _said(asked: Asked, cuts: Sequence[float]) -> str:
    """Say in a line what counts."""
    if asked.conf is not None:
        return f"counted from a score of {asked.conf:g} on, whatever the answer itself counts"
    own = " or ".join(f"{cut:g}" for cut in cuts) or NOTHING
    return f"as the answer counts them, from a score of {own} on"


def _files(dag_id: str, variant: str, run: StoredRun) -> Iterator[tuple[str, str, str]]:
    """Name the files of the answer that a person takes away, with their addresses and sizes."""
    base = to_run("report", dag_id, variant, run.run_key).rpartition("/")[0]
    for name, file in sorted(run.summary.named.items()):
        if file.month is None and name != "report.html":
            yield name, f"{base}/{name}", _size(file.bytes)


def _size(size_bytes: int | None) -> str:
    if size_bytes is None:
        return NOTHING
    return size_text(size_bytes) if size_bytes >= 1024 else f"{size_bytes} bytes"


def _cited(run: StoredRun) -> Iterator[tuple[str, str]]:
    summary = run.summary
    yield "Dataset and run", f"{summary.dataset}/{run.run_key}"
    yield "Model", summary.models
    if run.plan.cite_model:
        yield "Model is cited", run.plan.cite_model
    yield "Result sha256", summary.result_sha256
