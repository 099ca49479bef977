"""The markers of a JPEG: what its bytes promise, read without decoding."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile

SOF_FIRST, SOF_LAST, NOT_SOF = 0xC0, 0xCF, frozenset({0xC4, 0xC8, 0xCC})
SOS, EOI, APP1 = 0xDA, 0xD9, 0xE1
RESTARTS = range(0xD0, 0xD8)
BETWEEN_SCANS = frozenset({0xC4, SOS})
"""What follows a scan that is not the last: tables, or the next one."""

MOST_SEGMENTS = 100_000
"""More than this are not walked: a header of two million empty comments costs seconds here and nothing in libjpeg."""

_MARKER_IN_SCAN = re.compile(rb"\xff[\xc0-\xcf\xd9-\xef\xfe]")
"""Others have no length for libjpeg: in a scan it looks for the next marker behind them (jpeg_resync_to_restart)."""

_MARKER = re.compile(rb"\xff[\x02-\xcf\xd9-\xfe]")
"""All but those without a length, of which a file may have any number: TEM, RST0 to RST7, SOI."""


@dataclass(frozen=True)
class Markers:
    """What was found.

    Attributes:
        scans: Scans begun.
        has_end: Whether the end marker follows the last scan.
        is_complete: Whether the scans hold every coefficient of every component in full precision.
        is_cut: Whether the bytes end within a marker's segment, with no end marker before.
        size: (width, height) of the frame in pixels; None where none is announced.
    """

    scans: int
    has_end: bool
    is_complete: bool
    is_cut: bool = False
    size: tuple[int, int] | None = None


def count_scans(data: bytes, limit: int) -> int | None:
    """Count the scans, exactly only where there may be more than `limit`; None where they stand behind too many segments."""
    at_most = data.count(bytes((0xFF, SOS)))  # thumbnails in EXIF are among them
    if at_most <= limit:
        return at_most
    segments = scans = 0
    for code, _, _ in _segments(data):
        segments += 1
        scans += code == SOS
    return None if segments >= MOST_SEGMENTS else scans


def read_markers(data: bytes) -> Markers:
    """Walk from marker to marker up to the end marker."""
    missing: dict[int, dict[int, int]] = {}
    scans, has_frame, has_end, is_cut, size = 0, False, False, False, None
    for code, start, end in _segments(data):
        body = data[start + 4 : end]
        is_cut = code != EOI and max(end, start + 4) > len(data)
        if code == EOI:
            has_end = True
        elif SOF_FIRST <= code <= SOF_LAST and code not in NOT_SOF and not has_frame:
            has_frame = True
            height, width = int.from_bytes(body[1:3]), int.from_bytes(body[3:5])
            size = (width, height) if width and height else None
            missing = {component: dict.fromkeys(range(64), -1) for component in body[6::3]}
        elif code == SOS:
            scans += 1
            _note_scan(body, missing)
    complete = bool(missing) and all(low == 0 for levels in missing.values() for low in levels.values())
    # A length that was changed points behind an end that is there.
    is_cut = is_cut and not data.rstrip(b"\0").endswith(bytes((0xFF, EOI)))
    return Markers(scans, has_end, complete, is_cut, size)


def read_app1(data: bytes) -> bytes:
    """Read all APP1 segments before the first scan (EXIF, XMP), with their markers; no pixel data is looked at."""
    header = takewhile(lambda segment: segment[0] != SOS, _segments(data))
    return b"".join(data[start:end] for code, start, end in header if code == APP1)


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Give the code, start and end of each marker that has a length, and last that of the end marker."""
    in_scan, at = False, 2
    for _ in range(MOST_SEGMENTS):
        found = (_MARKER_IN_SCAN if in_scan else _MARKER).search(data, at)
        if found is None:
            return
        start, code = found.start(), data[found.start() + 1]
        if code == EOI:
            yield code, start, start + 2
            return
        end = start + 2 + int.from_bytes(data[start + 2 : start + 4])
        in_scan = in_scan or code == SOS
        yield code, start, end
        at = max(end, start + 4)


def _note_scan(body: bytes, missing: dict[int, dict[int, int]]) -> None:
    """Note the precision to which a scan brings the coefficients of its components."""
    count = body[0] if body else 0
    parameters = body[1 + 2 * count : 4 + 2 * count]
    if len(parameters) < 3:
        return
    first, last, low = parameters[0], min(parameters[1], 63), parameters[2] & 15
    for component in body[1 : 1 + 2 * count : 2]:
        if component in missing:
            missing[component].update(dict.fromkeys(range(first, last + 1), low))
