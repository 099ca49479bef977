"""`python -m shoal up`: Airflow's web interface on loopback over the embedded store, until Ctrl-C."""
