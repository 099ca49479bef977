"""What the bucket tells of past runs: found, explained, verified, pruned.

Enters: stored objects
Leaves: sentences, deleted objects
May import: engines, summary, plan, shards, exports, evidence, compare, answers, pictures, models, bucket, results,
    tables, capacity, settings, stores, written, contract
"""
