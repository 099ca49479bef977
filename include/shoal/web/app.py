"""Shows a run's report to people who may see its DAG; reads the results bucket and never writes."""

from typing import Annotated

from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import Depends, FastAPI, HTTPException, Path
from fastapi.responses import HTMLResponse

from shoal.contract.errors import ConfigError, ContractError, ShoalError
from shoal.contract.layout import RUN_KEY
from shoal.dataset import Dataset, dataset_files, datasets_folder, load_dataset
from shoal.hooks.object_store import read_access
from shoal.stores import open_stores

# The report has its pictures and styles inside; it runs no script and asks no other site.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
}

# Pages of plugins are open to anyone unless they ask: every route depends on the right to see its DAG.
app = FastAPI(title="Shoal", docs_url=None, redoc_url=None, openapi_url=None)


@app.get("/report/{dag_id}/{variant}/{run_key}", dependencies=[Depends(requires_access_dag(method="GET"))])
def report(
    dag_id: str,
    variant: Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")],
    run_key: Annotated[str, Path(pattern=f"^{RUN_KEY}$")],
) -> HTMLResponse:
    """Show the report of one run."""
    try:
        dataset = _dataset_of(dag_id)
        stores = open_stores(dataset, read_access)
        summary = stores.results.read_json(stores.layout.variant(variant).run(run_key).summary)
        return HTMLResponse(stores.results.read_bytes(summary["folder"] + "report.html"), headers=HEADERS)
    except (ConfigError, ContractError) as err:
        raise HTTPException(404, str(err)) from err
    except ShoalError as err:
        raise HTTPException(502, str(err)) from err


def _dataset_of(dag_id: str) -> Dataset:
    kind, _, name = dag_id.partition("_")
    if kind not in {"reanalyse", "backfill"}:
        raise ConfigError(f"DAG {dag_id!r} is not of a dataset")
    for path in dataset_files(datasets_folder()):
        if path.stem == name:
            return load_dataset(path)
    raise ConfigError(f"No dataset file {name}.yaml in {datasets_folder()}")
