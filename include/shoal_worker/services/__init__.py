"""Somebody's own programs as models: a module for each kind, and one table of them (`table.py`)."""
