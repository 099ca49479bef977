"""What a repeated shard still has to do, and the manifest that says so."""

from shoal.contract.layout import VariantLayout
from shoal.contract.rows import MANIFEST_COLUMNS
from shoal.results.inputs import need_inputs
from shoal.results.ledger import list_settled
from shoal.results.open_images import find_open_images
from shoal.results.read_plan import read_plan
from shoal.tables.session import Database


def find_open_of_shard(database: Database, layout: VariantLayout, run_key: str, shard: int) -> int:
    """Make `listing` one shard of a run, and `open_images` what it still has to do now; return how many.

    Args:
        database: A session on the results bucket.
        layout: The variant.
        run_key: The run.
        shard: The shard.
    """
    run = layout.run(run_key)
    plan = read_plan(database.results, run.plan)
    need_inputs(database.results, plan, run)
    database.view_parquet("manifest", [run.manifest], MANIFEST_COLUMNS)
    database.run(f"CREATE TABLE listing AS SELECT * FROM manifest WHERE shard = {shard:d}")
    parts, ledgers = list_settled(database.results, layout)
    return find_open_images(database, [*ledgers, *parts], plan.params, run_key)


def write_remaining(
    database: Database, layout: VariantLayout, run_key: str, shard: int, attempt: str, *, written: int = 0
) -> int:
    """Write the manifest of what a repeated shard still has to do; return how many images that is.

    Args:
        database: A session on the results bucket.
        layout: The variant.
        run_key: The run.
        shard: The shard.
        attempt: 8 characters that name the new manifest.
        written: Images of the manifest that the same task wrote before it waited. While as many are left it stays as it is:
            what is left only ever becomes less.
    """
    left = find_open_of_shard(database, layout, run_key, shard)
    if left and left != written:
        columns = ", ".join(MANIFEST_COLUMNS)
        remaining = layout.run(run_key).remaining(shard, attempt)
        database.store_parquet(f"SELECT {columns} FROM open_images ORDER BY key", remaining)
    return left
