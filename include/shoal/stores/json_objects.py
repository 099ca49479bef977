"""Shoal's own JSON objects in a store: every one says its format, and a later one than is known here is refused."""

import json
from typing import Any, Protocol

from shoal.contract.errors import ContractError
from shoal.contract.gone_objects import gone
from shoal.contract.layout import FORMAT_VERSION


class JsonObjects(Protocol):
    """Reads and writes JSON over whole objects; any store may inherit it."""

    bucket: str

    def find_bytes(self, key: str) -> bytes | None:
        """Read a whole object as it is stored, None when there is none."""

    def write_bytes(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> None:
        """Write a whole object: readers see the old one or the new one."""

    def find_json(self, key: str) -> dict[str, Any] | None:
        """Read one of Shoal's JSON objects, None when there is none.

        Raises:
            ContractError: Not JSON, or of a later format than this release reads.
        """
        data = self.find_bytes(key)
        if data is None:
            return None
        try:
            value: dict[str, Any] = json.loads(data)
            version = int(value["format_version"])
        except (ValueError, KeyError, TypeError) as err:
            raise ContractError(
                f"Object {key!r} in bucket {self.bucket!r} is no JSON object of Shoal's - restore it"
            ) from err
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
        """Write a JSON object with one PUT."""
        text = json.dumps(value, indent=1, ensure_ascii=False, sort_keys=False, allow_nan=False)
        self.write_bytes(key, text.encode(), "application/json")
