"""Buttons on a task that lead to what it reads or writes."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from airflow.sdk import BaseOperatorLink, conf

URL_PREFIX = "/shoal"


class RunLink(BaseOperatorLink):
    """A button on tasks that know their run: they keep it in `linked_run`, as `run_path` wants it.

    A task that ends before it knows its run has no address; its button leads nowhere and is greyed out.
    """

    page = ""

    @property
    def name(self) -> str:
        """The button's text."""
        return self.page.capitalize()

    def get_link(self, operator: object, *, ti_key: object) -> str:
        """Give the page of the task's run; Airflow keeps it when the task ends."""
        run: Mapping[str, str] | None = getattr(operator, "linked_run", None)
        return run_path(self.page, str(getattr(ti_key, "dag_id", "")), run) if run else ""


class PlanLink(RunLink):
    """The button `Plan`: what the run intends, plan.json."""

    page = "plan"


class SummaryLink(RunLink):
    """The button `Summary`: the run's answer, summary.json."""

    page = "summary"


class ReportLink(RunLink):
    """The button `Report`: the answer for people, report.html."""

    page = "report"


def run_path(page: str, dag_id: str, run: Mapping[str, str]) -> str:
    """Say where the web server shows a page of a run.

    Args:
        page: `plan`, `summary` or `report`.
        dag_id: The run's DAG: who may see it may see the page.
        run: Names `variant` and `run_key`.
    """
    # An Airflow behind a path of its own, https://example.org/airflow, shows Shoal's pages below that path.
    below = urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/")
    # The report names the files that lie beside it.
    file = "/report.html" if page == "report" else ""
    return f"{below}{URL_PREFIX}/{page}/{dag_id}/{run['variant']}/{run['run_key']}{file}"
