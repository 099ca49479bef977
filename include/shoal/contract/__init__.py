"""What the orchestrator and the worker agree on: stored objects, settings, exit codes, errors.

This package is all that `shoal_worker` may import of ours. Everything in it needs the standard library only,
but `store`, which opens the S3 client both sides use.
"""
