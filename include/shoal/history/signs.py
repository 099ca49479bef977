"""What the workers of a run said last, read with one listing and a request for each note that has changed."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import islice

from shoal.contract.layout import VariantLayout
from shoal.contract.progress_note import ProgressNote
from shoal.contract.rows import ROW_COLUMNS
from shoal.contract.run_layout import RunLayout
from shoal.contract.stored_json import pick
from shoal.contract.stored_names import parse_part, parse_progress
from shoal.history.notes import Notes
from shoal.history.progress import RunProgress, Said, ShardNow, ShardState, progress_of
from shoal.results.read_again import read_listed
from shoal.results.stored_plan import StoredPlan
from shoal.settings.dataset import Run
from shoal.stores.listed import ListedObject
from shoal.stores.object_store import ObjectStore
from shoal.tables.session import Database

MOST_NOTES = 10_000
"""Notes of one run that are read: three thousand shards, and three attempts at each."""

MOST_PARTS = 500
"""Parts whose rows are counted where no worker said anything: those of two workers in eight hours."""

_SMALL = Run(memory="256MiB", threads=1)
"""What counting them may take, whatever the plan's settings say: pages do it in the web server, which serves many at once."""


def read_progress(
    results: ObjectStore,
    layout: VariantLayout,
    plan: StoredPlan,
    now: datetime,
    *,
    notes: Notes | None = None,
    listed: Iterable[ListedObject] | None = None,
) -> RunProgress | None:
    """Tell how far a run's shards are; None where nothing was to be inferred, and where nobody can tell.

    Args:
        results: The results bucket.
        layout: The run's variant.
        plan: The run's plan.
        now: The store's time.
        notes: What was read before; None reads all.
        listed: The run's objects, where they are listed already.

    Raises:
        StoreError: The store does not answer.
    """
    if not plan.shards or plan.of_run is not None:
        return None
    run = layout.run(plan.run_key)
    found = results.list_objects(run.progress) if listed is None else listed
    said = _read_said(results, run, found, now, notes or Notes())
    planned = {shard.shard: shard.images for shard in plan.shards}
    if said:
        workers = plan.capacity.pods if plan.capacity and plan.capacity.pods > 0 else None
        return progress_of(planned, said, workers, plan.budget_s)
    return _count_parts(results, layout, plan, planned, now)


def _read_said(
    results: ObjectStore, run: RunLayout, listed: Iterable[ListedObject], now: datetime, notes: Notes
) -> dict[int, list[Said]]:
    named = [one for one in listed if parse_progress(run, one.key) is not None]
    # The youngest first: there are more only where somebody else writes, too.
    named = sorted(named, key=lambda one: one.last_modified, reverse=True)[:MOST_NOTES]
    read = notes.read(results, named, partial(pick, ProgressNote))
    said: dict[int, list[Said]] = {}
    for one in named:
        note, place = read.get(one.key), parse_progress(run, one.key)
        # What another wrote there is no word of a worker's.
        if note is not None and place is not None and note.shard == place[0]:
            said.setdefault(note.shard, []).append(Said(note, (now - one.last_modified).total_seconds()))
    return said


def _count_parts(
    results: ObjectStore, layout: VariantLayout, plan: StoredPlan, planned: Mapping[int, int], now: datetime
) -> RunProgress | None:
    """Count the rows in the parts of a run whose workers say nothing: they are of an earlier release, or have not begun."""
    parts = list(islice(results.list_objects(layout.run_parts(plan.run_key)), MOST_PARTS + 1))
    if len(parts) > MOST_PARTS:
        return None
    if not parts:
        return progress_of(planned, {})
    keys = [one.key for one in parts if (name := parse_part(one.key)) is not None and name.shard in planned]
    rows = read_listed(results, _SMALL, lambda database: _rows_of_parts(database, keys))
    written: dict[int, datetime] = {}
    for one in parts:
        if (name := parse_part(one.key)) is not None:
            written[name.shard] = max(one.last_modified, written.get(name.shard, one.last_modified))
    return RunProgress.of(
        _of_rows(shard, images, rows.get(shard, (0, 0)), written.get(shard), now) for shard, images in planned.items()
    )


def _of_rows(shard: int, images: int, rows: Sequence[int], written: datetime | None, now: datetime) -> ShardNow:
    done = min(images, rows[0])
    state = ShardState.DONE if done == images else ShardState.SILENT if written else ShardState.WAITING
    age_s = None if written is None else max(0.0, (now - written).total_seconds())
    return ShardNow(shard, images, done, min(done, rows[1]), state, age_s=age_s)


def _rows_of_parts(database: Database, keys: Sequence[str]) -> dict[int, tuple[int, int]]:
    """Count images by shard, and those of them that are failed: two attempts may have rows of one image."""
    shards = {name.attempt: name.shard for key in keys if (name := parse_part(key)) is not None}
    database.view_parquet("stored_rows", keys, _COUNTED)
    query = (
        "SELECT shard, count(*), count(*) FILTER (failed AND NOT processed) FROM ("
        "SELECT map_extract_value(?::MAP(VARCHAR, INTEGER), attempt) AS shard, bool_or(status = 'failed') AS failed, "
        "bool_or(status = 'processed') AS processed FROM stored_rows GROUP BY shard, key, object_version) GROUP BY shard"
    )
    found = database.run(query, [shards]).fetchall()
    return {shard: (images, failed) for shard, images, failed in found if shard is not None}


_COUNTED = {name: ROW_COLUMNS[name] for name in ("key", "object_version", "status", "attempt")}
