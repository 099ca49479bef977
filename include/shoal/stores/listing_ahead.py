"""A listing read ahead by several threads at once, in the very order of one read page by page.

A store answers a page at a time, and says only with it how to ask for the next. So further runs of pages are begun at guessed
places ahead (`start-after`), and a run ends where it meets the next one: where several keys in a row are the same in both. A
store whose listing from a place on is the rest of its whole listing is so listed exactly, whatever its order; a run that is
never met is dropped. One that lists folder by folder and leaves out what sorts before `start-after` would lose keys, and no page
shows it: so runs are begun elsewhere only where the store is known, and all others are read ahead in one line. An error counts
only where the reader comes to it.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from shoal.stores.key_guess import guess_after
from shoal.stores.s3_listing import ListingPage, names_walk

ALONE_PAGES = 3
"""So many pages are read one after the other, by whoever asks: most listings end there, or their reader does."""

THREADS = 4

SLOW_STORE = 3.0
"""So many times as long as this process works on a page it must wait for one: only then threads read ahead."""

MOST_PAGES = 48
"""Pages read and not yet taken, together: some 30 MB."""

RUN_PAGES = 8
"""Pages between the guessed places."""

ALIKE = 10
"""Keys in a row that two runs have in common where they meet: a store may list one key several times."""

LEAST_PAGES = 2
"""Nearer than this nothing is begun."""

OpenAfter = Callable[[str], Iterator[ListingPage]]
"""Lists what follows a key, in pages."""


@dataclass(eq=False)
class _Run:
    """Pages that follow each other.

    Attributes:
        source: Gives them; asked by one thread at a time.
        after: Where it was begun; empty for the listing's own beginning.
        pages: Read, and not yet taken.
        first: Keys of its first page that are its own, in which the run before may meet it.
        edge: Last keys of its two latest pages, which tell how keys go on; the first key for want of another.
        busy: Whether a thread asks for the next one.
        ended: Whether nothing more is to be asked: it came to the listing's end, met the next run, or failed.
        error: Why it failed.
        reach: Pages to the next guess; halved when one led nowhere, and whole again some pages later.
        read: Pages of it that were read.
    """

    source: Iterator[ListingPage]
    after: str = ""
    pages: deque[ListingPage] = field(default_factory=deque)
    first: list[str] = field(default_factory=list)
    edge: tuple[str, str] | None = None
    busy: bool = False
    ended: bool = False
    error: Exception | None = None
    reach: int = RUN_PAGES
    read: int = 0


def list_ahead(pages: Iterator[ListingPage], open_after: OpenAfter | None) -> Iterator[ListingPage]:
    """Give the pages of a listing, cut where runs meet.

    Args:
        pages: The listing, page by page.
        open_after: Begins it elsewhere; None for a store of which nobody knows that it then gives the rest of its listing.
    """
    edge: tuple[str, str] | None = None
    waited_s = busy_s = 0.0
    token: str | None = ""
    for number in range(ALONE_PAGES):
        began, began_cpu = time.perf_counter(), time.thread_time()
        page = next(pages, None)
        if page is None:
            return
        if number > 0:  # the first one also opens the connection
            waited_s += time.perf_counter() - began
            busy_s += time.thread_time() - began_cpu
        edge, token = _next_edge(edge, page), page.next_token
        yield page
    if token is None:
        return
    if waited_s < SLOW_STORE * busy_s:  # threads share one interpreter: they help as long as they wait
        yield from pages
        return
    if open_after is None or names_walk(token):
        reader = _Reader(_Run(pages, edge=edge), lambda _: iter(()))
        reader.start(1)
    else:
        reader = _Reader(_Run(pages, edge=edge), open_after)
        reader.start(THREADS)
    try:
        yield from reader.pages()
    finally:
        reader.stop()


class _Reader:
    """Runs in the order of the listing, the threads that read them, and the one who takes their pages.

    Args:
        head: Goes on where the first pages ended.
        open_after: Begins a further run.
    """

    def __init__(self, head: _Run, open_after: OpenAfter) -> None:
        self._runs, self._open_after = [head], open_after
        self._changed = threading.Condition()
        self._stopped = False
        self._guesses = False

    def start(self, threads: int) -> None:
        """Start the threads that read; a single one goes on with the listing itself."""
        self._guesses = threads > 1
        for number in range(threads):
            # Daemons: who ends the program does not wait for a store.
            threading.Thread(target=self._work, name=f"listing-{number}", daemon=True).start()

    def pages(self) -> Iterator[ListingPage]:
        """Give the pages in order.

        Raises:
            ShoalError: As the listing itself, at the same place.
        """
        while True:
            with self._changed:
                while not (head := self._runs[0]).pages and not head.ended:
                    self._changed.wait()
                if head.pages:
                    page = head.pages.popleft()
                elif head.error is not None:
                    raise head.error
                elif len(self._runs) == 1:
                    return
                else:
                    del self._runs[0]
                    continue
                self._changed.notify_all()
            yield page

    def stop(self) -> None:
        """Let the threads end, each after what it asked for last."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _work(self) -> None:
        try:
            self._read_on()
        except Exception as err:
            with self._changed:  # an error of our own: whoever waits must hear of it
                self._runs[0].error, self._runs[0].ended = err, True
                self._changed.notify_all()
            raise

    def _read_on(self) -> None:
        while True:
            with self._changed:
                run = None
                while not self._stopped and (run := self._choose()) is None:
                    self._changed.wait()
                if self._stopped or run is None:
                    return
                run.busy = True
            page, error = None, None
            try:
                page = next(run.source, None)
            except Exception as err:  # noqa: BLE001 - it is raised where the reader comes to it
                error = err
            with self._changed:
                run.busy = False
                if run in self._runs:
                    self._take(run, page, error)
                self._changed.notify_all()

    def _choose(self) -> _Run | None:
        """Choose what is read next, the nearest first; begin a run where all are being read."""
        if sum(len(run.pages) for run in self._runs) + sum(run.busy for run in self._runs) >= MOST_PAGES:
            head = self._runs[0]  # whoever waits for it must not wait for ever
            return head if not (head.busy or head.ended or head.pages) else None
        for number, run in enumerate(self._runs):
            if not run.busy and not run.ended and (number == 0 or len(run.pages) < RUN_PAGES):
                return run
        return self._begin() if self._guesses else None

    def _begin(self) -> _Run | None:
        for number, run in enumerate(self._runs):
            following = self._runs[number + 1] if number + 1 < len(self._runs) else None
            if run.ended or run.edge is None or run.reach < LEAST_PAGES or (following and following.read == 0):
                continue
            ahead = max(run.reach - (0 if number == 0 else len(run.pages)), LEAST_PAGES)
            after = guess_after(*run.edge, ahead)
            if after is not None and (following is None or self._lies_well_before(run.edge, ahead, following)):
                begun = _Run(self._open_after(after), after)
                self._runs.insert(number + 1, begun)
                return begun
        return None

    @staticmethod
    def _lies_well_before(edge: tuple[str, str], ahead: int, following: _Run) -> bool:
        beyond = guess_after(*edge, ahead + LEAST_PAGES)
        return beyond is not None and beyond < following.after

    def _take(self, run: _Run, page: ListingPage | None, error: Exception | None) -> None:
        """Add a page to a run, and see whether runs meet."""
        number = self._runs.index(run)
        is_met = number == 0 or self._runs[number - 1].ended
        if error is not None and not is_met:
            self._guesses = False  # the run before it comes there itself, and sees whether the error is one
            del self._runs[number:]
            return
        if not is_met and run.read == 0:
            if self._leads_nowhere(number, page):
                self._runs[number - 1].reach //= 2
                del self._runs[number]
                return
            run.first = [found.key for found in page.objects] if page is not None else []
        if page is not None:
            self._add(run, page)
        run.error, run.ended = error, page is None or page.next_token is None
        if error is None and run.ended:
            del self._runs[number + 1 :]  # the listing ends here
        elif error is None:
            self._meet(number)

    @staticmethod
    def _add(run: _Run, page: ListingPage) -> None:
        run.pages.append(page)
        run.edge = _next_edge(run.edge, page)
        run.read += 1
        if run.read % (4 * RUN_PAGES) == 0:
            run.reach = RUN_PAGES

    def _leads_nowhere(self, number: int, page: ListingPage | None) -> bool:
        """Whether a run's first page shows that it was begun in vain: nothing is there, or the run before was there already."""
        if page is None or len(page.objects) < ALIKE or page.objects[0].key <= self._runs[number].after:
            return True
        edge = self._runs[number - 1].edge
        return edge is None or page.objects[0].key <= edge[1]

    def _meet(self, number: int) -> None:
        """End a run where its latest page meets the next run; drop the next one where it was passed."""
        run = self._runs[number]
        while number + 1 < len(self._runs) and run.pages:
            following, page = self._runs[number + 1], run.pages[-1]
            if following.read == 0:
                return
            keys = [found.key for found in page.objects]
            met = _find_meeting(keys, following.first)
            if met is not None:
                place, known = met
                run.pages[-1] = ListingPage(page.objects[:place], None)
                if run.read == 1:
                    run.first = run.first[:place]  # the rest is the next run's to meet
                if known:
                    following.pages[0] = replace(following.pages[0], objects=following.pages[0].objects[known:])
                    following.first = following.first[known:]  # this run may yet be dropped, and another one meet it
                run.ended = True
                return
            if not keys or (following.first and keys[-1] < following.first[-1]):
                return
            del self._runs[number + 1]  # it was passed


def _find_meeting(keys: list[str], first: list[str]) -> tuple[int, int] | None:
    """Find where keys go on as another run's first page does: the place in each."""
    if not keys or not first:
        return None
    for place, known in ((_place(keys, first[0]), 0), (0, _place(first, keys[0]))):
        if place is None or known is None:
            continue
        alike = min(len(keys) - place, len(first) - known)
        if alike >= ALIKE and keys[place : place + alike] == first[known : known + alike]:
            return place, known
    return None


def _place(keys: list[str], key: str) -> int | None:
    return keys.index(key) if key in keys else None


def _next_edge(edge: tuple[str, str] | None, page: ListingPage) -> tuple[str, str] | None:
    if not page.objects:
        return edge
    return (edge[1] if edge else page.objects[0].key, page.objects[-1].key)
