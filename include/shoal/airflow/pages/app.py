"""Shows a run's plan, summary and report to people who may see its DAG; reads the results bucket and never writes.

What lies there may be anybody's who may write to that bucket, and it is shown in Airflow's origin: it runs nothing, asks no
other site, and is passed on piece by piece or bounded before it is read.
"""

from collections.abc import Callable
from typing import Annotated
from urllib.parse import quote

from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import Depends, FastAPI, HTTPException, Path
from fastapi.responses import HTMLResponse, Response, StreamingResponse
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shoal.airflow.pages.plan_page import render_plan
from shoal.airflow.pages.run_place import Place, find_run
from shoal.contract.errors import ConfigError, ContractError, ShoalError
from shoal.contract.layout import RUN_KEY, RunLayout
from shoal.exports.report.policy import SCRIPT_SOURCES
from shoal.models.approval import answer_to
from shoal.results.stored_plan import read_plan
from shoal.results.stored_summary import read_summary
from shoal.stores.object_store import ObjectStore

# The report has its pictures and styles inside. A sandbox is an origin of its own without scripts, forms and <meta refresh>;
# the links to the files beside the report lead to downloads.
_ALONE = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'self'; sandbox allow-downloads"
)
_POLICY = "Content-Security-Policy"
HEADERS = {
    _POLICY: _ALONE,
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "private, no-store",
}
# A report draws its charts by the very scripts of this release, and runs no other: whoever may write to the bucket has none run.
# They stay in the sandbox, which may not reach Airflow, and ask no site for anything. A report of another release has its tables.
HEADERS_OF_REPORT = {_POLICY: f"{_ALONE} allow-scripts; script-src {SCRIPT_SOURCES}"}
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
                of_report = headers.get(_POLICY) == HEADERS_OF_REPORT[_POLICY]
                headers.update(HEADERS | (HEADERS_OF_REPORT if of_report else {}))
            await send(message)

        await self._app(scope, receive, send_guarded)


# Pages of plugins are open to anyone unless they ask: every route depends on the right to see its DAG.
app = FastAPI(title="Shoal", docs_url=None, redoc_url=None, openapi_url=None)
app.add_middleware(Guarded)

may_see_dag = [Depends(requires_access_dag(method="GET"))]
Variant = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
RunKey = Annotated[str, Path(pattern=f"^{RUN_KEY}$")]


@app.get("/plan/{dag_id}/{variant}/{run_key}", dependencies=may_see_dag)
def plan(dag_id: str, variant: Variant, run_key: RunKey) -> Response:
    """Show what one run intended."""
    return _show(dag_id, variant, run_key, lambda place, run: _as_page(place, variant, run.plan))


@app.get("/summary/{dag_id}/{variant}/{run_key}", dependencies=may_see_dag)
def summary(dag_id: str, variant: Variant, run_key: RunKey) -> Response:
    """Show the answer of one run."""
    return _show(dag_id, variant, run_key, lambda place, run: _as_json(place.results, run.summary))


@app.get("/report/{dag_id}/{variant}/{run_key}/{name}", dependencies=may_see_dag)
def report(dag_id: str, variant: Variant, run_key: RunKey, name: str) -> Response:
    """Show the report of one run, or hand over a file that lies beside it."""
    return _show(dag_id, variant, run_key, lambda place, run: _file(place, run, name))


def _file(place: Place, run: RunLayout, name: str) -> Response:
    files = read_summary(place.results, run.summary).named
    if name not in files:
        known = ", ".join([*list(files)[:NAMED], *(["…"] if len(files) > NAMED else [])])
        raise ContractError(f"{run.summary} names no file {name!r} - it has {known}")
    if name == "report.html":
        return _stream(place.results, files[name].key, HTMLResponse.media_type, **HEADERS_OF_REPORT)
    # Whatever its name says: a browser keeps it, and never shows it.
    held = {"Content-Disposition": attached(name)}
    return _stream(place.results, files[name].key, "application/octet-stream", **held)


def attached(name: str) -> str:
    """Write a Content-Disposition: RFC 6266, and RFC 8187 (once 5987) for a name that no quoted text holds."""
    plain = quote(name, safe="")
    return f'attachment; filename="{name}"' if plain == name else f"attachment; filename*=UTF-8''{plain}"


def _stream(results: ObjectStore, key: str, kind: str | None, **headers: str) -> Response:
    """Pass an object on piece by piece: the boxes of a large dataset are gigabytes."""
    size_bytes, pieces = results.stream(key)
    return StreamingResponse(pieces, media_type=kind, headers={"Content-Length": str(size_bytes), **headers})


def _as_page(place: Place, variant: str, key: str) -> Response:
    plan = read_plan(place.results, key)
    answer = answer_to(plan, place.results, place.layout.variant(variant))
    return HTMLResponse(render_plan(plan, answer))


def _as_json(results: ObjectStore, key: str) -> Response:
    """Pass on what is stored, if it is JSON of Shoal's."""
    results.read_json(key)
    return _stream(results, key, "application/json")


def _show(dag_id: str, variant: str, run_key: str, read: Callable[[Place, RunLayout], Response]) -> Response:
    """Read one object of a run: 404 where there is none, 502 where the store does not answer."""
    try:
        place, run = find_run(dag_id, variant, run_key)
        return read(place, run)
    except (ConfigError, ContractError) as err:
        raise HTTPException(404, str(err)) from err
    except ShoalError as err:
        raise HTTPException(502, str(err)) from err
