"""A `clock` proposed from the keys: shapes of times weighed over all of them, tried with the real clock, never guessed."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from shoal.bucket.clock_cameras import find_place
from shoal.bucket.clock_shapes import SHORT, Found, Shape, find_shapes
from shoal.bucket.sampled_keys import fill_listing
from shoal.contract.errors import shown
from shoal.settings.analysis import Clock, ClockEntry
from shoal.stores.listed import ListedObject
from shoal.tables.capture_times import view_clocked
from shoal.tables.session import Database

SURE_SHARE = 0.95
"""So many of the keys that have a shape must have a possible time there: a few clocks were never set."""

EARLIEST = datetime(1990, 1, 1)  # noqa: DTZ001 - the camera's own zone
LATE = timedelta(days=1, hours=14)
"""A time may be after the object was last modified by this much: a day as the clock allows, and the easternmost zone."""

NEAR, FAR = timedelta(days=2), timedelta(days=10)
"""Of two readings the one that keeps so constant a distance to last_modified is right, where the other's varies by so much."""

WIDE, SEVERAL = 200, 5
"""Digits that would be no minute or second are left out by a time and not by a counter, over so wide a range."""

_TWELVE = "the twelve digits may begin with a year of two digits or of four, or be a number of another kind"

_Places = dict[int, Found]
"""Where a shape stands, by the number of the image."""


@dataclass(frozen=True)
class Offer:
    """A clock that reads the keys.

    Attributes:
        entries: Its entries.
        zones_said: Whether the keys themselves say the zone, for each of them.
        unread: Images whose key tells it no time.
        choice: What one decides by taking it; empty where nothing is to be decided.
    """

    entries: tuple[ClockEntry, ...]
    zones_said: tuple[bool, ...]
    unread: tuple[ListedObject, ...]
    choice: str = ""


@dataclass(frozen=True)
class Proposal:
    """What the keys say.

    Attributes:
        offers: One is a proposal, several are a choice that only a person can make; none where no time was found.
        notes: What was seen and not proposed.
    """

    offers: tuple[Offer, ...]
    notes: tuple[str, ...] = ()

    @property
    def sure(self) -> Offer | None:
        """The offer, where there is one and nothing to decide."""
        return self.offers[0] if len(self.offers) == 1 and not self.offers[0].choice else None


@dataclass(frozen=True)
class _Weighed:
    shape: Shape
    places: _Places
    invalid: int
    doubt: str


def propose_clock(database: Database, images: Sequence[ListedObject], zone: str) -> Proposal:
    """Propose a clock.

    Makes: listing, clocked

    Args:
        database: A session to try it in.
        images: What the bucket holds, or its beginning.
        zone: Zone of times whose key says none.
    """
    weighed = list(_weigh(images))
    sure, choices = _sort(weighed, images)
    notes: list[str] = []
    base = [one for one in sure if not one.doubt]
    doubted = [one for one in sure if one.doubt]
    sets = [([*base, one], choice) for one, choice in choices] or ([(base, "")] if base else [])
    if sets:
        notes += [
            f"{len(one.places)} keys, such as {_example(one, images)!r}, are left out: {one.doubt}" for one in doubted
        ]
    else:
        sets = [([one], one.doubt) for one in doubted]
    if sets:
        fill_listing(database, images)
    offers = []
    for shapes, choice in sets:
        offer = _try(database, sorted(shapes, key=lambda one: -len(one.places)), images, zone)
        if offer is None:
            formats = ", ".join(one.shape.format for one in shapes)
            notes.append(f"{formats} reads other times in some keys than it was found for: nothing is proposed of it")
        elif len(offer.unread) < len(images):
            offers.append(replace(offer, choice=choice))
    return Proposal(tuple(offers), tuple(notes))


def _weigh(images: Sequence[ListedObject]) -> Iterator[_Weighed]:
    """Keep the shapes that make sense in nearly all keys that have them."""
    places: dict[Shape, _Places] = defaultdict(dict)
    matched: dict[Shape, int] = defaultdict(int)
    for number, image in enumerate(images):
        for found in find_shapes(image.key):
            matched[found.shape] += 1
            if found.at is not None and _is_possible(found.at, image.last_modified):
                places[found.shape][number] = found
    for shape in [shape for shape in places if shape.kind == "bare" and shape.without_zone in places]:
        # Some of these digits are no offset, so none is: a counter.
        digits = len(shape.behind.replace("\\", ""))
        for number, found in places.pop(shape).items():
            places[shape.without_zone][number] = replace(found, shape=shape.without_zone, end=found.end - digits)
        matched[shape.without_zone] += matched.pop(shape)
    for shape, valid in places.items():
        if len(valid) >= SURE_SHARE * matched[shape] and shape.zone != "?":
            invalid = matched[shape] - len(valid)
            doubt = _doubt(shape, valid, invalid)
            if shape.kind == "HM" and len(valid.keys() & places.get(SHORT, {}).keys()) >= SURE_SHARE * len(valid):
                doubt = _TWELVE
            yield _Weighed(shape, valid, invalid, doubt)


def _is_possible(at: datetime, last_modified: datetime) -> bool:
    stored = last_modified.astimezone(UTC).replace(tzinfo=None) if last_modified.tzinfo else last_modified
    return at >= EARLIEST and (stored < EARLIEST or at <= stored + LATE)


def _doubt(shape: Shape, places: _Places, invalid: int) -> str:
    """Say what else the digits could be; nothing where they cannot."""
    moments = [found.at for found in places.values() if found.at]
    if shape == SHORT:
        return _TWELVE
    if shape.is_epoch:
        return "the digits may be seconds since 1970, or a number of another kind"
    values = sorted({moment.hour * 10000 + moment.minute * 100 + moment.second for moment in moments})
    if shape.kind.startswith("HM"):
        values = [value // 100 for value in values]
    spread = invalid == 0 and len(values) >= SEVERAL and values[-1] - values[0] >= WIDE
    if shape.kind.startswith("HM") and shape.kind[2:] not in {"T", "t"} and not spread:
        return "the four digits behind the date may be hour and minute, or a counter"
    if shape.kind in {"folder", "folder/"} and not spread:
        return "the digits of the name may be a time of the folder's day, or a counter"
    if 0 < values[-1] < 100 or (values[-1] < 10000 and len(values) > 2 and values[-1] - values[0] == len(values) - 1):
        return "the digits behind the date may be a time just after midnight, or a counter"
    return ""


def _sort(weighed: list[_Weighed], images: Sequence[ListedObject]) -> tuple[list[_Weighed], list[tuple[_Weighed, str]]]:
    """Tell shapes that stand alone from those that say different things of the same keys."""
    left = list(weighed)
    pairs = [(one, other) for number, one in enumerate(weighed) for other in weighed[number + 1 :]]
    rivals: list[_Weighed] = []
    for one, other in pairs:
        if one not in left or other not in left:
            continue
        shared = [n for n in one.places.keys() & other.places.keys() if one.places[n].at != other.places[n].at]
        if not shared:
            continue
        loser = _loser(one, other, shared, images)
        if loser is not None:
            left.remove(loser)
        else:
            rivals += [rival for rival in (one, other) if rival not in rivals]
    rivals = [rival for rival in rivals if rival in left]
    if len(rivals) == 1:
        rivals = []
    return [one for one in left if one not in rivals], [(rival, _choice(rival, images)) for rival in rivals]


def _loser(one: _Weighed, other: _Weighed, shared: list[int], images: Sequence[ListedObject]) -> _Weighed | None:
    """Find which of two readings is no time of these images; None where the keys do not say."""
    if bool(one.doubt) != bool(other.doubt):
        return one if one.doubt else other
    same_digits = one.places[shared[0]].start == other.places[shared[0]].start
    if same_digits and bool(one.invalid) != bool(other.invalid):
        return one if one.invalid else other
    distinct = [len({which.places[n].at for n in shared}) for which in (one, other)]
    if not same_digits and min(distinct) == 1 and max(distinct) > 2:
        return one if distinct[0] == 1 else other
    spreads = [_spread(which, shared, images) for which in (one, other)]
    stored = [images[n].last_modified for n in shared]
    # Files that were copied at once tell nothing of when each was taken.
    follows = min(spreads) <= min(NEAR, (max(stored) - min(stored)) / 2)
    if same_digits and follows and max(spreads) >= FAR:
        return one if spreads[0] > spreads[1] else other
    return None


def _spread(weighed: _Weighed, shared: list[int], images: Sequence[ListedObject]) -> timedelta:
    """Measure how much the time from capture to last_modified varies."""
    lags = [
        images[n].last_modified.replace(tzinfo=None) - at for n in shared if (at := weighed.places[n].at) is not None
    ]
    return max(lags) - min(lags)


def _example(weighed: _Weighed, images: Sequence[ListedObject]) -> str:
    return shown(images[min(weighed.places)].key, 200)


def _choice(weighed: _Weighed, images: Sequence[ListedObject]) -> str:
    number = min(weighed.places)
    found = weighed.places[number]
    words = images[number].key[found.start : found.end]
    return f"{words!r} of {_example(weighed, images)!r} is {found.at}"


def _try(database: Database, weighed: Sequence[_Weighed], images: Sequence[ListedObject], zone: str) -> Offer | None:
    """Run the clock over the keys; None where it reads a time that was not meant."""
    meant: dict[int, datetime | None] = {}
    for one in reversed(weighed):
        meant.update({number: found.at for number, found in one.places.items()})
    entries = tuple(_entry(one, images, zone) for one in weighed)
    view_clocked(database, as_clock([entry.model_copy(update={"zone": "UTC"}) for entry in entries]), ())
    read = dict(database.run("SELECT key, captured_at FROM clocked").fetchall())
    for number, image in enumerate(images):
        at, told = read.get(image.key), meant.get(number)
        if at is not None and (told is None or abs(at - told) >= timedelta(seconds=1)):
            return None
    unread = tuple(image for image in images if read.get(image.key) is None)
    return Offer(entries, tuple(bool(one.shape.zone) for one in weighed), unread)


def as_clock(entries: Sequence[ClockEntry]) -> Clock:
    """Make entries a clock, as a list of them in a dataset file does."""
    return Clock.model_validate([entry.model_dump() for entry in entries])


def _entry(weighed: _Weighed, images: Sequence[ListedObject], zone: str) -> ClockEntry:
    shape = weighed.shape
    found = [(images[number].key, place) for number, place in weighed.places.items()]
    time = f"(?P<time>{shape.time}){shape.behind}"
    place = None if shape.date or shape.nth > 1 else find_place(found)
    before, behind = (place.before, place.behind) if place else ("", "")
    if shape.date:
        before, behind = rf"(?:^|\D)(?P<date>{shape.date})(?:\D.*?)??[^0-9A-Za-z]", "(?:[^0-9A-Za-z][^/]*)?$"
    elif shape.nth > 1:
        before = rf"(?:^|\D){shape.time}{shape.behind}\D(?:[^/]*?\D)?"
    before = before or r"(?:^|\D)"
    behind = behind or r"(?:\D|$)"
    return ClockEntry(pattern=f"{before}{time}{behind}", format=shape.format, zone=shape.zone or zone)
