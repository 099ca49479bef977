"""One DuckDB session, the SQL that defines every number, capture times of keys.

Enters: keys, columns, Parquet objects
Leaves: views and tables
May import: capacity, settings, stores, written, contract
"""
