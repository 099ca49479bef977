"""Registers Shoal's pages, links, timetable and what the scheduler asks for each run with Airflow; no logic.

Airflow imports this in every component and every task, so the pages themselves are imported only by the web server.
"""

import sys
from typing import Any

from airflow.plugins_manager import AirflowPlugin

from shoal.airflow import pools, run_notes
from shoal.airflow.monthly_windows import MonthlyWindows
from shoal.airflow.pages.links import NextRunLink, PlanLink, ReportLink, SummaryLink, below
from shoal.contract.page_addresses import URL_PREFIX


def _web_apps() -> list[dict[str, Any]]:
    if not any("api-server" in word or "api_server" in word for word in sys.argv):
        return []
    from shoal.airflow.pages.app import app  # noqa: PLC0415 - see above

    return [{"app": app, "url_prefix": URL_PREFIX, "name": "Shoal"}]


def _views() -> list[dict[str, Any]]:
    """The pages that Airflow shows among its own: of all datasets, of a DAG's, of a Dag run."""
    shoal = f"{below()}{URL_PREFIX}"
    views = {
        "nav": f"{shoal}/",
        "dag": f"{shoal}/dataset/{{DAG_ID}}",
        "dag_run": f"{shoal}/dag-run/{{DAG_ID}}/{{RUN_ID}}",
    }
    return [
        {
            "name": "Shoal",
            "href": href,
            "destination": place,
            "url_route": "shoal" if place == "nav" else f"shoal_{place}",
        }
        for place, href in views.items()
    ]


class ShoalPlugin(AirflowPlugin):
    """Shoal in Airflow's web interface."""

    name = "shoal"
    # Airflow declares these as its instances' own.
    fastapi_apps = _web_apps()
    external_views = _views()
    operator_extra_links = [PlanLink(), SummaryLink(), ReportLink(), NextRunLink()]  # noqa: RUF012
    timetables = [MonthlyWindows]  # noqa: RUF012
    listeners = [pools, run_notes]  # noqa: RUF012
