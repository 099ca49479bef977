"""What was found, as rows in Parquet objects."""
