"""Which images of a listing are open: those without a settled row."""

from collections.abc import Sequence

from shoal.contract.rows import ARCHIVES
from shoal.settings.run_form import RunParams
from shoal.tables.session import Database

_ANY_RUN = "~"
"""Behind every run_key."""


def find_open_images(database: Database, settled: Sequence[str], params: RunParams, run_key: str) -> int:
    """Make the view `open_images` of the table `listing`: the images without a settled row; return how many.

    Reads: listing
    Makes: stored_rows, judged_rows, rows, unsettled_images, open_images

    Args:
        database: A session with the table `listing`.
        settled: Keys of the ledgers and parts that count.
        params: Those of the run; they say which failures are open.
        run_key: The run.
    """
    database.view_rows(settled)
    reopen_failures(database, params)
    database.set_variable("run_key", run_key)
    database.set_variable("archives", list(ARCHIVES))
    database.run_file("open_images")
    return int(database.value("SELECT count(*) FROM open_images"))


def reopen_failures(database: Database, params: RunParams) -> None:
    """Say which failures a run is to infer again: `settles` of `rows.sql` reads it."""
    database.set_variable("retry_reasons", [str(reason) for reason in params.retry_failed or ()])
    database.set_variable("retry_before", params.retry_failed_before or _ANY_RUN)


def count_archived(database: Database) -> int:
    """Count the images without a settled row that lie in an archive, so that no run can take them.

    Reads: listing, unsettled_images
    """
    archived = "coalesce(list_contains(getvariable('archives'), storage_class), false)"
    if not database.value(f"SELECT count(*) FROM listing WHERE {archived}"):
        return 0  # joining the whole listing once more is for buckets that have some
    return int(database.value(f"SELECT count(*) FROM unsettled_images WHERE {archived}"))
