"""What a run will do, decided and written down before any worker starts.

Enters: listing, variant, capacity
Leaves: `plan.json`, `manifest.parquet`
May import: evidence, compare, answers, pictures, models, bucket, results, tables, capacity, settings, stores,
    written, contract
"""
