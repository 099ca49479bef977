"""Rows that exist: from parts into ledgers, what is settled, which run is the answer.

Enters: `parts/`
Leaves: `ledger/`, `current.json`, what is settled
May import: tables, capacity, settings, stores, written, contract
"""
