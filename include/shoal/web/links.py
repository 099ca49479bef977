"""Buttons on a task that lead to what it wrote."""

from airflow.sdk import BaseOperatorLink

URL_PREFIX = "/shoal"


class ReportLink(BaseOperatorLink):
    """The button `Report` on a summarize task."""

    name = "Report"

    def get_link(self, operator: object, *, ti_key: object) -> str:  # noqa: ARG002 - Airflow's signature
        """Give the page of the run the task has just summarized; Airflow keeps it when the task ends."""
        return getattr(operator, "report_path", "")


def report_path(dag_id: str, variant: str, run_key: str) -> str:
    """Where the web server shows a run's report."""
    return f"{URL_PREFIX}/report/{dag_id}/{variant}/{run_key}"
