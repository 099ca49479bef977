"""The tasks of a Shoal DAG. Operators alone translate errors into Airflow's.

They import what they need when they run: a DAG file is parsed every few seconds, a task runs once.
"""
