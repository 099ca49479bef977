"""Which model version a run uses, what identifies its results, and whether a person is asked.

Enters: the models bucket, a person's answer
Leaves: `Variant`, `variant.json`, `approval.json`
May import: bucket, results, tables, capacity, settings, stores, written, contract
"""
