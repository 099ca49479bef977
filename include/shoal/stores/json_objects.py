"""Shoal's own JSON objects in a store: every one says its format, and a later one than is known here is refused."""

import json
from typing import Any, Protocol

from shoal.contract.damaged_objects import way_out_of
from shoal.contract.errors import ContractError
from shoal.contract.gone_objects import gone
from shoal.contract.json_bounds import IN_TASKS, most_bytes, need_readable, read_object
from shoal.contract.layout import FORMAT_VERSION

_LARGE = (
    "it grows with cameras and classes: see what the clock takes for a camera (python -m shoal clock DATASET), merge or ignore "
    "classes by taxa, or run a part of the dataset (prefix, a window)"
)


class JsonObjects(Protocol):
    """Reads whole objects that must be there, and JSON, over what a store finds; any store may inherit it."""

    bucket: str
    json_times: int = IN_TASKS
    """How many times the size that pages take may be read of a plan or summary."""

    def find_bytes(self, key: str, most: int | None = None) -> bytes | None:
        """Read a whole object as it is stored, None when there is none; not one of more than `most` bytes."""

    def write_bytes(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> None:
        """Write a whole object: readers see the old one or the new one."""

    def find_version(self, key: str) -> str | None:
        """Name the version of an object as `replace_bytes` takes it; None when there is none."""

    def replace_bytes(self, key: str, data: bytes, version: str | None, content_type: str) -> bool:
        """Write a whole object in place of one version of it; see `ObjectStore.replace_bytes`."""

    def read_bytes(self, key: str) -> bytes:
        """Read a whole object.

        Raises:
            ContractError: There is no such object.
        """
        data = self.find_bytes(key)
        if data is None:
            raise gone(key, self.bucket)
        return data

    def find_json(self, key: str) -> dict[str, Any] | None:
        """Read one of Shoal's JSON objects, None when there is none.

        Raises:
            ContractError: Not JSON, larger than Shoal writes it, or of a later format than this release reads.
        """
        data = self.find_bytes(key, most_bytes(key, self.json_times))
        if data is None:
            return None
        try:
            value = read_object(data, self.json_times)
        except ContractError as err:
            raise ContractError(
                f"Object {key!r} in bucket {self.bucket!r} is no JSON object of Shoal's ({err}) - {way_out_of(key)}"
            ) from err
        version = value["format_version"]
        if version > FORMAT_VERSION:
            raise ContractError(
                f"Object {key!r} has format_version {version}, this release reads up to {FORMAT_VERSION} - upgrade Shoal"
            )
        return value

    def read_json(self, key: str) -> dict[str, Any]:
        """Read one of Shoal's JSON objects.

        Raises:
            ContractError: Missing, not JSON, or of a later format.
        """
        value = self.find_json(key)
        if value is None:
            raise gone(key, self.bucket)
        return value

    def write_json(self, key: str, value: dict[str, Any]) -> None:
        """Write a JSON object with one PUT.

        Raises:
            ContractError: Nobody would read it: it is larger than its readers take.
        """
        self.write_bytes(key, _encode(key, value), "application/json")

    def replace_json(self, key: str, value: dict[str, Any], version: str | None) -> bool:
        """Write a JSON object in place of one version of it, as `replace_bytes` does; return whether it was still that one.

        Raises:
            ContractError: Nobody would read it: it is larger than its readers take.
        """
        return self.replace_bytes(key, _encode(key, value), version, "application/json")


def _encode(key: str, value: dict[str, Any]) -> bytes:
    data = json.dumps(value, indent=1, ensure_ascii=False, sort_keys=False, allow_nan=False).encode()
    try:
        need_readable(key, data)
    except ContractError as err:
        raise ContractError(f"{key} cannot be written: {err} - {_LARGE}") from err
    return data
