"""Shows a run's plan, summary and report to people who may see its DAG; reads the results bucket and never writes."""

import json
from collections.abc import Callable
from typing import Annotated

from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import Depends, FastAPI, HTTPException, Path
from fastapi.responses import HTMLResponse, Response, StreamingResponse

from shoal.airflow.configured import configured_datasets_folder
from shoal.airflow.hooks.object_store import read_access
from shoal.airflow.pages.plan_page import render_plan
from shoal.contract.errors import ConfigError, ContractError, ShoalError
from shoal.contract.layout import RUN_KEY, RunLayout
from shoal.contract.run_names import dataset_of
from shoal.models.approval import answer_to
from shoal.results.stored_plan import read_plan
from shoal.results.stored_summary import read_summary
from shoal.settings.dataset import Dataset
from shoal.settings.dataset_files import dataset_files, load_dataset
from shoal.settings.dataset_stores import Stores, open_stores

# The report has its pictures and styles inside; it runs no script and asks no other site.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
}

# Pages of plugins are open to anyone unless they ask: every route depends on the right to see its DAG.
app = FastAPI(title="Shoal", docs_url=None, redoc_url=None, openapi_url=None)


may_see_dag = [Depends(requires_access_dag(method="GET"))]
Variant = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
RunKey = Annotated[str, Path(pattern=f"^{RUN_KEY}$")]


@app.get("/plan/{dag_id}/{variant}/{run_key}", dependencies=may_see_dag)
def plan(dag_id: str, variant: Variant, run_key: RunKey) -> Response:
    """Show what one run intended."""
    return _show(dag_id, variant, run_key, lambda stores, run: _as_page(stores, variant, run.plan))


@app.get("/summary/{dag_id}/{variant}/{run_key}", dependencies=may_see_dag)
def summary(dag_id: str, variant: Variant, run_key: RunKey) -> Response:
    """Show the answer of one run."""
    return _show(dag_id, variant, run_key, lambda stores, run: _as_json(stores, run.summary))


@app.get("/report/{dag_id}/{variant}/{run_key}/{name}", dependencies=may_see_dag)
def report(dag_id: str, variant: Variant, run_key: RunKey, name: str) -> Response:
    """Show the report of one run, or hand over a file that lies beside it."""
    return _show(dag_id, variant, run_key, lambda stores, run: _file(stores, run, name))


def _file(stores: Stores, run: RunLayout, name: str) -> Response:
    summary = read_summary(stores.results, run.summary)
    if name not in summary.files:
        raise ContractError(f"{run.summary} names no file {name!r} - it has {', '.join(summary.files)}")
    key = summary.folder + name
    if name == "report.html":
        return HTMLResponse(stores.results.read_bytes(key), headers=HEADERS)
    # Piece by piece: the boxes of a large dataset are gigabytes.
    size_bytes, pieces = stores.results.stream(key)
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Content-Length": str(size_bytes), **HEADERS}
    return StreamingResponse(pieces, media_type="application/octet-stream", headers=headers)


def _as_page(stores: Stores, variant: str, key: str) -> Response:
    plan = read_plan(stores.results, key)
    answer = answer_to(plan, stores.results, stores.layout.variant(variant))
    return HTMLResponse(render_plan(plan, answer), headers=HEADERS)


def _as_json(stores: Stores, key: str) -> Response:
    """Indent the stored object for reading; its values are untouched."""
    text = json.dumps(stores.results.read_json(key), indent=2, ensure_ascii=False)
    return Response(text, media_type="application/json", headers=HEADERS)


def _show(dag_id: str, variant: str, run_key: str, read: Callable[[Stores, RunLayout], Response]) -> Response:
    """Read one object of a run: 404 where there is none, 502 where the store does not answer."""
    try:
        stores = open_stores(_dataset_of(dag_id), read_access)
        return read(stores, stores.layout.variant(variant).run(run_key))
    except (ConfigError, ContractError) as err:
        raise HTTPException(404, str(err)) from err
    except ShoalError as err:
        raise HTTPException(502, str(err)) from err


def _dataset_of(dag_id: str) -> Dataset:
    name = dataset_of(dag_id)
    if name is None:
        raise ConfigError(f"DAG {dag_id!r} is not of a dataset")
    folder = configured_datasets_folder()
    for path in dataset_files(folder):
        if path.stem == name:
            return load_dataset(path)
    raise ConfigError(f"No dataset file {name}.yaml in {folder}")
