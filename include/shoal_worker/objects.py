"""Whole objects from and to one bucket, with the errors to show."""

import io
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from minio import Minio

from shoal.contract.errors import ConfigError, LoginRefusedError, ShoalError, StoreError
from shoal.stores.s3_access import TRANSPORT_ERRORS, StoreAccess, error_code, explain

if TYPE_CHECKING:
    from urllib3.response import BaseHTTPResponse

BODY_PAUSES_S = (0.5, 1.0, 2.0)
"""The client itself repeats failed requests, but not a body that breaks off: that is asked for again after these."""

SMALLEST_PART_BYTES = 5 * 1024 * 1024
"""The client refuses smaller parts, also where the whole object is one part."""


class NoSuchKeyError(Exception):
    """The bucket is there and readable, the object is not."""


def _accept_any(_headers: Mapping[str, str]) -> None:
    pass


class Bucket:
    """One bucket and the right to use it; thread-safe."""

    def __init__(self, access: StoreAccess, name: str) -> None:
        """Nothing is sent yet."""
        self.access = access
        self.name = name
        self._client: Minio = access.connect()
        self._was_let_in = False

    def get(self, key: str, check: Callable[[Mapping[str, str]], None] = _accept_any) -> bytes:
        """Read a whole object, as it is stored (a Content-Encoding is not undone).

        Args:
            key: The object's key.
            check: Sees the response's headers before the body is read; may raise to refuse it.

        Raises:
            NoSuchKeyError: No such object.
            ConfigError: No such bucket, or no right to read it.
            StoreError: The store did not answer as it should.
        """
        for pause_s in (*BODY_PAUSES_S, None):
            response = self._send_get(key)
            try:
                self._was_let_in = True
                check(response.headers)
                return response.read(decode_content=False)
            except TRANSPORT_ERRORS as err:
                if pause_s is None:
                    raise self._explain(err) from err
                time.sleep(pause_s)
            finally:
                response.close()
                response.release_conn()
        raise AssertionError("the last pause is None")

    def get_needed(self, key: str) -> bytes:
        """Read an object without which nothing can begin.

        Raises:
            ConfigError: It is not there, or may not be read.
            StoreError: The store did not answer as it should.
        """
        try:
            return self.get(key)
        except NoSuchKeyError as err:
            raise ConfigError(f"{err} - plan the run again") from err

    def put(self, key: str, path: Path) -> None:
        """Upload a file as one object with one request.

        Raises:
            ConfigError: No such bucket, or no right to write to it.
            StoreError: The store did not take it.
        """
        part_size = max(path.stat().st_size, SMALLEST_PART_BYTES)
        try:
            self._client.fput_object(self.name, key, str(path), part_size=part_size)
        except TRANSPORT_ERRORS as err:
            raise self._explain(err) from err

    def put_bytes(self, key: str, data: bytes) -> None:
        """Write a small object with one request, in place of the one that was there.

        Raises:
            ConfigError: No such bucket, or no right to write to it.
            StoreError: The store did not take it.
        """
        try:
            self._client.put_object(self.name, key, io.BytesIO(data), len(data))
        except TRANSPORT_ERRORS as err:
            raise self._explain(err) from err

    def remove(self, key: str) -> None:
        """Delete an object; one that is not there is no error.

        Raises:
            ConfigError: No such bucket, or no right to delete from it.
            StoreError: The store did not do it.
        """
        try:
            self._client.remove_object(self.name, key)
        except TRANSPORT_ERRORS as err:
            if error_code(err) != "NoSuchKey":
                raise self._explain(err) from err

    @property
    def _target(self) -> str:
        return f"bucket {self.name!r}"

    def _explain(self, err: BaseException) -> ShoalError:
        """Name an error; a login that was good and is refused now has ended, and the next attempt brings a new one."""
        problem = explain(err, self.access, self._target)
        if self._was_let_in and isinstance(problem, LoginRefusedError):
            return StoreError(f"{problem}; it was good until now")
        return problem

    def _send_get(self, key: str) -> "BaseHTTPResponse":
        try:
            return self._client.get_object(self.name, key)
        except TRANSPORT_ERRORS as err:
            if error_code(err) == "NoSuchKey":
                raise NoSuchKeyError(f"No object {key!r} in {self._target} at {self.access.endpoint_url}") from err
            raise self._explain(err) from err
        except ValueError as err:  # the client's own check of the names
            raise ConfigError(f"Object {key!r} in {self._target} cannot be asked for: {err}") from err
