"""Listens to a bucket in a thread, and gathers the folders in which something came: no more is kept of ten thousand events."""

import logging
import threading
import time
from collections.abc import Callable

from shoal.bucket.arrived import MOST_FOLDERS, Arrived, folder_of
from shoal.contract.errors import NoEventsError, ShoalError
from shoal.settings.source import Source
from shoal.stores.object_store import ImageStore

log = logging.getLogger(__name__)

PAUSES_S = (5.0, 15.0, 60.0)
"""Waits before a store is listened to again that did not answer, or ended it; the last one from then on."""

ASK_AGAIN_S = 3600.0
"""A store that tells nobody, or not this login, is asked again after so long: somebody may have given it the right."""


class Gathered:
    """Folders that events named and nobody was told of yet; thread-safe, of bounded size.

    Args:
        source: Says which keys are images of the dataset.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._lock = threading.Lock()
        self._folders: set[str] = set()
        self._whole = False
        self.since: float | None = None
        """When the first of them came, by the monotonic clock; None where there is none."""

    def add(self, key: str) -> None:
        """Add what an event names; what is no image of the dataset is dropped."""
        if not key.startswith(self._source.prefix) or not self._source.is_image(key):
            return
        with self._lock:
            self._folders.add(folder_of(key))
            if len(self._folders) > MOST_FOLDERS:
                self._folders.clear()
                self._whole = True
            if self._whole:
                self._folders.clear()
            self.since = self.since or time.monotonic()

    def take(self) -> Arrived:
        """Take all of them."""
        with self._lock:
            arrived = Arrived.of(self._source.prefix, self._folders, whole=self._whole)
            self._folders.clear()
            self._whole, self.since = False, None
        return arrived


class Listener:
    """A thread that listens to a dataset's images, and connects anew where it breaks off.

    Args:
        source: The images.
        open_bucket: Opens the bucket, in the thread.
        pauses_s: See `PAUSES_S`.
    """

    def __init__(
        self, source: Source, open_bucket: Callable[[], ImageStore], pauses_s: tuple[float, ...] = PAUSES_S
    ) -> None:
        self.gathered = Gathered(source)
        self.connected = 0
        """How often the store began to tell: what came before each time is to be looked for."""
        self.listens = False
        """Whether it tells now."""
        self._source, self._open_bucket, self._pauses_s = source, open_bucket, pauses_s
        self._stopped = threading.Event()

    def start(self) -> None:
        """Begin; nobody waits for the thread at the end."""
        threading.Thread(target=self._run, name=f"events of {self._source.place}", daemon=True).start()

    def stop(self) -> None:
        """Let it end, with the next word of the store."""
        self._stopped.set()

    def _run(self) -> None:
        failed = 0
        while not self._stopped.is_set():
            connected, pause_s = self.connected, self._pauses_s[min(failed, len(self._pauses_s) - 1)]
            try:
                self._listen()
            except NoEventsError as err:
                pause_s = ASK_AGAIN_S
                log.info("%s: the newest folders of %s are listed each minute", err, self._source.uri)
            except ShoalError as err:
                log.warning("%s; listening again in %.0f s, until then the newest folders are listed", err, pause_s)
            except Exception:  # a thread that ends is not started again
                log.exception("Cannot listen to %s; again in %.0f s", self._source.uri, pause_s)
            finally:
                self.listens = False
            failed = 0 if self.connected > connected else failed + 1
            self._stopped.wait(pause_s)

    def _listen(self) -> None:
        for key in self._open_bucket().listen(self._source.prefix):
            if self._stopped.is_set():
                return
            if not self.listens:
                self.connected += 1
                self.listens = True
                log.info("%s tells what comes: listening", self._source.uri)
            if key is not None:
                self.gathered.add(key)
