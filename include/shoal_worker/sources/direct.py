"""`transfer: direct`: images by GET of the exact key; needs neither a mount nor a listing."""

from collections.abc import Mapping

from shoal.contract.errors import AccessDeniedError, StoreError
from shoal_worker.objects import Bucket, NoSuchKeyError
from shoal_worker.sources.image_source import Fetched, ImageChanged, ImageGone, refuse_segments


class S3Source:
    """Reads images from a bucket over S3; thread-safe."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def read(self, key: str, etag: str, size_bytes: int) -> Fetched:
        """See `ImageSource.read`.

        ETag and size are compared with those of the response that carries the bytes; If-Match would leave it to
        the server, and some (`rclone serve s3`) ignore it.
        """
        refuse_segments(key, frozenset({".", ".."}), "rename the object, or put the key into source.ignore")
        response_etag = ""

        def check(headers: Mapping[str, str]) -> None:
            nonlocal response_etag
            response_etag = unquoted(headers.get("ETag", ""))
            if response_etag and response_etag != unquoted(etag):
                raise ImageChanged(f"{key}: ETag {response_etag}, listed {unquoted(etag)}")
            length = headers.get("Content-Length")
            if length is not None and int(length) != size_bytes:
                raise ImageChanged(f"{key}: {length} bytes, listed {size_bytes}")

        try:
            data = self._bucket.get(key, check)
        except NoSuchKeyError as err:
            raise ImageGone(key) from err
        except AccessDeniedError as err:
            # Of one image: it has no row. Of all of them: many in a row end the shard.
            raise StoreError(str(err)) from err
        if len(data) != size_bytes:
            # No length was announced, else it would have been compared: a body that broke off looks the same.
            raise StoreError(f"{key!r}: {len(data)} bytes came, {size_bytes} are listed - see the store's log")
        return Fetched(data, etag_checked=bool(response_etag))


def unquoted(etag: str) -> str:
    """Drop the quotes around an ETag, and the mark of a weak one."""
    return etag.removeprefix("W/").strip('"')
