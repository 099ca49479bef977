"""A bucket that is listed as any store may list one: in some order, with or without folders, refusing some of it."""

import threading
import time
from bisect import bisect_right
from datetime import UTC, datetime
from random import Random

from shoal.contract.errors import AccessDeniedError
from shoal.stores.listed import ListedObject
from shoal.stores.listing_ahead import list_ahead
from shoal.stores.s3_listing import ListingPage

PAGE = 25
MOMENT = datetime(2026, 6, 1, tzinfo=UTC)


class ListedBucket:
    """Lists objects as a store does.

    Args:
        keys: In the store's order; those that end with a slash are markers of folders, which a page leaves out.
        pause_s: Most that a page takes.
        knows_delimiter: Whether folders are shown as such; `"both"`: and all keys besides.
        sees: The prefix that the store makes of one.
        refuses: Whether what is asked for, a prefix and a delimiter, is denied.
    """

    def __init__(self, keys, pause_s=0.0, knows_delimiter=True, sees=str, refuses=lambda *_: False):
        self.keys, self.pause_s, self.random = list(keys), pause_s, Random(7)
        self.versions = {key: f"v{number}" for number, key in enumerate(self.keys)}
        self.knows_delimiter, self.sees, self.refuses = knows_delimiter, sees, refuses
        self.asked, self.failing, self.token = [], {}, "more"
        self.lock = threading.Lock()

    @property
    def objects(self):
        """What is listed page by page."""
        return [self._object(key) for key in self.keys if not key.endswith("/")]

    @property
    def folders(self):
        """What was listed by itself."""
        return {prefix for prefix, delimiter in self.asked if prefix and not delimiter}

    def _object(self, key):
        return ListedObject(key, self.versions[key], len(key), MOMENT)

    def list(self, prefix, delimiter=""):
        """Give the pages below a prefix; each goes on behind the last entry of the one before."""
        place, page = 0, []
        while True:
            with self.lock:
                self.asked.append((prefix, delimiter))
                pause_s = self.random.random() * self.pause_s
            time.sleep(pause_s)
            if self.refuses(prefix, delimiter):
                raise AccessDeniedError("Access to bucket 'fish' denied (AccessDenied) - check its rights")
            with self.lock:
                entries = self._entries(self.sees(prefix), delimiter)
            if page and entries[place - 1 : place] != page[-1:]:  # some came or went: what follows the last one, by key
                place = bisect_right(entries, page[-1])
            page, place = entries[place : place + PAGE], place + PAGE
            for key, error in self.failing.items():
                if key in page:
                    raise error
            objects = [self._object(key) for key in page if not key.endswith("/")]
            more, folders = self.token if place < len(entries) else None, self._shown(page, prefix, delimiter)
            yield ListingPage(objects, more, folders, len(page) - len(objects) - len(folders))
            if place >= len(entries):
                return

    def _entries(self, prefix, delimiter):
        keys = [key for key in self.keys if key.startswith(prefix)]
        if not delimiter or not self.knows_delimiter:
            return keys
        short = [key[: end + 1] if (end := key.find("/", len(prefix))) >= 0 else key for key in keys]
        first = {key: number for number, key in reversed(list(enumerate(short)))}
        shown = [key for number, key in enumerate(short) if not key.endswith("/") or first[key] == number]
        return shown + (keys if self.knows_delimiter == "both" else [])

    @staticmethod
    def _shown(page, prefix, delimiter):
        return tuple(key for key in page if delimiter and key.endswith("/") and key != prefix)

    def ahead(self, prefix="", whole=True):
        for page in list_ahead(self.list, prefix, whole=whole):
            yield from page.objects
