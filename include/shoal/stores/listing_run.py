"""The pages of one prefix, as far as they were read: the whole listing's, or those of one of its folders."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from shoal.contract.errors import StoreError
from shoal.stores.listing_folders import OpenPages, Part, Shown
from shoal.stores.s3_listing import ListingPage


@dataclass(eq=False)
class Run:
    """Pages of one prefix that follow each other.

    Attributes:
        prefix: What is listed.
        source: Gives them; asked by one thread at a time.
        parent: The listing of which this is a folder; None for the whole one.
        since: Keys before it are left out: they were given already.
        shown: What its first pages showed, until it is decided whether it goes by folders: none is given before.
        pages: Read, and not yet taken.
        read: Pages of it that were read.
        objects: Keys in them, those of folders too.
        busy: Whether a thread is at it.
        ended: Whether nothing more is to be asked.
        error: Why it failed.
        unusable: Whether the listing around it must go on in its place.
        thin: Of its folders, those in a row, up to now, that held next to nothing.
        begun_at: Pages of all that had been given when it was cut into folders.
        is_known: Whether it is keys between two folders, which were read with these.
    """

    prefix: str
    source: Iterator[ListingPage]
    parent: "Run | None" = None
    since: str = ""
    shown: Shown | None = None
    pages: deque[ListingPage] = field(default_factory=deque)
    read: int = 0
    objects: int = 0
    busy: bool = False
    ended: bool = False
    error: Exception | None = None
    unusable: bool = False
    thin: int = 0
    begun_at: int = 0
    is_known: bool = False

    @classmethod
    def of_part(cls, parent: "Run", part: Part, open_pages: OpenPages) -> "Run":
        """Begin a part of a run: a folder is listed, keys are known."""
        if isinstance(part, str):
            return cls(part, open_pages(part, ""), parent, shown=Shown(part))
        pages = deque([ListingPage(part, None)])
        return cls(part[0].key, iter(()), parent, pages=pages, read=1, objects=len(part), ended=True, is_known=True)

    @property
    def speaks_for_folders(self) -> bool:
        """Whether its parts are to be looked for now."""
        shown = self.shown
        return shown is not None and shown.pages > 0 and (shown.are_enough or shown.speak_for_folders(self.prefix))

    @property
    def can_be_given(self) -> bool:
        """Whether a page lies there that nothing takes back."""
        return bool(self.pages) and self.shown is None

    def is_below(self, other: "Run") -> bool:
        """Whether it is a folder of another one, or a folder of such a folder."""
        parent = self.parent
        while parent is not None and parent is not other:
            parent = parent.parent
        return parent is other

    def read_own(self) -> ListingPage | None:
        """Read a page, without what does not lie in the folder that was asked for: that is listed elsewhere, too.

        Raises:
            StoreError: The first page has such keys: then there may be no end of them.
        """
        page = next(self.source, None)
        if page is None or self.parent is None:
            return page
        own = [found for found in page.objects if found.key.startswith(self.prefix)]
        if len(own) == len(page.objects):
            return page
        if self.read == 0:
            raise StoreError(f"What begins with {self.prefix!r} is not listed by itself")
        return replace(page, objects=own)

    def add(self, page: ListingPage) -> None:
        """Add a page that was read."""
        self.read += 1
        self.objects += len(page.objects) + page.markers
        if self.shown is not None:
            self.shown.add(page)
        if self.since:
            page = replace(page, objects=[found for found in page.objects if found.key >= self.since])
        self.pages.append(page)
        if page.next_token is None:
            self.end()
            # An empty folder is one that somebody emptied, or one whose name the store takes for another.
            self.unusable = self.parent is not None and not self.objects

    def end(self, error: Exception | None = None) -> None:
        """Note that nothing more comes."""
        self.ended, self.error, self.shown = True, error, None
        self.unusable = error is not None and self.read == 0 and self.parent is not None
