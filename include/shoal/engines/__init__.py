"""Where a worker runs, one folder a kind: room, start, watch, judge, clean up.

Enters: a worker's command line, credentials
Leaves: an exit, judged
May import: summary, plan, shards, exports, evidence, compare, answers, pictures, models, bucket, results, tables,
    capacity, settings, stores, written, contract
"""
