"""Shoal on one machine with Python only: demo data, an object store on loopback, Airflow in a folder."""
