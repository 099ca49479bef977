"""A dataset's stored answers in Python: tables as DuckDB relations, and single images with their boxes."""

import atexit
import hashlib
import secrets
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from pkgutil import resolve_name
from types import TracebackType
from typing import Any, Self

import duckdb

from shoal.answers.browsed import USES
from shoal.answers.columns import WIDTHS
from shoal.answers.find import StoredRun, find_run
from shoal.answers.measurements import join_measurements, load_measurements
from shoal.answers.opened_image import OpenedImage, read_image
from shoal.answers.views import view_answer
from shoal.answers.where import Where
from shoal.contract.errors import ConfigError, shown
from shoal.contract.gone_objects import gone
from shoal.contract.layout import DatasetLayout
from shoal.contract.minted_names import run_time
from shoal.contract.stored_names import Kind, read_name
from shoal.results.answer import read_current
from shoal.results.run_list import list_planned
from shoal.settings.analysis import Taxon
from shoal.stores.object_store import ImageStore, ObjectStore
from shoal.tables.session import Database, open_database

_RUNS = """
    SELECT unnest(?::VARCHAR[]) AS run_key, unnest(?::TIMESTAMP[]) AS planned_at, unnest(?::VARCHAR[]) AS variant,
        unnest(?::BOOLEAN[]) AS summarized, unnest(?::BOOLEAN[]) AS current
"""


class OpenedDataset:
    """What `shoal.open` gives: the answer of one run, as it was when it was opened; other runs by `at`.

    Tables are DuckDB relations, read when they are asked for: `.df()` gives pandas, `.pl()` polars, `.arrow()` Arrow, where these
    are installed; `.filter()`, `.aggregate()` and SQL by `.query()` go on in DuckDB. Times are UTC. Their columns are those of
    docs/formats.md: counts are of detections, never of individuals, and mean nothing without the effort beside them. It is for
    one thread, and ends with `close`, as a context manager, or with Python.

    Attributes:
        name: Name of the dataset.
        run_key: The run whose answer it gives.
        result: Its numbers, as summary.json has them under `result`.
    """

    def __init__(
        self,
        results: ObjectStore,
        layout: DatasetLayout,
        run: StoredRun,
        images: ImageStore | None,
        *,
        stack: ExitStack | None = None,
        database: Database | None = None,
        taxa: Mapping[str, Taxon] | None = None,
    ) -> None:
        self._results, self._layout, self._images = results, layout, images
        self._taxa = taxa or {}
        self._run = run
        self._stack = stack or ExitStack()
        self._database = database or self._stack.enter_context(open_database(results))
        self._prefixes: dict[Where, str] = {}
        # Not with this object: relations that it gave may still be read.
        atexit.register(self._stack.close)

    @property
    def name(self) -> str:
        """Name of the dataset."""
        return self._layout.dataset

    @property
    def run_key(self) -> str:
        """The run whose answer it gives."""
        return self._run.run_key

    @property
    def result(self) -> Mapping[str, Any]:
        """Its numbers, as summary.json has them under `result`."""
        return self._run.summary.result

    @property
    def current(self) -> str | None:
        """The run that is the dataset's answer now; None where there is none."""
        found = read_current(self._results, self._layout)
        return None if found is None else str(found["run_key"])

    @property
    def runs(self) -> duckdb.DuckDBPyRelation:
        """All runs that were planned, the oldest first: run_key, planned_at, variant, summarized, current."""
        keys = list_planned(self._results, self._layout)
        summarized = {
            name.run_key
            for variant in sorted(set(keys.values()))
            for found in self._results.list_objects(self._layout.variant(variant).runs)
            if (name := read_name(self._layout, found.key)).kind is Kind.SUMMARY
        }
        current = self.current
        values = [
            list(keys),
            [run_time(key).replace(tzinfo=None) for key in keys],
            list(keys.values()),
            [key in summarized for key in keys],
            [key == current for key in keys],
        ]
        self._database.run(f"CREATE OR REPLACE TEMP TABLE runs AS {_RUNS}", values)
        return self._database.relation("FROM runs ORDER BY run_key")

    def at(self, run: str) -> "OpenedDataset":
        """Give the answer of another run.

        Args:
            run: Its run_key or the beginning of it.

        Raises:
            ConfigError: There is none, or it is not complete.
        """
        found = find_run(self._results, self._layout, run)
        return OpenedDataset(self._results, self._layout, found, self._images, database=self._database, taxa=self._taxa)

    def compare(self, first: str, second: str, where: str | Where = "") -> Any:
        """Compare two answers on the images that both use: agreement and not accuracy, neither is taken for the truth.

        Args:
            first: A version of the model, which means its newest complete run over the whole dataset, or a run_key.
            second: What it is compared with, likewise.
            where: A part.

        Returns:
            `shoal.compare.agreement.Agreement`, what `python -m shoal compare` tells; `to_json` gives it as `--json` prints it.

        Raises:
            ConfigError: No such version, run or part, or they have no image in common that both use.
        """
        # Looked up when it is needed: the room of comparisons lies above this one.
        choose_runs = resolve_name("shoal.compare.choose:choose_runs")
        compare_runs = resolve_name("shoal.compare.two_runs:compare_runs")
        runs = choose_runs(self._results, self._layout, (first, second))
        asked = _parsed(where, runs[0].plan.settings.report.zone)
        with open_database(self._results) as database:  # its views would replace those of relations
            return compare_runs(database, *runs, asked, self._taxa)

    def counts(self, bin: str = "day", where: str | Where = "") -> duckdb.DuckDBPyRelation:  # noqa: A002 - as people say it
        """Give a series: a line for each camera, deployment, taxon and bin with effort.

        Args:
            bin: `30min`, `hour`, `day` or `month`, one that the dataset file's `report.bins` names.
            where: A part, such as `camera=IPC608,from=2026-06-01`.

        Raises:
            ConfigError: No such bin, or no such part.
        """
        self._need_width(bin)
        view = f"{self._prefix(where)}counts_{bin}"
        return self._database.relation(f"FROM {view} ORDER BY bin_start, camera, deployment NULLS FIRST, taxon")

    def detections(
        self, taxon: str | Sequence[str] | None = None, where: str | Where = "", use: str | Sequence[str] = "used"
    ) -> duckdb.DuckDBPyRelation:
        """Give the boxes that the answer's numbers count, with camera, time and size of their images.

        Args:
            taxon: Of this taxon, or of these.
            where: A part.
            use: What their images are to the answer, one of them or several: `used`, whose boxes are in its numbers;
                `duplicate`, `undated` and `unusable` are in none of its series.

        Raises:
            ConfigError: No such taxon, use or part.
        """
        uses = _listed_uses(use)
        asked = self._where(where)
        if taxon is not None:
            taxa = (taxon,) if isinstance(taxon, str) else tuple(taxon)
            asked = Where(asked.cameras, taxa, asked.start, asked.end, asked.deployments)
        return self._database.relation(
            f"FROM {self._prefix(asked)}detections WHERE role = 'count' AND use IN ({uses}) ORDER BY key, position"
        )

    def images(self, where: str | Where = "") -> duckdb.DuckDBPyRelation:
        """Give one line for each examined image: its use, camera, time, brightness, and how many boxes count.

        Args:
            where: A part.

        Raises:
            ConfigError: No such part.
        """
        return self._database.relation(f"FROM {self._prefix(where)}images ORDER BY key")

    def gaps(self, where: str | Where = "") -> duckdb.DuckDBPyRelation:
        """Give the times in which nobody looked.

        Args:
            where: A part.

        Raises:
            ConfigError: No such part.
        """
        return self._database.relation(f"FROM {self._prefix(where)}gaps ORDER BY camera, gap_start, gap_end")

    def join(
        self,
        file: str | Path,
        tolerance: str = "30min",
        bin: str = "hour",  # noqa: A002 - as `counts` says it
        where: str | Where = "",
        time: str | None = None,
    ) -> duckdb.DuckDBPyRelation:
        """Put measurements beside counts and effort: the line nearest to the middle of each bin, NULL where none is near enough.

        Args:
            file: CSV or Parquet, a line for each time, such as a CTD's.
            tolerance: How far a line may be from the middle of a bin.
            bin: See `counts`.
            where: A part.
            time: The column with the time, UTC where it has no zone; the only one that is a time where nothing is said.

        Returns:
            The columns of counts, `measured_at` and the columns of the file.

        Raises:
            ConfigError: The file cannot be read, or has a time twice; no such bin or part.
        """
        self._need_width(bin)
        name = f"file_{secrets.token_hex(8)}"  # never replaced: relations read it later
        columns = load_measurements(self._database, Path(file).expanduser(), name, time)
        view = f"{self._prefix(where)}counts_{bin}"
        return self._database.relation(join_measurements(view, bin, name, columns, tolerance))

    def image(self, key: str) -> OpenedImage:
        """Read one image as the model saw it, and its boxes.

        Args:
            key: Of an image of the answer.

        Raises:
            ConfigError: There is none, it was changed since, shows people or may show them, or nobody said where the images are.
        """
        return read_image(self._database, self._run, self._prefix(""), key, images=self._images, taxa=self._taxa)

    def close(self) -> None:
        """End the session; relations that were not read yet cannot be read any more."""
        atexit.unregister(self._stack.close)
        self._stack.close()

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the session."""
        self.close()

    def __repr__(self) -> str:
        """Say which answer it gives."""
        return f"<shoal dataset {self.name}, run {self.run_key}, model {self._run.summary.models}>"

    def _need_width(self, width: str) -> None:
        there = self._run.plan.settings.report.bins
        if width not in there or width not in WIDTHS:
            raise ConfigError(
                f"No bins of {shown(width, 50)!r} in the answer of run {self.run_key} - there are {', '.join(there)}"
            )

    def _where(self, where: str | Where) -> Where:
        return _parsed(where, self._run.plan.settings.report.zone)

    def _prefix(self, where: str | Where) -> str:
        """Make the views of a part, once: relations read them later, so none is ever replaced."""
        asked = self._where(where)
        if asked not in self._prefixes:
            prefix = f"v{hashlib.sha256(repr((self.run_key, asked)).encode()).hexdigest()[:16]}_"
            if self._results.address is None:  # a folder: DuckDB explains what a store lacks
                _need_files(self._results, self._run)
            view_answer(self._database, self._run.summary, asked, prefix)
            self._prefixes[asked] = prefix
        return self._prefixes[asked]


def _parsed(where: str | Where, zone: str) -> Where:
    return where if isinstance(where, Where) else Where.parse([where] if where else [], zone)


def _listed_uses(use: str | Sequence[str]) -> str:
    """List uses of images as SQL does."""
    uses = (use,) if isinstance(use, str) else tuple(use)
    if not uses or (others := set(uses) - set(USES)):
        told = repr(min(others)) if uses else "nothing"
        raise ConfigError(f"The use of an image is never {shown(told, 50)} - it is {', '.join(USES)}")
    return ", ".join(f"'{one}'" for one in uses)


def _need_files(results: ObjectStore, run: StoredRun) -> None:
    """Check that a copy holds the tables: DuckDB would say it in its own words."""
    for file in run.summary.tables:
        if not results.has(file.key):
            raise gone(file.key, results.bucket)
