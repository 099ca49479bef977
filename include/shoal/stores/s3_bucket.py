"""One bucket of an S3 server and the login to it: the clients that ask, and what its errors are called."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING

from minio import Minio
from minio.error import S3Error

from shoal.contract.errors import ShoalError, StoreError
from shoal.stores.s3_access import TRANSPORT_ERRORS, StoreAccess
from shoal.stores.s3_errors import error_code
from shoal.stores.s3_explain import explain
from shoal.stores.s3_login import told_as_ended
from shoal.stores.s3_patience import Others
from shoal.stores.s3_region import locate

if TYPE_CHECKING:
    from urllib3.response import BaseHTTPResponse

IMAGES_AT_ONCE = 64
"""Connections that are kept open for images: as many as a worker reads at once, else each further one is opened anew."""


class S3Bucket:
    """One bucket of one store and the right to use it; thread-safe.

    Args:
        access: The store and the right to use it.
        bucket: Name of the bucket.
    """

    hurried = False
    ground: tuple[str, ...] = ()

    def __init__(self, access: StoreAccess, bucket: str) -> None:
        self.access = access
        self.bucket = bucket
        self._keys = access.provider()
        self._others = Others()

    @cached_property
    def located(self) -> StoreAccess:
        """See `ImageStore.located`: the region is asked for once, where nobody wrote it down."""
        try:
            return locate(self.access, self.bucket, self._keys, hurried=self.hurried)
        except TRANSPORT_ERRORS as err:
            raise explain(err, self.access, self._target) from err

    @property
    def address(self) -> str | None:
        """The endpoint, the same whatever connection leads to it."""
        return self.access.endpoint_url

    @cached_property
    def _client(self) -> Minio:
        return self.located.connect(provider=self._keys, hurried=self.hurried)

    @cached_property
    def _images_client(self) -> Minio:
        """The client for images: there are many, and one that the store does not give keeps no others waiting."""
        return self.located.connect(IMAGES_AT_ONCE, self._keys, self._others, hurried=self.hurried)

    def read_clock(self) -> datetime:
        """Read the store's own time, UTC: what `last_modified` is told in."""
        try:
            # Private, as in S3Lister._list_page.
            response = self._client._execute("GET", self.bucket, query_params={"list-type": "2", "max-keys": "1"})  # noqa: SLF001
            return _date_of(response)
        except S3Error as err:  # a key that may list below a prefix only is refused, and told the time all the same
            if err.response is None or "Date" not in err.response.headers:
                raise self._explain(err) from err
            return _date_of(err.response)
        except TRANSPORT_ERRORS as err:
            raise self._explain(err) from err
        except ShoalError:  # no key, of which whoever gives them has told; it may be a ValueError
            raise
        except (KeyError, ValueError, OverflowError) as err:
            raise StoreError(
                f"{self.access.endpoint_url} does not say what time it is (no Date in its answers)"
            ) from err

    def uri(self, key: str) -> str:
        """Write a key as people and DuckDB read it."""
        return f"s3://{self.bucket}/{key}"

    @property
    def _target(self) -> str:
        return f"bucket {self.bucket!r}"

    def _object(self, key: str) -> str:
        return f"object {key!r} of bucket {self.bucket!r}"

    def _explain(self, err: BaseException, target: str = "") -> ShoalError:
        """Name an error."""
        no_bucket = error_code(err) == "NoSuchBucket"  # then it is not the object that is to be created
        problem = explain(err, self.located, self._target if no_bucket else target or self._target)
        return told_as_ended(problem, self.access)


def _date_of(response: "BaseHTTPResponse") -> datetime:
    return parsedate_to_datetime(response.headers["Date"]).astimezone(UTC)
