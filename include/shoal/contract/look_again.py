"""The folder through which a worker is asked to look at images again: names of the files in it."""

PLAN = "plan.json"
"""The plan whose job says which model looks, and how."""

MANIFEST = "images.json"
"""A list of objects with `key`, `object_version` and `size_bytes`, as listed."""

ROWS = "rows.parquet"
"""What the worker saw; columns of `contract.rows.ROW_COLUMNS`."""

COMMAND = "again"
"""The worker's command."""
