"""Pages Airflow's web server shows beside its own."""
