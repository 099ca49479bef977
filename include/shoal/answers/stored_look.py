"""A look at tables where they are stored: for seconds, in a session of its own, which no answer on this disk waits for."""

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from shoal.answers.deadline import stopped_after
from shoal.contract.errors import NoAnswerError, StoreError, first_line
from shoal.stores.object_store import ObjectStore
from shoal.tables.limits import Limits
from shoal.tables.scratch import scratch_folder
from shoal.tables.session import Database

LIMITS = Limits(memory_bytes=512 * 1024**2, threads=1)
STORED_S = 10.0
"""So long one look may take."""


@contextmanager
def stored_look(results: ObjectStore, seconds: float = STORED_S) -> Iterator[Database]:
    """Open a session on the results bucket for some questions.

    Args:
        results: The bucket.
        seconds: So long they may take together.

    Raises:
        NoAnswerError: They took longer.
        StoreError: They cannot be answered.
    """
    with scratch_folder() as folder:
        database = Database(results, folder, LIMITS)
        try:
            with stopped_after(database.connection, seconds):
                yield database
        except duckdb.InterruptException as err:
            raise NoAnswerError(
                f"The results bucket did not give these tables within {seconds:g} s - try again"
            ) from err
        except duckdb.Error as err:
            raise StoreError(f"These tables cannot be read: {first_line(err)}") from err
        finally:
            database.connection.close()
