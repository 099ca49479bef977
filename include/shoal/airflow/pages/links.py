"""Buttons on a task that lead to what it reads or writes."""

from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from airflow.sdk import BaseOperatorLink, conf

from shoal.contract.page_addresses import page_of_run


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


class NextRunLink(BaseOperatorLink):
    """The button on the task that lets a run go on in another one: that one, in Airflow's own pages."""

    name = "Triggered DAG"

    def get_link(self, operator: object, *, ti_key: object) -> str:  # noqa: ARG002 - Airflow's signature
        """Give its page; nothing where no run goes on."""
        found: tuple[str, str] | None = getattr(operator, "goes_on", None)
        return f"{below()}/dags/{found[0]}/runs/{quote(found[1])}" if found else ""


def run_path(page: str, dag_id: str, run: Mapping[str, str]) -> str:
    """Say where the web server shows a page of a run.

    Args:
        page: `run`, `plan`, `summary` or `report`.
        dag_id: The run's DAG: who may see it may see the page.
        run: Names `variant` and `run_key`.
    """
    return f"{below()}{page_of_run(page, dag_id, run['variant'], run['run_key'])}"


def below() -> str:
    """Say below which path this Airflow shows its pages and Shoal's: https://example.org/airflow has one of its own."""
    return urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/")
