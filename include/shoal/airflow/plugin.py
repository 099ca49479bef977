"""Registers Shoal's pages, links, timetable and what the scheduler asks for each run with Airflow; no logic.

Airflow imports this in every component and every task, so the pages themselves are imported only by the web server.
"""

import sys
from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin

from shoal.airflow import pools
from shoal.airflow.monthly_windows import MonthlyWindows
from shoal.airflow.pages.links import URL_PREFIX, PlanLink, ReportLink, SummaryLink


def _web_apps() -> list[dict[str, Any]]:
    if not any("api-server" in word or "api_server" in word for word in sys.argv):
        return []
    from shoal.airflow.pages.app import app  # noqa: PLC0415 - see above

    return [{"app": app, "url_prefix": URL_PREFIX, "name": "Shoal"}]


class ShoalPlugin(AirflowPlugin):
    """Shoal in Airflow's web interface."""

    name = "shoal"
    fastapi_apps: ClassVar[list[dict[str, Any]]] = _web_apps()
    operator_extra_links: ClassVar[list[Any]] = [PlanLink(), SummaryLink(), ReportLink()]
    timetables: ClassVar[list[Any]] = [MonthlyWindows]
    listeners: ClassVar[list[Any]] = [pools]
