"""Addresses of the page that shows one picture to a model; sending one changes nothing, and our own pages alone may do it."""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from shoal.airflow.pages.answer_door import RUNS, in_thread
from shoal.airflow.pages.reading import need_dataset, see_runs
from shoal.airflow.pages.rights import RunKey, Variant, may_see_dag
from shoal.airflow.pages.run_place import Place, find_run, label_of
from shoal.airflow.pages.try_page import TooManyError, look, need_own_page, read_upload, try_page
from shoal.contract.errors import ConfigError
from shoal.models.one_picture import LIMIT_S
from shoal.results.read_plan import read_plan
from shoal.results.stored_plan import StoredPlan

router = APIRouter()

PLAN_S = 60.0
"""So long a plan is as it was read: it never changes."""

PATIENCE_S = 2 * LIMIT_S
"""So long a person waits: for the model to come, to look, and for the picture to be drawn."""


async def see_plan(dag_id: str, variant: str, run_key: str) -> tuple[Place, StoredPlan]:
    """Read a run's plan.

    Raises:
        ConfigError: There is no such run of the DAG's dataset.
        ShoalError: It cannot be read, and was not before.
    """

    def read() -> tuple[Place, StoredPlan]:
        place, run = find_run(dag_id, variant, run_key)
        return place, read_plan(place.results, run.plan)

    name = need_dataset(dag_id)
    return (await RUNS.get(label_of(name), ("plan of", dag_id, variant, run_key), read, fresh_s=PLAN_S)).value


async def other_models(dag_id: str) -> list[tuple[str, str]]:
    """Name the variants of a dataset, each with its newest run."""
    runs = (await see_runs(need_dataset(dag_id), "")).value.digests
    return list({run.variant: run.run_key for run in reversed(runs)}.items())


@router.get("/try/{dag_id}/{variant}/{run_key}", dependencies=may_see_dag)
async def try_model(dag_id: str, variant: Variant, run_key: RunKey) -> Response:
    """Show the form that takes a picture."""
    _, plan = await see_plan(dag_id, variant, run_key)
    return try_page(dag_id, plan, await other_models(dag_id))


@router.post("/try/{dag_id}/{variant}/{run_key}", dependencies=may_see_dag)
async def try_picture(dag_id: str, variant: Variant, run_key: RunKey, request: Request) -> Response:
    """Show what the run's model sees in a picture."""
    place, plan = await see_plan(dag_id, variant, run_key)
    others, conf = await other_models(dag_id), ""
    try:
        need_own_page(request)
        sent = await read_upload(request)
        conf = sent.conf
        looked = await in_thread(lambda: look(place, plan, sent), "The picture", PATIENCE_S)
    except TooManyError as err:
        return try_page(dag_id, plan, others, typed_conf=conf, problem=str(err), status=HTTPStatus.TOO_MANY_REQUESTS)
    except ConfigError as err:
        return try_page(dag_id, plan, others, typed_conf=conf, problem=str(err), status=HTTPStatus.BAD_REQUEST)
    return try_page(dag_id, plan, others, typed_conf=conf, looked=looked)
