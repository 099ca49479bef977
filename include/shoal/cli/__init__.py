"""The command line: `python -m shoal COMMAND`."""
