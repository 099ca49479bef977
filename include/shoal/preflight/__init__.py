"""Every step from a dataset file to its first rows, tried one after the other.

Enters: a dataset
Leaves: ok and FIX lines
May import: engines, summary, plan, shards, exports, evidence, compare, answers, pictures, models, bucket, results,
    tables, capacity, settings, stores, written, contract
"""
