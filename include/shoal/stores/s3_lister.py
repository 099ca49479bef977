"""The listings of an S3 bucket: its pages in turn, those of one level, and what comes and goes meanwhile."""

from collections import Counter
from collections.abc import Iterator
from itertools import islice

from shoal.contract.errors import StoreError
from shoal.stores.listed import FolderLevel, ListedObject
from shoal.stores.listing_ahead import list_ahead
from shoal.stores.s3_access import TRANSPORT_ERRORS, is_amazon
from shoal.stores.s3_bucket import S3Bucket
from shoal.stores.s3_events import tell_keys
from shoal.stores.s3_listing import ListingPage, parse_page
from shoal.stores.s3_login import LET_IN

PAGE_KEYS = 1000
"""Keys of a page of a listing: what stores give at most."""


class S3Lister(S3Bucket):
    """A bucket that is listed; thread-safe."""

    def list_objects(
        self,
        prefix: str = "",
        *,
        whole: bool = False,
        unlisted: Counter[str] | None = None,  # noqa: ARG002 - all that lies in a bucket is an object
    ) -> Iterator[ListedObject]:
        """See `ImageStore.list_objects`: long ones are read ahead."""
        for page in list_ahead(self._list_pages, prefix, whole=whole):
            yield from page.objects

    def list_keys(self, prefix: str) -> list[str]:
        """List the keys below `prefix`, sorted."""
        return sorted(found.key for found in self.list_objects(prefix))

    def list_folders(self, prefix: str) -> list[str]:
        """List the names one level below `prefix` that hold objects, sorted."""
        found = (folder for page in self._list_pages(prefix, "/") for folder in page.folders)
        return sorted({folder[len(prefix) :].rstrip("/") for folder in found})

    def look_into(self, folder: str, pages: int, after: str = "") -> FolderLevel:
        """See `ImageStore.look_into`: a listing that is cut at each slash."""
        folders: list[str] = []
        objects: list[ListedObject] = []
        is_whole = False
        for page in islice(self._list_pages(folder, "/", after), pages):
            folders += page.folders
            objects += [found for found in page.objects if found.key > after]  # some stores begin anew
            is_whole = page.next_token is None
        return FolderLevel(tuple(folders), objects, is_whole, has_folders_before=not after)

    def listen(self, prefix: str) -> Iterator[str | None]:
        """See `ImageStore.listen`: MinIO tells whoever asks, as long as they listen."""
        client = self.located.connect(
            1, self._keys, hurried=True
        )  # a store that tells says each second that it is there
        try:
            yield from tell_keys(client, self.bucket, prefix, self.access.endpoint_url)
        except TRANSPORT_ERRORS as err:
            raise self._explain(err) from err

    def _list_pages(self, prefix: str, delimiter: str = "", after: str = "") -> Iterator[ListingPage]:
        token: str | None = ""
        given: set[str] = set()
        while token is not None:
            page = self._list_page(prefix, token, delimiter, after)
            yield page
            token = page.next_token
            if token is not None and token in given:
                # A server or a cache before it that gives a page again would be listed for ever, and counted twice.
                raise StoreError(
                    f"The listing of {self._target} at {self.access.endpoint_url} does not end: after {len(given) + 1} pages "
                    "the store gave a continuation token for the second time - see the store's log, or reach it past the "
                    "cache before it"
                )
            given.add(token or "")

    def _list_page(self, prefix: str, token: str, delimiter: str, after: str = "") -> ListingPage:
        # Empty values are sent too: a bucket policy may ask for them.
        query: dict[str, str | list[str] | tuple[str]] = {
            "list-type": "2",
            "encoding-type": "url",
            "delimiter": delimiter,
            "max-keys": str(PAGE_KEYS),
            "prefix": prefix,
        }
        if token:
            query["continuation-token"] = token
        elif after:
            query["start-after"] = after
        # Amazon tells which objects of an archive are restored, for the asking; what others make of the header nobody says.
        headers: dict[str, str | list[str] | tuple[str]] | None = (
            {"x-amz-optional-object-attributes": "RestoreStatus"} if is_amazon(self.access.host) else None
        )
        try:
            # Private, but it signs, finds the region and names errors; the version is pinned below the next.
            response = self._client._execute("GET", self.bucket, headers=headers, query_params=query)  # noqa: SLF001
        except TRANSPORT_ERRORS as err:
            raise self._explain(err) from err
        LET_IN.add(self.access)
        return parse_page(response.data)
