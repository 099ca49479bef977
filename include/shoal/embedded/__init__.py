"""Shoal on one machine with Python only: samples, a store on loopback, Airflow in a folder.

Enters: a folder
Leaves: a running store, a running Airflow
May import: history, preflight, engines, summary, plan, shards, exports, evidence, compare, answers, pictures, models,
    bucket, results, tables, capacity, settings, stores, written, contract
"""
