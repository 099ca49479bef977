"""Rows that lie elsewhere by the time they are read: who listed them lists them anew, once."""

import logging
from collections.abc import Callable
from typing import TypeVar

from shoal.contract.errors import MovedError
from shoal.settings.dataset import Run
from shoal.stores.object_store import ObjectStore
from shoal.tables.session import Database, open_database

log = logging.getLogger(__name__)

T = TypeVar("T")


def read_listed(results: ObjectStore | None, run: Run | None, read: Callable[[Database], T], *, images: int = 0) -> T:
    """Call what lists ledgers and parts and reads them, in a session of its own.

    A summary moves parts into a ledger, and ledgers that were written together go a day later. Their rows are in the one that
    took them before they go, so whoever lists anew finds every one. Once is enough: what was just listed lies there for a day.

    Args:
        results: The results bucket; None where only local files are read.
        run: The dataset's `run`, which may say how much memory and how many threads.
        read: Lists and reads; called a second time where what it had listed went meanwhile, with an empty session.
        images: Of the listing that is summarized, which say how much memory where the dataset file does not.

    Raises:
        MovedError: It went in the second call, too.
    """
    try:
        with open_database(results, run, images=images) as database:
            return read(database)
    except MovedError as err:
        log.info("%s - listed and read once more", err)
    with open_database(results, run, images=images) as database:
        return read(database)
