"""Which images of a listing are open: those without a settled row."""

from collections.abc import Sequence

from shoal.settings.run_form import RunParams
from shoal.tables.session import Database


def find_open_images(database: Database, settled: Sequence[str], params: RunParams, run_key: str) -> int:
    """Make the view `open_images` of the table `listing`: the images without a settled row; return how many.

    Reads: listing
    Makes: stored_rows, rows, open_images

    Args:
        database: A session with the table `listing`.
        settled: Keys of the ledgers and parts that count.
        params: Those of the run; they say which failures are open.
        run_key: The run.
    """
    database.view_rows(settled)
    database.set_variable("retry_reasons", [str(reason) for reason in params.retry_failed or ()])
    database.set_variable("run_key", run_key)
    database.run_file("open_images")
    return int(database.value("SELECT count(*) FROM open_images"))
