"""The DAGs of every dataset file, for Airflow: shoal/airflow/dags.py makes them."""

from shoal.airflow import dags

globals().update(dags.build())
