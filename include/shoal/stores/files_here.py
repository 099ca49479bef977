"""What every store of files on this machine tells alike."""

from collections.abc import Mapping
from datetime import UTC, datetime

from shoal.contract.errors import ShoalError, StoreError, shown


class FilesHere:
    """Files below one folder of this machine, which is the bucket."""

    bucket: str

    def read_clock(self) -> datetime:
        """Read this machine's time, UTC: a folder has no clock, and a share's server does not tell its own."""
        return datetime.now(UTC)

    def uri(self, key: str) -> str:
        """Write a key as people and DuckDB read it: the path of its file."""
        return f"{self.bucket}/{key}"

    def duckdb_options(self) -> Mapping[str, str]:
        """Tell DuckDB nothing: it reads files as they are."""
        return {}

    def explain_answer(self, asked: str, status: int, headers: Mapping[str, str], body: str) -> ShoalError:  # noqa: ARG002
        """Say that a file could not be read."""
        return StoreError(f"File {shown(asked)} could not be read - see its rights and its disk")
