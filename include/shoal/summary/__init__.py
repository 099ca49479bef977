"""From rows to balances, numbers and `summary.json`.

Enters: ledgers, plan.json
Leaves: `summary.json` and the files it names
May import: plan, shards, exports, evidence, compare, answers, pictures, models, bucket, results, tables, capacity,
    settings, stores, written, contract
"""
