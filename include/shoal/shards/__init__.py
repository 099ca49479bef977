"""One attempt at one shard: what is left of it, what a crash means, why it failed.

Enters: plan.json, rows
Leaves: the worker's command line, `remaining` manifests, notes
May import: evidence, compare, answers, pictures, models, bucket, results, tables, capacity, settings, stores,
    written, contract
"""
