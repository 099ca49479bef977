"""Dag runs that a killed command left unfinished: nobody works on them, so they are failed before anything starts.

Airflow's own database is written here: its own way takes the import of Airflow, seconds of every start, and finds no broken file.
"""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from shoal.contract.errors import ConfigError

_RUNS = """
    UPDATE dag_run SET state = 'failed', end_date = :now, updated_at = :now
    WHERE state IN ('running', 'queued') AND (triggered_by = 'TEST' OR :also_scheduled)
"""

_TASKS = """
    UPDATE task_instance SET
        end_date = :now, updated_at = :now,
        state = CASE WHEN state IN ('running', 'restarting', 'deferred') THEN 'failed' ELSE 'skipped' END
    WHERE (state IS NULL OR state NOT IN ('success', 'failed', 'skipped', 'upstream_failed', 'removed'))
      AND (dag_id, run_id) IN (SELECT dag_id, run_id FROM dag_run WHERE state = 'failed' AND end_date = :now)
"""


def fail_unfinished_runs(database: Path, *, also_scheduled: bool) -> int:
    """Mark unfinished Dag runs failed, as Airflow does it: running tasks fail, the others are skipped.

    The caller holds the home's lock, so nothing works on these runs. A run left unfinished would keep later ones queued
    (max_active_runs) and its images reserved.

    Args:
        database: Airflow's SQLite file.
        also_scheduled: Also runs of the scheduler, which takes those up again itself when it starts.

    Returns:
        How many runs there were.

    Raises:
        ConfigError: The database is broken.
    """
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    values = {"now": now, "also_scheduled": also_scheduled}
    try:
        with closing(sqlite3.connect(database)) as connection, connection:
            # Damage anywhere in the file would come up later, in the middle of a run.
            check = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if check != "ok":
                raise sqlite3.DatabaseError(check)  # noqa: TRY301 - the one line below is for both
            failed = connection.execute(_RUNS, values).rowcount
            connection.execute(_TASKS, values)
    except sqlite3.DatabaseError as err:
        raise ConfigError(
            f"Airflow's database {database} cannot be used ({' '.join(str(err).split())}) - start anew with make clean, "
            f"or remove {database.parent} alone: results are kept, the history of runs is not"
        ) from err
    return failed
