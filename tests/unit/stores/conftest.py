"""An S3 server of the stores' own."""

from worker.running_store import empty_bucket, running_store

__all__ = ["empty_bucket", "running_store"]
