"""Shows datasets and their runs to people who may see its DAG; reads the results bucket, and writes what people decide there.

What lies there may be anybody's who may write to that bucket, and it is shown in Airflow's origin: it runs nothing, asks no
other site, and is passed on piece by piece or bounded before it is read.
"""

import asyncio
from collections.abc import Callable, Generator, Mapping
from http import HTTPStatus
from typing import Annotated, Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import Depends, FastAPI, HTTPException, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shoal.airflow.pages import looking_routes, reading
from shoal.airflow.pages.dataset_health import NO_HEALTH, see_health
from shoal.airflow.pages.dataset_page import dataset_page
from shoal.airflow.pages.evidence_routes import router as evidence_routes
from shoal.airflow.pages.explore_routes import router as explore_routes
from shoal.airflow.pages.frame import (
    HEADERS_OF_PAGE,
    POLICY,
    STATIC,
    Crumb,
    attached,
    crumbs,
    error_page,
    page,
    read_static,
    render,
    to_dataset,
    to_run,
)
from shoal.airflow.pages.kept import Seen
from shoal.airflow.pages.plan_page import plan_page
from shoal.airflow.pages.rights import RunKey, Variant, logged_in, may_see_dag
from shoal.airflow.pages.run_place import Place, find_run
from shoal.airflow.pages.run_view import RunView
from shoal.airflow.pages.try_page import HEADERS_OF_PICTURE
from shoal.airflow.pages.try_routes import router as try_routes
from shoal.answers.awaited import StillOpeningError
from shoal.contract.errors import ConfigError, ContractError, ShoalError
from shoal.contract.minted_names import RUN_KEY
from shoal.contract.run_layout import RunLayout
from shoal.contract.run_names import dataset_of
from shoal.exports.report.policy import SCRIPT_SOURCES
from shoal.models.approval import answer_to
from shoal.results.read_plan import read_plan
from shoal.results.stored_summary import read_summary
from shoal.stores.object_store import ObjectStore

# The report has its pictures and styles inside. A sandbox is an origin of its own without scripts, forms and <meta refresh>;
# the links to the files beside the report lead to downloads.
_ALONE = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'self'; sandbox allow-downloads"
)
HEADERS = {
    POLICY: _ALONE,
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "private, no-store",
}
# A report draws its charts by the very scripts of this release, and runs no other: whoever may write to the bucket has none run.
# They stay in the sandbox, which may not reach Airflow, and ask no site for anything. A report of another release has its tables.
HEADERS_OF_REPORT = {POLICY: f"{_ALONE} allow-scripts; script-src {SCRIPT_SOURCES}"}
NAMED = 20
"""File names told where another one was asked for."""


class Guarded:
    """Sends `HEADERS` with every answer, those to what was refused or failed too; a report has a policy of its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does."""

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                own = next((one for one in _OWN if one[POLICY] == headers.get(POLICY)), {})
                told = headers.get("Cache-Control")
                kept = {"Cache-Control": told} if told in {_KEPT, looking_routes.ASKED_AGAIN} else {}
                headers.update(HEADERS | own | kept)
            await send(message)

        await self._app(scope, receive, send_guarded)


_OWN = (HEADERS_OF_REPORT, HEADERS_OF_PAGE, HEADERS_OF_PICTURE)
_KEPT = "private, max-age=86400, immutable"
"""Of the files that pages ask for: another release asks for them by another address."""

# Pages of plugins are open to anyone unless they ask: every route asks who somebody is, and for the right to see its DAG.
app = FastAPI(title="Shoal", docs_url=None, redoc_url=None, openapi_url=None)
app.add_middleware(Guarded)
app.include_router(evidence_routes)
app.include_router(explore_routes)
app.include_router(try_routes)
app.include_router(looking_routes.router)


def readable_datasets(user: GetUserDep) -> set[str]:
    """Name the datasets whose DAGs somebody may see, and the files that cannot be used."""
    return get_auth_manager().get_authorized_dag_ids(user=user, method="GET")


_NO_PAGE = "There is no such page: this address names no dataset and no run of Shoal's."


@app.exception_handler(StarletteHTTPException)
async def say_error(request: Request, err: StarletteHTTPException) -> Response:
    """Say in a page what is wrong, with a way back."""
    unnamed = err.detail == HTTPStatus.NOT_FOUND.phrase  # Starlette's own words for an address of no route
    return error_page(err.status_code, _NO_PAGE if unnamed else str(err.detail), _way_to(request))


@app.exception_handler(RequestValidationError)
async def say_no_such_address(request: Request, err: RequestValidationError) -> Response:  # noqa: ARG001 - FastAPI's signature
    """Say in a page that an address is none of ours."""
    return error_page(HTTPStatus.NOT_FOUND, _NO_PAGE, _way_to(request))


@app.exception_handler(ConfigError)
@app.exception_handler(ContractError)
async def say_not_there(request: Request, err: ShoalError) -> Response:
    """Say in a page what is not there, or not as it must be."""
    return error_page(HTTPStatus.NOT_FOUND, str(err), _way_to(request))


@app.exception_handler(StillOpeningError)
async def say_how_far(request: Request, err: StillOpeningError) -> Response:
    """Say in a page that asks again how far an answer is that is fetched."""
    return page("opening.html", "Nearly there", _way_to(request), HTTPStatus.ACCEPTED, message=str(err))


@app.exception_handler(ShoalError)
async def say_no_answer(request: Request, err: ShoalError) -> Response:
    """Say in a page that a store does not answer."""
    return error_page(HTTPStatus.BAD_GATEWAY, str(err), _way_to(request))


@app.exception_handler(Exception)
async def say_mistake(request: Request, err: Exception) -> Response:
    """Say in a page that the mistake is ours; the web server's log has all of it."""
    message = f"This page failed ({type(err).__name__}) - see the log of Airflow's API server, and report it"
    answer = error_page(HTTPStatus.INTERNAL_SERVER_ERROR, message, _way_to(request))
    answer.headers.update(HEADERS | HEADERS_OF_PAGE)  # Starlette gives this answer outside of `Guarded`
    return answer


def _way_to(request: Request) -> tuple[Crumb, ...]:
    name = dataset_of(str(request.path_params.get("dag_id", "")))
    return crumbs(Crumb(name, to_dataset(name))) if name else crumbs()


@app.get("/static/{name}", dependencies=logged_in)
def static(name: str) -> Response:
    """Hand over the style or the script of the pages."""
    if name not in STATIC:
        raise HTTPException(404, f"There is no file {name!r} of Shoal's pages")
    return Response(read_static(name), media_type=STATIC[name], headers={"Cache-Control": _KEPT})


@app.get("/")
async def datasets(dag_ids: Annotated[set[str], Depends(readable_datasets)]) -> Response:
    """Show every dataset whose DAG somebody may see."""
    rows = await reading.see_all(name for dag_id in dag_ids if (name := dataset_of(dag_id)) is not None)
    rows += [reading.Row(name, None, why, is_broken=True) for name, why in reading.broken_files(dag_ids)]
    waiting = sum(len(row.seen.value.waits) for row in rows if row.seen)
    return page("datasets.html", "Datasets", crumbs(), rows=rows, waiting=waiting)


@app.get("/dataset/{dag_id}", dependencies=may_see_dag)
async def dataset(dag_id: str, before: Annotated[str, Query(pattern=f"^({RUN_KEY})?$")] = "") -> Response:
    """Show a dataset: its answer, runs, variants, cameras, months, health."""
    name = reading.need_dataset(dag_id)
    home, runs = await asyncio.gather(reading.see_dataset(name), reading.see_runs(name, before))
    # A store that does not answer is waited for once.
    if home.trouble or runs.trouble:
        return dataset_page(dag_id, home, runs, reading.NO_MONTHS, NO_HEALTH)
    answer = home.value.overview.answer
    months, health = await asyncio.gather(reading.see_months(name), see_health(dag_id, answer))
    return dataset_page(dag_id, home, runs, months, health)


@app.get("/dag-run/{dag_id}/{run_id:path}", dependencies=may_see_dag)
async def dag_run(dag_id: str, run_id: str) -> Response:
    """Lead to the run that a Dag run planned."""
    found = await reading.find_of_dag_run(dag_id, run_id)
    if not isinstance(found, reading.NoRun):
        return RedirectResponse(to_run("run", dag_id, *found), 303)
    name = reading.need_dataset(dag_id)
    way = crumbs(Crumb(name, to_dataset(name)), Crumb(f"Dag run {run_id}"))
    title = "No plan yet" if found.looked == found.runs else "No newer run"
    return page("no_plan.html", title, way, run_id=run_id, name=name, found=found)


@app.get("/run/{dag_id}/{variant}/{run_key}", dependencies=may_see_dag)
async def run(dag_id: str, variant: Variant, run_key: RunKey) -> Response:
    """Show how far a run is, and why it is as it is."""
    seen = await reading.see_run_now(dag_id, variant, run_key)
    name = reading.need_dataset(dag_id)
    way = crumbs(Crumb(name, to_dataset(name)), Crumb(f"run {run_key}"))
    live = f"{to_run('run', dag_id, variant, run_key)}/now"
    return page("run.html", f"Run {name}/{run_key}", way, live=live, **_told(seen, was_live=False))


@app.get("/run/{dag_id}/{variant}/{run_key}/now", dependencies=may_see_dag)
async def run_now(dag_id: str, variant: Variant, run_key: RunKey) -> Response:
    """Give the part of a run's page that changes."""
    seen = await reading.see_run_now(dag_id, variant, run_key)
    return HTMLResponse(render("run_now.html", **_told(seen, was_live=True)), headers=HEADERS_OF_PAGE)


def _told(seen: Seen[RunView], *, was_live: bool) -> dict[str, Any]:
    """Say what the part of a run's page that changes is filled with; `was_live` at a later look of a page that was open."""
    return {"run": seen.value, "trouble": seen.trouble, "read_at": seen.read_at, "was_live": was_live}


@app.get("/plan/{dag_id}/{variant}/{run_key}", dependencies=may_see_dag)
async def plan(dag_id: str, variant: Variant, run_key: RunKey) -> Response:
    """Show what one run intended."""
    return await _show(dag_id, variant, run_key, lambda place, run: _as_page(place, dag_id, variant, run.plan))


@app.get("/summary/{dag_id}/{variant}/{run_key}", dependencies=may_see_dag)
async def summary(dag_id: str, variant: Variant, run_key: RunKey) -> Response:
    """Show the answer of one run."""
    return await _show(dag_id, variant, run_key, lambda place, run: _as_json(place.results, run.summary))


@app.get("/report/{dag_id}/{variant}/{run_key}/{name}", dependencies=may_see_dag)
async def report(dag_id: str, variant: Variant, run_key: RunKey, name: str) -> Response:
    """Show the report of one run, or hand over a file that lies beside it."""
    return await _show(dag_id, variant, run_key, lambda place, run: _file(place, run, name))


def _file(place: Place, run: RunLayout, name: str) -> Response:
    summary = read_summary(place.results, run.summary)
    files = summary.named
    if name not in files:
        known = ", ".join([*list(files)[:NAMED], *(["…"] if len(files) > NAMED else [])])
        raise ContractError(f"{run.summary} names no file {name!r} - it has {known}")
    try:
        if name == "report.html":
            return _stream(place.results, files[name].key, HTMLResponse.media_type, **HEADERS_OF_REPORT)
        # Whatever its name says: a browser keeps it, and never shows it.
        held = {"Content-Disposition": attached(name)}
        return _stream(place.results, files[name].key, "application/octet-stream", **held)
    except ContractError as err:  # files are shared by runs: their keys do not say by which one somebody came
        raise ContractError(f"{name} of run {summary.dataset}/{summary.run_key} cannot be read: {err}") from err


class _PassedOn(StreamingResponse):
    """An object on its way to one person, piece by piece: the boxes of a large dataset are gigabytes."""

    def __init__(
        self, size_bytes: int, pieces: Generator[bytes, None, None], kind: str | None, headers: Mapping[str, str]
    ) -> None:
        super().__init__(pieces, media_type=kind, headers={"Content-Length": str(size_bytes), **headers})
        self._pieces = pieces

    def close(self) -> None:
        """Hang up: the person has gone before it came."""
        self._pieces.close()


def _stream(results: ObjectStore, key: str, kind: str | None, **headers: str) -> Response:
    return _PassedOn(*results.stream(key), kind, headers)


def _as_page(place: Place, dag_id: str, variant: str, key: str) -> Response:
    plan = read_plan(place.results, key)
    return plan_page(dag_id, plan, answer_to(plan, place.results, place.layout.variant(variant)))


def _as_json(results: ObjectStore, key: str) -> Response:
    """Pass on what is stored, if it is JSON of Shoal's."""
    results.read_json(key)
    return _stream(results, key, "application/json")


async def _show(dag_id: str, variant: str, run_key: str, read: Callable[[Place, RunLayout], Response]) -> Response:
    """Read one object of a run, for seconds."""

    def find_and_read() -> Response:
        return read(*find_run(dag_id, variant, run_key))

    # Each asks for itself: an answer that is passed on in pieces is of one person.
    return await reading.read_alone(dag_id, find_and_read)
