"""What verify checks, one module for each thing that somebody could have changed."""
