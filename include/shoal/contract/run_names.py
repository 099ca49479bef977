"""Names of DAGs and runs: built and read here, nowhere else."""

CHECK_DAG_ID = "check"
"""Plans and owns the sample that `python -m shoal check` runs; no Airflow knows of it."""
