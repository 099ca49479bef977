"""Addresses of the pages that explore an answer and compare two."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from shoal.airflow.pages.answer_door import ask_answer, see_answer, see_comparison
from shoal.airflow.pages.compare_page import CompareForm, compare_page
from shoal.airflow.pages.evidence_view import EvidenceView, see_files
from shoal.airflow.pages.explore_form import ExploreForm
from shoal.airflow.pages.explore_page import explore_page, look
from shoal.airflow.pages.looking import open_run
from shoal.airflow.pages.looking_routes import Key, send_picture, side_of
from shoal.airflow.pages.pictures import ToShow, to_show
from shoal.airflow.pages.reading import need_dataset, see_runs
from shoal.airflow.pages.rights import RunKey, Variant, may_see_dag
from shoal.airflow.pages.shots import GRID_PX
from shoal.contract.errors import ConfigError, ShoalError
from shoal.evidence.answer_evidence import ESTIMATES_FILE

router = APIRouter()


def read_form(request: Request) -> ExploreForm:
    """Read what the page that explores is asked for."""
    said = request.query_params
    return ExploreForm(*(said.get(name, "") for name in ("taxon", "camera", "from", "to", "bin", "conf")))


@router.get("/explore/{dag_id}/{variant}/{run_key}", dependencies=may_see_dag)
async def explore(
    dag_id: str, variant: Variant, run_key: RunKey, form: Annotated[ExploreForm, Depends(read_form)]
) -> Response:
    """Show one taxon of a run's answer over time, hours and scores."""
    view = await ask_answer(dag_id, variant, run_key, lambda _, run, answer: look(run, answer, form))
    place, run = (await see_answer(dag_id, variant, run_key)).value
    try:
        beside = await see_files(place, run.summary, dag_id)
    except ShoalError as err:  # the answer is shown without what stands beside it
        beside = EvidenceView(None, None, unread={ESTIMATES_FILE: str(err)})
    return explore_page(dag_id, variant, run, view, beside)


def read_compare_form(request: Request) -> CompareForm:
    """Read which two runs are compared."""
    said = request.query_params
    part = ExploreForm(said.get("taxon", ""), said.get("camera", ""), said.get("from", ""), said.get("to", ""))
    return CompareForm(said.get("first", ""), said.get("second", ""), part)


@router.get("/compare/{dag_id}", dependencies=may_see_dag)
async def compare(dag_id: str, form: Annotated[CompareForm, Depends(read_compare_form)]) -> Response:
    """Compare two runs of a dataset on the images that both use."""
    name = need_dataset(dag_id)
    choices = (await see_runs(name, "")).value.digests
    if not form.first and not form.second:
        return compare_page(dag_id, name, form, choices)
    if not form.first or not form.second:
        return compare_page(dag_id, name, form, choices, problem="Two runs are compared: choose the other one, too")
    try:
        compared = await see_comparison(name, (form.first, form.second), form.where)
    except ConfigError as err:
        return compare_page(dag_id, name, form, choices, problem=str(err))
    return compare_page(dag_id, name, form, choices, compared=compared)


@router.get("/compare/{dag_id}/picture", dependencies=may_see_dag)
async def compared_picture(  # noqa: PLR0917 - FastAPI's signature
    dag_id: str,
    form: Annotated[CompareForm, Depends(read_compare_form)],
    request: Request,
    key: Key,
    version: Key,
    side: str = f"{GRID_PX}",
) -> Response:
    """Give a scaled picture of an image on which two runs differ; in its place why there is none."""
    return await send_picture(_find_picture(dag_id, form, key, version, side_of(side)), request)


async def _find_picture(dag_id: str, form: CompareForm, key: str, version: str, side_px: int) -> ToShow:
    """Find a picture among those of a comparison: who shows people in either of the two is in none."""
    (first, _), found = await see_comparison(need_dataset(dag_id), (form.first, form.second), form.where)
    drawings = [one.drawing for one in found.differed]
    named = next((one for one in drawings if (one.key, one.object_version) == (key, version)), None)
    if named is None:
        raise ConfigError("no such image among those on which the two differ most")
    run = await open_run(dag_id, first.plan.variant.directory, first.run_key)
    return to_show(run, named, side_px)
