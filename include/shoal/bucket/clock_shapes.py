"""Shapes in which cameras write times into keys: where in a key such a shape stands, and what it would say.

Nothing here decides: what looks like a time may be a counter, a size or a place. `clock_proposal` weighs all keys together.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import product

_YEAR = r"(?P<Y>(?:19|20)\d\d)"
_DATES = {
    "Ymd": _YEAR + r"(?P<s>[-_./: ]?)(?P<m>\d\d)(?P=s)(?P<d>\d\d)",
    "dmY": r"(?P<d>\d\d)(?P<s>[-_. ])(?P<m>\d\d)(?P=s)" + _YEAR,
    "mdY": r"(?P<m>\d\d)(?P<s>[-_. ])(?P<d>\d\d)(?P=s)" + _YEAR,
    "Yj": _YEAR + r"(?P<s>[-_.]?)(?P<j>\d{3})",
}
_HALF = r"(?P<b>[-_. \u202f]?)(?P<p>[AaPp][Mm])(?![A-Za-z0-9])"
# An hour of twelve whose half of the day is written in a way that no format reads, is no hour of 24.
_NO_HALF = r"(?![-_. \u202f]?[AaPp]\.?[Mm](?![A-Za-z0-9]))"
_NO_DOTTED_HALF = r"(?![-_. \u202f]?[AaPp]\.[Mm](?![A-Za-z0-9]))"
_TIMES = {
    "HMS": r"(?P<H>\d\d)(?P<t>[-_.:;/ ]?)(?P<M>\d\d)(?P=t)(?P<S>\d\d)(?P<g>\d{3})?" + _NO_DOTTED_HALF,
    "hms": r"(?P<H>\d\d)(?P<th>h)(?P<M>\d\d)(?P<tm>m)(?P<S>\d\d)(?P<ts>s?)" + _NO_HALF,
    "hm": r"(?P<H>\d\d)(?P<t>h)(?P<M>\d\d)" + _NO_HALF,
    "HM": r"(?P<H>\d\d)(?P<t>)(?P<M>\d\d)" + _NO_DOTTED_HALF,
    "IMS": r"(?P<I>\d{1,2})(?P<t>[-_.:;])(?P<M>\d\d)(?P=t)(?P<S>\d\d)" + _HALF,
    "ims": r"(?P<I>\d\d)(?P<t>)(?P<M>\d\d)(?P<S>\d\d)" + _HALF,
    "im": r"(?P<I>\d\d)(?P<t>)(?P<M>\d\d)" + _HALF,
}
_JOIN = r"(?P<join>[-_Tt@#., ]{0,3}| [^\W\d_]{1,3} )"
# A time's zone: Z, or an offset with a colon; -0001 is a counter, and so is -0100 unless date and time are joined by a T.
_BARE = r"(?P<bare>[+-](?:0\d|1[0-4])_?(?:00|15|30|45)(?!\d))"
_ZONE = rf"(?P<zone>(?:\.\d{{1,6}})?Z(?![A-Za-z0-9])|[+-]\d\d:\d\d(?!\d)|{_BARE})?"
_SHAPES = {
    names: re.compile(rf"(?<!\d){_DATES[names[0]]}{_JOIN}{_TIMES[names[1]]}{_ZONE}(?!\d)")
    for names in product(_DATES, _TIMES)
}
_TENTH = re.compile(rf"(?<!\d){_DATES['Yj']}{_JOIN}(?P<H>\d\d)(?P<t>)(?P<M>\d\d)(?P<S>\d\d)(?=\d(?!\d))")
_SHORT = re.compile(r"(?<!\d)(?P<y>\d\d)(?P<m>\d\d)(?P<d>\d\d)(?P<H>\d\d)(?P<M>\d\d)(?P<S>\d\d)(?!\d)" + _NO_HALF)
_EPOCH = re.compile(r"(?<!\d)(?P<seconds>1\d{9}|1\d{12})(?!\d)")
_FOLDER_DATE = re.compile(rf"(?<![0-9]){_DATES['Ymd']}(?![0-9])")
_NAME_TIME = re.compile(
    r"(?<![0-9A-Za-z])(?P<H>\d\d)(?P<t>[-_.:]?)(?P<M>\d\d)(?P=t)(?P<S>\d\d)(?![0-9A-Za-z])" + _NO_HALF
)
_FOLDERS_TIME = re.compile(
    r"(?<![0-9])(?P<H>\d\d)(?P<t>/)(?P<M>\d\d)(?P<u>[/.-])(?P<S>\d\d)(?![0-9]|[-.:_]\d)" + _NO_HALF
)
_DIGITS = {"Y": 4, "m": 2, "d": 2, "j": 3, "H": 2, "M": 2, "S": 2, "g": 3}
_SPECIAL = re.compile(r"([.^$*+?{}\[\]\\|()])")


@dataclass(frozen=True)
class Shape:
    """One way to write a time.

    Attributes:
        time: Expression (RE2) of the clock's time group.
        format: The clock's format.
        date: Expression of its date group, in a folder; empty where the time holds the date.
        nth: Which of several such times of a key, from 1.
        zone: Its zone where the key itself says one; `?` where it says offsets that are no zone's.
        behind: Expression of what belongs to the time and is not read, behind it.
        kind: Which digits it is made of: `HM` with what stands before it, `folder` with the separator of the time, `bare` with an
            offset of four digits behind it, `short` with a year of two digits, or empty.
    """

    time: str
    format: str
    date: str = ""
    nth: int = 1
    zone: str = ""
    behind: str = ""
    kind: str = ""

    @property
    def without_zone(self) -> "Shape":
        """The same time without what the key says of its zone."""
        return replace(self, zone="", behind="", kind="")

    @property
    def is_epoch(self) -> bool:
        """Whether it counts seconds or milliseconds since 1970."""
        return self.format == "%s"


SHORT = Shape(r"\d{12}", "%y%m%d%H%M%S", kind="short")
"""Twelve digits, the first two of them the year: of some years they are also a year of four digits, up to the minute."""


@dataclass(frozen=True)
class Found:
    """A shape in a key.

    Attributes:
        shape: The shape.
        start: Where the time begins in the key.
        end: Where it ends, a zone behind it included.
        at: What it says, in the camera's own zone; None where no calendar has it.
    """

    shape: Shape
    start: int
    end: int
    at: datetime | None


def find_shapes(key: str) -> list[Found]:
    """Find what may be the time of an image in its key: in the file's own name, or ending there."""
    name = key.rfind("/") + 1
    found = [*_whole_times(key, name), *_dates_in_folders(key, name)]
    # 14h30 within 14h30m22s, 11.59.39 before PM: a shape within a longer one is none.
    longest = [
        one
        for one in found
        if not any(
            other.at
            and other.start <= one.start
            and one.end <= other.end
            and other.end - other.start > one.end - one.start
            for other in found
        )
    ]
    return list(_number(sorted(longest, key=lambda one: (one.start, one.end))))


def literal(text: str) -> str:
    """Write a text as an expression."""
    return _SPECIAL.sub(r"\\\1", text)


def _whole_times(key: str, name: int) -> Iterator[Found]:
    for (date, time), shape in _SHAPES.items():
        for match in shape.finditer(key, name):
            yield _found(match, date, time)
    for match in _TENTH.finditer(key, name):
        yield _found(match, "Yj", "HMS", behind=r"\d")
    for match in _SHORT.finditer(key, name):
        yield Found(SHORT, match.start(), match.end(), _moment(match.groupdict()))
    for match in _EPOCH.finditer(key, name):
        digits = match["seconds"]
        at = datetime(1970, 1, 1) + timedelta(seconds=int(digits[:10]))  # noqa: DTZ001 - naive times are UTC here
        yield Found(Shape(rf"\d{{{len(digits)}}}", "%s", kind="epoch"), match.start(), match.end(), at)


def _dates_in_folders(key: str, name: int) -> Iterator[Found]:
    """Pair the last date of the folders with a time in the name, or one that ends there."""
    dates = [match for match in _FOLDER_DATE.finditer(key) if match.end() < name]
    if not dates or _FOLDER_DATE.search(key, name):
        return
    date = dates[-1]
    times = list(_NAME_TIME.finditer(key, name))
    times += [match for match in _FOLDERS_TIME.finditer(key, date.end()) if match.start() < name < match.end()]
    for match in times:
        day, hour = _pieces(date, "Ymd"), _pieces(match, "HMS")
        if match.re is _FOLDERS_TIME:
            hour = ["%H", match["t"], "%M", match["u"], "%S"]
        shape = Shape(
            _expression(hour), f"{''.join(day)} {''.join(hour)}", _expression(day), kind="folder" + match["t"]
        )
        yield Found(shape, match.start(), match.end(), _moment({**date.groupdict(), **match.groupdict()}))


def _found(match: re.Match[str], date: str, time: str, behind: str = "") -> Found:
    parts = match.groupdict()
    pieces = [*_pieces(match, date), parts["join"], *_pieces(match, time)]
    zone, end = parts.get("zone") or "", match.end()
    bare = bool(parts.get("bare"))
    if bare and (parts["join"] != "T" or time != "HMS"):
        bare, zone, end = False, "", match.start("zone")
    if zone:
        behind = r"(?:\.\d{1,6})?Z" if zone.endswith("Z") else literal(zone)
    kind = f"HM{parts['join']}" if time == "HM" else "bare" if bare else ""
    shape = Shape(_expression(pieces), "".join(pieces), zone=_zone(zone), behind=behind, kind=kind)
    return Found(shape, match.start(), end, _moment(parts))


def _pieces(match: re.Match[str], name: str) -> list[str]:
    """Write the parts of a date or time as those of a format."""
    parts = match.groupdict()
    separator = parts.get("s") or ""
    of_time = parts.get("t") or ""
    pieces = {
        "Ymd": ["%Y", separator, "%m", separator, "%d"],
        "dmY": ["%d", separator, "%m", separator, "%Y"],
        "mdY": ["%m", separator, "%d", separator, "%Y"],
        "Yj": ["%Y", separator, "%j"],
        "HMS": ["%H", of_time, "%M", of_time, "%S", "%g" if parts.get("g") else ""],
        "hms": ["%H", "h", "%M", "m", "%S", parts.get("ts") or ""],
        "hm": ["%H", "h", "%M"],
        "HM": ["%H", "%M"],
        "IMS": ["%I", of_time, "%M", of_time, "%S", parts.get("b") or "", "%p"],
        "ims": ["%I", "%M", "%S", parts.get("b") or "", "%p"],
        "im": ["%I", "%M", parts.get("b") or "", "%p"],
    }
    return [piece for piece in pieces[name] if piece]


def _expression(pieces: list[str]) -> str:
    written, digits = [], 0
    # An hour of one digit is told by what parts it from the minutes.
    glued = "%I%M" in "".join(pieces)
    for piece in [*filter(None, pieces), ""]:
        if piece == "%I" and glued:
            digits += 2
            continue
        if count := _DIGITS.get(piece[1:]) if piece.startswith("%") else None:
            digits += count
            continue
        if digits:
            written.append(r"\d\d" if digits == 2 else rf"\d{{{digits}}}")
            digits = 0
        written.append({"%I": r"\d{1,2}", "%p": "[AaPp][Mm]"}.get(piece) or literal(piece))
    return "".join(written)


def _zone(text: str) -> str:
    if not text:
        return ""
    if text.endswith("Z"):
        return "UTC"
    sign, hours, minutes = text[0], int(text[1:3]), text[-2:]
    if minutes != "00" or hours > 12:
        return "?"
    # The zone database counts these the other way round.
    return "UTC" if hours == 0 else f"Etc/GMT{'-' if sign == '+' else '+'}{hours}"


def _moment(parts: dict[str, str | None]) -> datetime | None:
    number = {name: int(value) for name in "YymdjHMSI" if (value := parts.get(name))}
    if "y" in number:  # as strptime takes them
        number["Y"] = number["y"] + (2000 if number["y"] < 69 else 1900)
    hour = number.get("H", 0)
    if "I" in number:
        if not 1 <= number["I"] <= 12:
            return None
        hour = number["I"] % 12 + (12 if (parts["p"] or "").upper() == "PM" else 0)
    minute, second, midnight = number.get("M", 0), number.get("S", 0), timedelta()
    if (hour, minute, second) == (24, 0, 0):
        hour, midnight = 0, timedelta(days=1)
    try:
        day = datetime(number["Y"], number.get("m", 1), number.get("d", 1), hour, minute, second)  # noqa: DTZ001
    except ValueError:
        return None
    if "j" in number:
        if not 1 <= number["j"] <= 365 + (number["Y"] % 4 == 0):
            return None
        day += timedelta(days=number["j"] - 1)
    return day + midnight


def _number(found: list[Found]) -> Iterator[Found]:
    """Tell the same shape's second time in a key from its first."""
    seen: dict[Shape, int] = {}
    for one in found:
        seen[one.shape] = nth = seen.get(one.shape, 0) + 1
        if nth <= 2:
            yield replace(one, shape=replace(one.shape, nth=nth)) if nth > 1 else one
