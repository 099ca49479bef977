"""Addresses of the pages below an Airflow: its web server and what is written for people both name them."""

from collections.abc import Mapping
from urllib.parse import urlencode

URL_PREFIX = "/shoal"


def page_of_run(page: str, dag_id: str, variant: str, run_key: str) -> str:
    """Address of a page of a run: `run`, `plan`, `summary`, `report`, `images`, `image`."""
    # The report names the files that lie beside it.
    file = "/report.html" if page == "report" else ""
    return f"{URL_PREFIX}/{page}/{dag_id}/{variant}/{run_key}{file}"


def images_of_run(dag_id: str, variant: str, run_key: str, chosen: Mapping[str, str]) -> str:
    """Address of images of a run, with what chooses among them: `taxon`, `camera`, `from`, `to`, `conf`."""
    query = urlencode({name: value for name, value in chosen.items() if value})
    return page_of_run("images", dag_id, variant, run_key) + (f"?{query}" if query else "")


def image_of_run(dag_id: str, variant: str, run_key: str, key: str, object_version: str) -> str:
    """Address of one image of a run."""
    return f"{page_of_run('image', dag_id, variant, run_key)}?{urlencode({'key': key, 'version': object_version})}"
