"""A stored run's answer as tables, for whoever reads it later; no number is made here.

Enters: a results bucket or a copy of it, a run
Leaves: views named as the answer's tables
May import: pictures, models, bucket, results, tables, capacity, settings, stores, written, contract
"""
