"""Rows of a run without a worker, for tests that ask where rows lie and not what they say."""

from pipeline import Pipeline
from shoal.contract.rows import MANIFEST_COLUMNS, ROW_COLUMNS
from shoal.plan.document import Plan
from shoal.tables.session import open_database


def write_rows(pipeline: Pipeline, plan: Plan) -> None:
    """Write what workers would have written, were there nothing to see."""
    layout = pipeline.stores.layout.variant(plan.variant.directory)
    values = {
        **dict.fromkeys(("key", "object_version", "size_bytes")), "content_sha256": "sha256(key)", "status": "'processed'", "width": "640",
        "height": "480", "detections": "[]", "max_det_reached": "false", "luma_mean": "100", "luma_std": "20", "sharpness": "50",
        "seconds": "0.1", "version_checked": "true", "worker_version": "'0.1.0'", "run_key": f"'{plan.run_key}'",
        "attempt": "'attempt1'",
    }  # fmt: skip
    columns = ", ".join(f"({values.get(name, 'NULL') or name})::{kind} AS {name}" for name, kind in ROW_COLUMNS.items())
    with open_database(pipeline.stores.results) as database:
        for shard in plan.work.shards:
            database.view_parquet("manifest", [layout.run(plan.run_key).manifest], MANIFEST_COLUMNS)
            query = f"SELECT {columns} FROM manifest WHERE shard = {shard.shard}"
            database.store_parquet(query, layout.part(plan.run_key, shard.shard, "attempt1", 0))
