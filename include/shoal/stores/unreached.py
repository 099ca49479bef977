"""Stands where a bucket should be that could not be opened."""

from typing import Any, NoReturn

from shoal.contract.errors import ShoalError
from shoal.contract.json_bounds import IN_TASKS


class UnreachedStore:
    """An `ObjectStore` that cannot be opened: whatever is asked of it, it says why.

    Args:
        bucket: Name of the bucket.
        why: What is raised.
    """

    address = None
    ground: tuple[str, ...] = ()

    def __init__(self, bucket: str, why: ShoalError) -> None:
        self.bucket = bucket
        self._why = why

    @property
    def access(self) -> NoReturn:
        """Raise why there is none."""
        raise self._why

    @property
    def located(self) -> NoReturn:
        """Raise why there is none."""
        raise self._why

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise self._why

    json_times = IN_TASKS
    hurried = False
    most_reads = 1

    list_objects = list_keys = list_folders = look_into = listen = read_clock = uri = _refuse
    read = find_bytes = find_piece = read_bytes = download = stream = has = _refuse
    find_json = read_json = write_json = replace_json = find_version = replace_bytes = write_bytes = upload = delete = (
        _refuse
    )
    list_unfinished_uploads = abort_upload = duckdb_options = explain_answer = _refuse
