"""All that imports Airflow: DAGs, operators, triggers, hooks, pages.

Enters: Airflow's contexts
Leaves: calls into the rooms below
May import: history, preflight, engines, summary, plan, shards, exports, evidence, compare, answers, pictures, models,
    bucket, results, tables, capacity, settings, stores, written, contract
"""
