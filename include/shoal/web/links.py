"""Buttons on a task that lead to what it wrote."""

from airflow.sdk import BaseOperatorLink

REPORT_XCOM = "report_link"
URL_PREFIX = "/shoal"


class ReportLink(BaseOperatorLink):
    """The button `Report` on a summarize task."""

    name = "Report"
    xcom_key = REPORT_XCOM

    def get_link(self, operator: object, *, ti_key: object) -> str:  # noqa: ARG002 - Airflow reads the XCom itself
        """Give nothing but what the task pushed."""
        return ""


def report_path(dag_id: str, variant: str, run_key: str) -> str:
    """Where the web server shows a run's report."""
    return f"{URL_PREFIX}/report/{dag_id}/{variant}/{run_key}"
