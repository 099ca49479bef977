"""Sessions on files of answers that are kept on this machine's disk: they read nothing else, and never the bucket."""

from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from shoal.answers.kept_files import KeptFiles
from shoal.results.summary_files import SummaryFile
from shoal.stores.folder import FolderStore
from shoal.stores.object_store import ObjectStore
from shoal.tables.limits import Limits, limits_of
from shoal.tables.scratch import scratch_folder
from shoal.tables.session import Database


@contextmanager
def kept_session(
    kept: KeptFiles,
    results: ObjectStore,
    files: Collection[SummaryFile],
    tell: Callable[[int], None] = lambda _: None,
    limits: Limits | None = None,
) -> Iterator[Database]:
    """Open a session on files, which are fetched where they are not here; raises as `KeptFiles.take`.

    Args:
        kept: Where files are kept.
        results: Where they are stored.
        files: What the session reads.
        tell: Is told bytes as they come.
        limits: What it may take; a share where nothing is said: several are open, and Airflow wants its own.
    """
    kept.make_folder()
    with scratch_folder(kept.folder) as folder:
        tables = files_in(folder)
        tables.mkdir()
        kept.take(results, files, tables, tell)
        database = Database(FolderStore(tables), folder, limits or limits_of(beside=1))
        with closing(database.connection):
            yield database


def files_in(folder: Path) -> Path:
    """Say where in a session's folder the files lie that it reads; as long as they do, they are kept."""
    return folder / "answer"
