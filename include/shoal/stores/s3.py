"""The object store as Shoal uses it: list, read, write whole objects. The only orchestrator module that calls minio."""

import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from minio.deleteobjects import DeleteObject

from shoal.contract.errors import ConfigError, ContractError, StoreError
from shoal.contract.layout import FORMAT_VERSION
from shoal.stores.s3_access import TRANSPORT_ERRORS, StoreAccess, error_code, explain
from shoal.stores.s3_listing import ListedObject, ListingPage, parse_page

ONE_PUT_BYTES = 64 * 1024**2
"""Objects up to this size are one PUT. The client holds a part in memory, so larger ones are uploaded in parts; either
way readers see all or nothing."""

PIECE_BYTES = 256 * 1024
"""What of a streamed object is in memory."""


@dataclass(frozen=True)
class UnfinishedUpload:
    """An upload in parts that was begun and not finished; no reader sees any of it."""

    key: str
    upload_id: str
    started_at: datetime


class BucketClient:
    """One bucket of one store.

    Args:
        access: The store and the right to use it.
        bucket: Name of the bucket.
    """

    def __init__(self, access: StoreAccess, bucket: str) -> None:
        self.access = access
        self.bucket = bucket
        self._client = access.connect()

    def list_objects(self, prefix: str = "") -> Iterator[ListedObject]:
        """Stream every object below `prefix`, page by page, in the server's order; folders are left out.

        Raises:
            ConfigError: No such bucket, or access denied.
            StoreError: The store does not answer.
        """
        token: str | None = ""
        while token is not None:
            page = self._list_page(prefix, token)
            yield from page.objects
            token = page.next_token

    def list_keys(self, prefix: str) -> list[str]:
        """List the keys below `prefix`, sorted."""
        return sorted(found.key for found in self.list_objects(prefix))

    def list_folders(self, prefix: str) -> list[str]:
        """List the names one level below `prefix` that hold objects, sorted."""
        try:
            found = self._client.list_objects(self.bucket, prefix=prefix, recursive=False)
            return sorted(entry.object_name[len(prefix) :].rstrip("/") for entry in found if entry.is_dir)
        except TRANSPORT_ERRORS as err:
            raise explain(err, self.access, f"bucket {self.bucket!r}") from err

    def has(self, key: str) -> bool:
        """Tell whether there is such an object."""
        try:
            self._client.stat_object(self.bucket, key)
        except TRANSPORT_ERRORS as err:
            if error_code(err) in {"NoSuchKey", "NotFound"}:
                return False
            raise explain(err, self.access, f"object {key!r} of bucket {self.bucket!r}") from err
        return True

    def read_clock(self) -> datetime:
        """Read the store's own time, UTC: what `last_modified` is told in."""
        try:
            # Private, as in _list_page.
            response = self._client._execute("GET", self.bucket, query_params={"list-type": "2", "max-keys": "1"})  # noqa: SLF001
            return parsedate_to_datetime(response.headers["Date"]).astimezone(UTC)
        except TRANSPORT_ERRORS as err:
            raise explain(err, self.access, f"bucket {self.bucket!r}") from err
        except (KeyError, ValueError) as err:
            raise StoreError(
                f"{self.access.endpoint_url} does not say what time it is (no Date in its answers)"
            ) from err

    def find_bytes(self, key: str) -> bytes | None:
        """Read a whole object, None when there is none."""
        try:
            response = self._client.get_object(self.bucket, key)
            try:
                return response.read()
            finally:
                response.close()
                response.release_conn()
        except TRANSPORT_ERRORS as err:
            if error_code(err) == "NoSuchKey":
                return None
            raise explain(err, self.access, f"object {key!r} of bucket {self.bucket!r}") from err

    def read_bytes(self, key: str) -> bytes:
        """Read a whole object.

        Raises:
            ContractError: There is no such object.
        """
        data = self.find_bytes(key)
        if data is None:
            raise self._missing(key)
        return data

    def stream(self, key: str) -> tuple[int, Iterator[bytes]]:
        """Open an object to be passed on piece by piece; return its size in bytes and the pieces.

        Raises:
            ContractError: There is no such object.
        """
        try:
            response = self._client.get_object(self.bucket, key)
        except TRANSPORT_ERRORS as err:
            raise self._explain_read(err, key) from err
        return int(response.headers["Content-Length"]), _pieces(response)

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
            version = value["format_version"]
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
            raise self._missing(key)
        return value

    def write_bytes(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> None:
        """Write a whole object with one PUT: readers see the old one or the new one."""
        try:
            self._client.put_object(
                self.bucket, key, io.BytesIO(data), len(data), content_type=content_type, part_size=ONE_PUT_BYTES
            )
        except TRANSPORT_ERRORS as err:
            raise self._explain_write(err, key) from err

    def write_json(self, key: str, value: dict[str, Any]) -> None:
        """Write a JSON object with one PUT."""
        text = json.dumps(value, indent=1, ensure_ascii=False, sort_keys=False, allow_nan=False)
        self.write_bytes(key, text.encode(), "application/json")

    def upload(self, path: Path, key: str, content_type: str = "application/vnd.apache.parquet") -> None:
        """Write a file as an object with one PUT."""
        try:
            self._client.fput_object(self.bucket, key, str(path), content_type=content_type, part_size=ONE_PUT_BYTES)
        except TRANSPORT_ERRORS as err:
            raise self._explain_write(err, key) from err

    def download(self, key: str, path: Path) -> None:
        """Read an object into a file.

        Raises:
            ContractError: There is no such object.
        """
        try:
            self._client.fget_object(self.bucket, key, str(path))
        except TRANSPORT_ERRORS as err:
            raise self._explain_read(err, key) from err

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects; one that is gone already is no error."""
        try:
            errors = list(self._client.remove_objects(self.bucket, [DeleteObject(key) for key in keys]))
        except TRANSPORT_ERRORS as err:
            raise explain(err, self.access, f"bucket {self.bucket!r}") from err
        if errors:
            raise ConfigError(
                f"Cannot delete {errors[0].name!r} in bucket {self.bucket!r}: {errors[0].code} - allow Delete on the results"
            )

    def list_unfinished_uploads(self, prefix: str) -> list[UnfinishedUpload]:
        """List uploads in parts below `prefix` that were begun and never finished.

        The whole bucket is asked for: MinIO takes a prefix for the whole key of an upload.

        Raises:
            StoreError: The store does not answer, or has no such list.
        """
        found: list[UnfinishedUpload] = []
        key_marker = id_marker = None
        try:
            while True:
                page = self._client._list_multipart_uploads(  # noqa: SLF001 - as above
                    self.bucket, key_marker=key_marker, upload_id_marker=id_marker
                )
                found += [
                    UnfinishedUpload(entry.object_name, entry.upload_id, entry.initiated_time)
                    for entry in page.uploads
                    if entry.upload_id and entry.initiated_time and entry.object_name.startswith(prefix)
                ]
                if not page.is_truncated or not page.uploads:
                    return found
                key_marker, id_marker = page.next_key_marker, page.uploads[-1].upload_id
        except (*TRANSPORT_ERRORS, ValueError) as err:
            if error_code(err) == "NoSuchUpload":  # how rclone says that there is none
                return []
            raise explain(err, self.access, f"unfinished uploads of bucket {self.bucket!r}") from err

    def abort_upload(self, upload: UnfinishedUpload) -> None:
        """Give up an upload in parts; one that is gone already is no error."""
        try:
            self._client._abort_multipart_upload(self.bucket, upload.key, upload.upload_id)  # noqa: SLF001 - as above
        except TRANSPORT_ERRORS as err:
            if error_code(err) != "NoSuchUpload":
                raise explain(err, self.access, f"upload of {upload.key!r} to bucket {self.bucket!r}") from err

    def uri(self, key: str) -> str:
        """Write a key as people and DuckDB read it."""
        return f"s3://{self.bucket}/{key}"

    def _list_page(self, prefix: str, token: str) -> ListingPage:
        # Empty values are sent too: a bucket policy may ask for them.
        query: dict[str, str | list[str] | tuple[str]] = {
            "list-type": "2",
            "encoding-type": "url",
            "delimiter": "",
            "max-keys": "1000",
            "prefix": prefix,
        }
        if token:
            query["continuation-token"] = token
        try:
            # Private, but it signs, finds the region and names errors; the version is pinned below the next.
            response = self._client._execute("GET", self.bucket, query_params=query)  # noqa: SLF001
        except TRANSPORT_ERRORS as err:
            raise explain(err, self.access, f"bucket {self.bucket!r}") from err
        return parse_page(response.data)

    def _missing(self, key: str) -> ContractError:
        return ContractError(f"No object {key!r} in bucket {self.bucket!r} - it was removed or never written")

    def _explain_read(self, err: BaseException, key: str) -> Exception:
        if error_code(err) == "NoSuchKey":
            return self._missing(key)
        return explain(err, self.access, f"object {key!r} of bucket {self.bucket!r}")

    def _explain_write(self, err: BaseException, key: str) -> Exception:
        problem = explain(err, self.access, f"bucket {self.bucket!r} to write {key!r} to")
        if error_code(err) == "AccessDenied":
            return ConfigError(
                f"Bucket {self.bucket!r} at {self.access.endpoint_url} is not writable (AccessDenied) - "
                "the results connection needs Put and Delete"
            )
        return problem


def _pieces(response: Any) -> Iterator[bytes]:
    try:
        yield from response.stream(PIECE_BYTES)
    finally:
        response.close()
        response.release_conn()
