"""A listing read ahead by threads: in one line, or where all of it is wanted folder by folder, several at a time.

A store answers a page at a time, and says only with it how to ask for the next. Where a listing has folders of some pages, each
is listed by itself, and their pages are given one folder after the other in the order of keys: the listing's own order,
where a store lists by key. No store has to: all keys of the listing are given, those of one folder together.

Whatever does not go by folders is listed as it is: where the store refuses to list a folder by itself, or shows keys of others in
it, the listing around the folder goes on from there. So errors are those of the listing itself.
"""

import threading
import time
from collections.abc import Iterator

from shoal.contract.errors import ShoalError
from shoal.stores.listing_folders import OpenPages, Part, Shown, find_parts
from shoal.stores.listing_run import Run
from shoal.stores.s3_listing import ListingPage, names_walk

ALONE_PAGES = 3
"""So many pages are read one after the other, by whoever asks: most listings end there, or their reader does."""

THREADS = 4

SLOW_STORE = 1.5
"""So many times as long as this process works on a page it must wait for one: only then threads read ahead."""

MOST_PAGES = 48
"""Pages read and not yet taken, together: some 30 MB."""

RUN_PAGES = 8
"""Pages of one folder that are read ahead of the ones before it."""

THIN_KEYS = 250
"""Folders with fewer cost more requests than they save."""

THIN_IN_A_ROW = 16
"""After so many thin folders the listing around them goes on, where that costs less than the folders that are left."""


def list_ahead(open_pages: OpenPages, prefix: str, *, whole: bool = False) -> Iterator[ListingPage]:
    """Give the pages of a listing.

    Args:
        open_pages: Lists the store.
        prefix: What is listed.
        whole: Whether all of them are wanted: only then folders are listed side by side, and the first page comes after some.
    """
    head = Run(prefix, open_pages(prefix, ""), shown=Shown(prefix) if whole else None)
    waited_s = busy_s = 0.0
    token: str | None = ""
    try:
        for number in range(ALONE_PAGES):
            began, began_cpu = time.perf_counter(), time.thread_time()
            page = next(head.source, None)
            if number > 0:  # the first one also opens the connection
                waited_s += time.perf_counter() - began
                busy_s += time.thread_time() - began_cpu
            if page is None:
                break
            if whole:
                head.add(page)
            else:
                yield page
            token = page.next_token
            if token is None:
                break
    except ShoalError:
        yield from head.pages  # they came before it
        raise
    if token is None or waited_s < SLOW_STORE * busy_s:  # threads share one interpreter: they help as long as they wait
        yield from head.pages
        yield from head.source
        return
    if not whole or names_walk(token):
        head.shown = None  # in one line
    reader = _Reader(head, open_pages)
    reader.start(1 if head.shown is None else THREADS)
    try:
        yield from reader.pages()
    finally:
        reader.stop()


class _Reader:
    """Runs in the order of the listing, the threads that read them, and the one who takes their pages.

    Args:
        head: Goes on where the first pages ended.
        open_pages: Lists the store.
    """

    def __init__(self, head: Run, open_pages: OpenPages) -> None:
        self._runs, self._open_pages = [head], open_pages
        self._lock = threading.Lock()
        self._comes = threading.Condition(self._lock)
        """Waited for by whoever takes pages."""
        self._is_room = threading.Condition(self._lock)
        """Waited for by threads for whom there is nothing to read."""
        self._stopped = False
        self._given = 0

    def start(self, threads: int) -> None:
        """Start the threads that read."""
        for number in range(threads):
            # Daemons: who ends the program does not wait for a store.
            threading.Thread(target=self._work, name=f"listing-{number}", daemon=True).start()

    def pages(self) -> Iterator[ListingPage]:
        """Give the pages in order.

        Raises:
            ShoalError: As the listing itself, at the same place.
        """
        while True:
            with self._lock:
                page = self._next_page()
                if page is None:
                    return
                self._given += 1
                self._is_room.notify()  # for one page
            yield page

    def _next_page(self) -> ListingPage | None:
        while self._runs:
            head = self._runs[0]
            if head.can_be_given:
                return head.pages.popleft()
            if not head.ended:
                self._comes.wait()
            elif head.unusable:
                self._go_on_around(head)
            elif head.error is not None:
                raise head.error
            else:
                del self._runs[0]
                self._is_room.notify()  # another one is the nearest now, and may have more pages
                self._leave_thin_folders(head)
        return None

    def stop(self) -> None:
        """Let the threads end, each after what it asked for last."""
        with self._lock:
            self._stopped = True
            self._is_room.notify_all()

    def _leave_thin_folders(self, done: Run) -> None:
        """Go on around the folders where those that ended lately were hardly worth a request, and many are left."""
        parent = done.parent
        if parent is None or not self._runs or self._runs[0].parent is not parent:
            return
        parent.thin = parent.thin + 1 if done.read == 1 and done.objects < THIN_KEYS else 0
        if parent.thin < THIN_IN_A_ROW:
            return
        left = sum(run.parent is parent for run in self._runs)
        if left > THIN_IN_A_ROW + 2 * (self._given - parent.begun_at):  # its beginning is listed again for it
            self._go_on_around(self._runs[0])

    def _go_on_around(self, run: Run) -> None:
        """List what a folder is one of, without what was given: all keys before that folder."""
        parent = run.parent
        if parent is None:
            raise AssertionError("the whole listing lies in no folder")
        since = run.since or run.prefix
        pages = self._open_pages(parent.prefix, "")
        self._runs = [
            Run(parent.prefix, pages, parent.parent, max(since, parent.since)),
            *(one for one in self._runs if not one.is_below(parent)),
        ]
        self._is_room.notify_all()

    def _work(self) -> None:
        try:
            self._read_on()
        except Exception as err:
            with self._lock:  # an error of our own: whoever waits must hear of it
                failed = self._runs[0] if self._runs else None
                if failed is not None:
                    failed.error, failed.ended, failed.unusable, failed.shown = err, True, False, None
                self._comes.notify()
            raise

    def _read_on(self) -> None:
        while True:
            with self._lock:
                run = None
                while not self._stopped and (run := self._choose()) is None:
                    self._is_room.wait()
                if self._stopped or run is None:
                    return
                run.busy = True
            parts = self._advance(run)
            with self._lock:
                run.busy = False  # what is to be read of it is for this thread
                is_nearest = run in self._runs[:1]
                if parts is not None and run in self._runs:
                    self._cut(run, parts)
                    self._is_room.notify_all()
                if is_nearest:
                    self._comes.notify()

    def _choose(self) -> Run | None:
        """Choose what is read next, the nearest first."""
        if not self._runs:
            return None
        head = self._runs[0]
        if sum(len(run.pages) + run.busy for run in self._runs if not run.is_known) >= MOST_PAGES:
            # Whoever waits for it must not wait for ever.
            return head if not (head.busy or head.ended or head.can_be_given) else None
        for run in self._runs:
            if run.unusable:
                return None  # what lies behind it may be asked for in vain
            if not run.busy and not run.ended and (run is head or len(run.pages) < RUN_PAGES):
                return run
        return None

    def _advance(self, run: Run) -> list[Part] | None:
        """Read a page of a run, or find its parts; only the thread at it changes it."""
        if run.speaks_for_folders and run.shown is not None:
            parts = find_parts(self._open_pages, run.shown)
            if parts is not None:
                return parts
            with self._lock:
                run.shown = None
            return None
        page, error = None, None
        try:
            page = run.read_own()
        except Exception as err:  # noqa: BLE001 - it is raised where the reader comes to it
            error = err
        with self._lock:
            if page is None:
                run.end(error)
            else:
                run.add(page)
        return None

    def _cut(self, run: Run, parts: list[Part]) -> None:
        """Put parts in the place of a run; what was read of it is listed again with them."""
        run.begun_at = self._given
        place = self._runs.index(run)
        self._runs[place : place + 1] = [Run.of_part(run, part, self._open_pages) for part in parts]
