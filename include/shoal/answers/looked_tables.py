"""The tables that pages count from anew, made once of an answer: its boxes by taxon, camera, day, hour and score."""

from collections.abc import Iterator, Sequence

from shoal.answers.columns import TABLES as COLUMNS
from shoal.answers.find import StoredRun
from shoal.answers.open_answer import OpenAnswer
from shoal.contract.tasks.classify import CLASSIFY
from shoal.results.summary_files import SummaryFile
from shoal.tables.session import Database

MOST_ROWS = 1_000_000
"""Of months whose boxes are looked through together."""

_FILLED = ("images", "detections", "below")


def need_looked(answer: OpenAnswer, run: StoredRun) -> None:
    """Have the tables made that everything here reads.

    Raises:
        StillOpeningError: They are being made.
    """
    answer.need("explored", lambda database: _make(database, run, answer.files))


def _make(database: Database, run: StoredRun, files: Sequence[SummaryFile]) -> Iterator[float]:
    """Make the tables, some months at a time: what a step holds does not grow with years."""
    settings = run.plan.settings
    database.run(
        "CREATE OR REPLACE TABLE deployment_places (camera VARCHAR, deployment VARCHAR, latitude DOUBLE, longitude DOUBLE)"
    )
    for stay in settings.deployments:
        database.run(
            "INSERT INTO deployment_places VALUES (?, ?, ?, ?)", [stay.camera, stay.name, stay.latitude, stay.longitude]
        )
    database.set_variable("report_zone", settings.report.zone)
    database.set_variable("best_only", run.plan.task == CLASSIFY.name)
    database.set_variable("looked_taxa", [species["taxon"] for species in run.summary.result["species"]])
    for name in ("bins", "explored_steps", "looked"):
        database.run_file(name)
    groups = list(_groups([file for file in files if file.table in _FILLED and file.month]))
    for done, group in enumerate(groups):
        yield done / len(groups)
        for table in _FILLED:
            database.view_parquet(f"month_{table}", [one.key for one in group if one.table == table], COLUMNS[table])
        database.run_file("looked_month")


def _groups(files: Sequence[SummaryFile]) -> Iterator[list[SummaryFile]]:
    """Put months together that have few rows."""
    group: list[SummaryFile] = []
    for month in sorted({file.month or "" for file in files}):
        of_month = [file for file in files if file.month == month]
        if group and sum(file.rows or MOST_ROWS for file in [*group, *of_month]) > MOST_ROWS:
            yield group
            group = []
        group = [*group, *of_month]
    if group:
        yield group
