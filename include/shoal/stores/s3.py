"""An S3 bucket as Shoal uses it, on both sides: whole objects are read, written with one request, and deleted."""

import io
import os
import time
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from minio.deleteobjects import DeleteObject

from shoal.contract.errors import AccessDeniedError, ConfigError, ShoalError, StoreError
from shoal.stores.access import Connection, RcloneRemote
from shoal.stores.json_objects import JsonObjects
from shoal.stores.kinds import StoreKind
from shoal.stores.listed import UnfinishedUpload
from shoal.stores.s3_access import TRANSPORT_ERRORS, StoreAccess
from shoal.stores.s3_codes import meaning_of
from shoal.stores.s3_connection import read_connection
from shoal.stores.s3_errors import answer_of, error_code
from shoal.stores.s3_lister import S3Lister
from shoal.stores.s3_login import LET_IN
from shoal.stores.s3_patience import pace_pauses_s
from shoal.stores.s3_rclone import reach_by_rclone
from shoal.stores.s3_reading import BODY_PAUSES_S, S3Reader
from shoal.stores.s3_run_key import fetch_run_key

ONE_PUT_BYTES = 64 * 1024**2
"""Objects up to this size are one PUT. The client holds a part in memory, so larger ones are uploaded in parts; either
way readers see all or nothing."""


_OTHER_VERSION = {"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"}
"""Codes for an object that has changed, is being changed, or is gone."""

_NO_CONDITIONS = {"NotImplemented", "InvalidArgument", "InvalidRequest"}
"""Codes of stores that know no conditional PUT."""


class S3Store(S3Lister, S3Reader, JsonObjects):
    """One bucket of one store: an `ObjectStore`, as `KINDS` names it."""

    @staticmethod
    def access_from_env(role: str, environ: Mapping[str, str] = os.environ) -> StoreAccess:
        """See `StoreKind.access_from_env`."""
        return StoreAccess.from_env(role, environ)

    @staticmethod
    def access_from_connection(connection: Connection) -> StoreAccess:
        """See `StoreKind.access_from_connection`."""
        return read_connection(connection)

    limit_access = staticmethod(fetch_run_key)

    @staticmethod
    def rclone_remote(role: str, bucket: str) -> RcloneRemote:
        """See `StoreKind.rclone_remote`."""
        return reach_by_rclone(StoreAccess.env_names(role), bucket)

    def has(self, key: str) -> bool:
        """Tell whether there is such an object."""
        return self.find_version(key) is not None

    def find_version(self, key: str) -> str | None:
        """See `ObjectStore.find_version`: its ETag, empty where no condition can be made of it."""
        try:
            found = self._client.stat_object(self.bucket, key)
        except ShoalError:  # as in read_clock
            raise
        except (*TRANSPORT_ERRORS, ValueError) as err:  # ValueError: a header of the answer is not what it must be
            if error_code(err) in {"NoSuchKey", "NotFound"}:
                return None
            raise self._explain(err, self._object(key)) from err
        LET_IN.add(self.access)
        etag = found.etag or ""
        return "" if etag.startswith("W/") else etag  # a weak one matches no condition, not even its own

    def write_bytes(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> None:
        """Write a whole object with one PUT: readers see the old one or the new one.

        Raises:
            ConfigError: No such bucket, or no right to write to it.
            StoreError: The store did not take it.
        """
        try:
            self._client.put_object(
                self.bucket, key, io.BytesIO(data), len(data), content_type=content_type, part_size=ONE_PUT_BYTES
            )
        except TRANSPORT_ERRORS as err:
            raise self._explain_write(err, key) from err
        LET_IN.add(self.access)

    def replace_bytes(self, key: str, data: bytes, version: str | None, content_type: str) -> bool:
        """See `ObjectStore.replace_bytes`: a conditional PUT, and a plain one to a store that knows no conditions."""
        condition = {"If-None-Match": "*"} if version is None else {"If-Match": f'"{version}"'} if version else {}
        headers: dict[str, str | list[str] | tuple[str]] = {"Content-Type": content_type, **condition}
        try:
            # Private: the client's own method passes no conditions on.
            self._client._execute("PUT", self.bucket, object_name=key, body=data, headers=headers, no_body_trace=True)  # noqa: SLF001
        except ShoalError:  # as in read_clock
            raise
        except TRANSPORT_ERRORS as err:
            code = error_code(err)
            if code in _OTHER_VERSION:
                return False
            if code not in _NO_CONDITIONS:
                raise self._explain_write(err, key) from err
            self.write_bytes(key, data, content_type)
        LET_IN.add(self.access)
        return True

    def upload(self, path: Path, key: str, content_type: str = "application/vnd.apache.parquet") -> None:
        """Write a file as an object with one PUT; raises as `write_bytes` does."""
        try:
            self._client.fput_object(self.bucket, key, str(path), content_type=content_type, part_size=ONE_PUT_BYTES)
        except TRANSPORT_ERRORS as err:
            raise self._explain_write(err, key) from err
        LET_IN.add(self.access)

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects; one that is gone already is no error.

        Raises:
            ConfigError: No such bucket, or no right to delete from it.
            StoreError: The store did not do it.
        """
        several = list(keys)
        try:
            if len(several) == 1:  # the client repeats this request, and not the one that names many
                self._client.remove_object(self.bucket, several[0])
                return
            refused = self._delete_patiently(several)
        except TRANSPORT_ERRORS as err:
            code = error_code(err)
            if code == "AccessDenied":
                raise self._refused_delete(several[0], code) from err
            if code != "NoSuchKey":
                raise self._explain(err) from err
            return
        for key, code in refused.items():
            if code == "AccessDenied":
                raise self._refused_delete(key, code)
        for key, code in refused.items():
            told = answer_of(HTTPStatus.OK, {}, f"<Error><Code>{code}</Code></Error>")
            raise self._explain(told, f"{self._object(key)} to delete")

    def _delete_patiently(self, keys: list[str]) -> dict[str, str]:
        """Delete objects, again those that the store is too busy for; return the others' codes, and these' in the end.

        The answer as a whole is good, so that the client's own patience sees nothing of a refusal of some.
        """
        pauses = {True: pace_pauses_s(), False: iter(BODY_PAUSES_S)}
        while True:
            refused = self._delete_once(keys)
            meanings = [meaning_of(code) for code in refused.values()]
            busy = [meaning for meaning in meanings if meaning is not None and meaning.is_trouble]
            if not busy or len(busy) < len(refused):  # done, or nothing that a repetition would mend
                return refused
            pause_s = next(pauses[any(meaning.is_waited_for for meaning in busy)], None)
            if pause_s is None:
                return refused
            time.sleep(pause_s)
            keys = keys if "" in refused else list(refused)

    def _delete_once(self, keys: list[str]) -> dict[str, str]:
        """Ask for a deletion; return the codes of those that were refused, by key. One that is gone was not."""
        errors = self._client.remove_objects(self.bucket, [DeleteObject(key) for key in keys])
        return {error.name or "": error.code for error in errors if error.code not in {"NoSuchKey", "NoSuchVersion"}}

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
                # Private, as in S3Lister._list_page.
                page = self._client._list_multipart_uploads(  # noqa: SLF001
                    self.bucket, key_marker=key_marker, upload_id_marker=id_marker
                )
                found += [
                    UnfinishedUpload(entry.object_name, entry.upload_id, entry.initiated_time)
                    for entry in page.uploads
                    if entry.upload_id and entry.initiated_time and entry.object_name.startswith(prefix)
                ]
                if not page.is_truncated or not page.uploads:
                    return found
                markers = page.next_key_marker, page.uploads[-1].upload_id
                if markers == (key_marker, id_marker):  # the same page again, for ever
                    raise StoreError(
                        f"The list of unfinished uploads of bucket {self.bucket!r} at {self.access.endpoint_url} does not end - "
                        "see the store's log"
                    )
                key_marker, id_marker = markers
        except ShoalError:  # as in read_clock
            raise
        except (*TRANSPORT_ERRORS, ValueError) as err:
            if error_code(err) == "NoSuchUpload":  # how rclone says that there is none
                return []
            raise self._explain(err, f"unfinished uploads of bucket {self.bucket!r}") from err

    def abort_upload(self, upload: UnfinishedUpload) -> None:
        """Give up an upload in parts; one that is gone already is no error."""
        try:
            self._client._abort_multipart_upload(self.bucket, upload.key, upload.upload_id)  # noqa: SLF001 - as above
        except TRANSPORT_ERRORS as err:
            if error_code(err) != "NoSuchUpload":
                raise self._explain(err, f"upload of {upload.key!r} to bucket {self.bucket!r}") from err

    def duckdb_options(self) -> dict[str, str]:
        """Tell what DuckDB has to be told so that it can read `uri`s."""
        access, key = self.located, self._keys.retrieve() if self._keys else None
        ca_file = access.ca_file or os.environ.get("SSL_CERT_FILE")
        return {
            **({"ca_cert_file": ca_file} if ca_file else {}),
            "s3_endpoint": access.host,
            "s3_region": access.region,
            "s3_access_key_id": key.access_key if key else access.access_key,
            "s3_secret_access_key": key.secret_key if key else access.secret_key,
            "s3_session_token": (key.session_token or "") if key else access.session_token,
            "s3_url_style": "path" if access.path_style else "vhost",
            "s3_use_ssl": str(access.secure).lower(),
        }

    def explain_answer(self, asked: str, status: int, headers: Mapping[str, str], body: str) -> ShoalError:
        """See `ObjectStore.explain_answer`."""
        key = asked.removeprefix(self.uri(""))
        if key == asked:  # the address that it stands for
            key = unquote(urlsplit(asked).path.removeprefix(f"/{self.bucket}").lstrip("/"))
        return self._explain(answer_of(status, headers, body), self._object(key) if key else "")

    def _explain_write(self, err: BaseException, key: str) -> ShoalError:
        if error_code(err) == "AccessDenied":
            return AccessDeniedError(
                f"Access to bucket {self.bucket!r} at {self.access.endpoint_url} denied: it is not writable "
                "(AccessDenied) - the results connection needs Put and Delete"
            )
        return self._explain(err, f"bucket {self.bucket!r} to write {key!r} to")

    def _refused_delete(self, key: str, code: str | None) -> ConfigError:
        return ConfigError(f"Cannot delete {key!r} in bucket {self.bucket!r}: {code} - allow Delete on the results")


if TYPE_CHECKING:
    IS_A_KIND: StoreKind = S3Store  # the type checker asks whether it keeps the promises
