"""Airflow connections as what the rest of Shoal takes."""
