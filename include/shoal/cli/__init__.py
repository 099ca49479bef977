"""The command line, one file a command: `python -m shoal COMMAND`.

Enters: words
Leaves: lines, an exit status
May import: airflow, embedded, history, preflight, engines, summary, plan, shards, exports, evidence, compare,
    answers, pictures, models, bucket, results, tables, capacity, settings, stores, written, contract
"""
