"""Rows of a run without a worker, for tests that ask where rows lie, or that say themselves what was seen."""

from collections.abc import Callable

from pipeline import Pipeline
from shoal.contract.rows import MANIFEST_COLUMNS, ROW_COLUMNS
from shoal.plan.document import Plan
from shoal.tables.session import Database, open_database


def write_rows(
    pipeline: Pipeline,
    plan: Plan,
    source: str = "manifest",
    prepare: Callable[[Database], object] = lambda _: None,
    **said: str,
) -> None:
    """Write what workers would have written, were there nothing to see.

    Args:
        pipeline: The dataset.
        plan: Of a run of it.
        source: What is read: the manifest, and what `prepare` made.
        prepare: Makes tables beside it.
        said: Columns as SQL, in place of what stands here.
    """
    layout = pipeline.stores.layout.variant(plan.variant.directory)
    values = {
        **{name: name for name in ("key", "object_version", "size_bytes")}, "content_sha256": "sha256(key)", "status": "'processed'",
        "width": "640", "height": "480", "detections": "[]", "max_det_reached": "false", "luma_mean": "100", "luma_std": "20",
        "sharpness": "50", "seconds": "0.1", "version_checked": "true", "worker_version": "'0.1.0'", "run_key": f"'{plan.run_key}'",
        "attempt": "'attempt1'", **said,
    }  # fmt: skip
    columns = ", ".join(f"({values.get(name, 'NULL')})::{kind} AS {name}" for name, kind in ROW_COLUMNS.items())
    with open_database(pipeline.stores.results) as database:
        prepare(database)
        for shard in plan.work.shards:
            database.view_parquet("manifest", [layout.run(plan.run_key).manifest], MANIFEST_COLUMNS)
            query = f"SELECT {columns} FROM {source} WHERE shard = {shard.shard} ORDER BY key"
            database.store_parquet(query, layout.part(plan.run_key, shard.shard, "attempt1", 0))
