"""When backfill DAGs run: one data interval per month, made by Airflow's backfill and by nothing else."""

from typing import Any

from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction
from airflow.timetables.interval import CronDataIntervalTimetable


class MonthlyWindows(CronDataIntervalTimetable):
    """Months in UTC. A plain cron string gives windows of no width in Airflow 3.

    Airflow's backfill asks for intervals as if the DAG caught up, whatever the DAG says; the scheduler asks by the DAG's own
    catchup, which is off. So no run starts by itself.
    """

    description = "Monthly, by backfill only"

    def __init__(self) -> None:
        super().__init__("0 0 1 * *", timezone="UTC")
        self.description = type(self).description

    @property
    def summary(self) -> str:
        """What the list of DAGs shows as the schedule: a cron expression would promise runs that never start."""
        return "by backfill only"

    def serialize(self) -> dict[str, Any]:
        """Nothing differs from one to the next."""
        return {}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> "MonthlyWindows":  # noqa: ARG003 - Airflow's signature
        """Make it anew."""
        return cls()

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """Give the next month to a backfill, nothing to the scheduler."""
        if not restriction.catchup:
            return None
        return super().next_dagrun_info(
            last_automated_data_interval=last_automated_data_interval, restriction=restriction
        )
