"""Types of a dataset file's fields: what each kind of value must look like, said in one line when it does not."""

import posixpath
import re
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from shoal.contract.inference import STORED_CONF
from shoal.contract.plain_keys import SPECIAL
from shoal.contract.units import parse_duration, read_size, size_text
from shoal.settings.clock_patterns import GROUPS, name_groups, read_groups
from shoal.settings.ignore import read_line

EPOCH_FORMAT = "%s"
"""Seconds since 1970, or milliseconds where they are 13 digits; no zone applies."""

LEAST_MEMORY_BYTES = 256 * 1024**2
"""What plans and summaries were given before this could be set, on one thread: a million images did with it."""

BY_HAND = "written by hand"
"""Context in which a dataset file is read: what has no meaning there is refused, in what was stored it is passed over."""


class Settings(BaseModel):
    """Base of every group: unknown fields are errors, values never change after reading."""

    # Stored as it is written: `from` and `captureMethod` are no names for fields of ours.
    model_config = ConfigDict(extra="forbid", frozen=True, serialize_by_alias=True)


def _check_zone(name: str) -> str:
    try:
        ZoneInfo(name)
        _try_in_duckdb("SELECT TIMESTAMP '2000-01-01' AT TIME ZONE {}", "zone that DuckDB does not know", name)
    except (KeyError, ValueError, OSError) as err:
        raise ValueError(f"no time zone {name!r} - use an IANA name such as UTC or Europe/Madrid") from err
    return name


def _check_pattern(pattern: str) -> str:
    named = [name for name in read_groups(pattern) if name]
    _try_regex("SELECT regexp_matches('', {})", pattern)
    if "time" not in named or not set(named) <= set(GROUPS) or len(set(named)) < len(named):
        raise ValueError(
            f"named groups are {sorted(named)} - it needs (?P<time>…) and may have (?P<camera>…) and (?P<date>…), each once"
        )
    completed, names = name_groups(pattern)
    _try_regex("SELECT regexp_extract('', {}, {})", completed, tuple(names))
    return pattern


def _try_regex(query: str, *values: str | tuple[str, ...]) -> None:
    try:
        _try_in_duckdb(query, "regular expression that DuckDB cannot run", *values)
    except ValueError as err:
        raise ValueError(
            f"{err} - write it as RE2 reads it: no look-around, no back-references, at most 1000 repetitions"
        ) from err


def _check_time_format(text: str) -> str:
    if "%z" in text.lower():
        raise ValueError(
            "offsets in names (%z, %Z) are not supported - leave them out of the time group and set clock.zone"
        )
    if text == EPOCH_FORMAT:
        return text
    if EPOCH_FORMAT in text.replace("%%", ""):
        raise ValueError(
            f"%s, seconds since 1970, stands alone - {text!r} has more beside it, leave that out of the time group"
        )
    _try_in_duckdb("SELECT try_strptime('', {})", "time format that DuckDB cannot read", text)
    return text


@cache  # twenty dataset files are parsed at once, and most have the same zone
def _try_in_duckdb(query: str, problem: str, *values: str | tuple[str, ...]) -> None:
    """Try where it is used: DuckDB's regular expressions (RE2) and formats are not Python's.

    Values are written into the query: given one as a parameter, DuckDB imports pandas, which takes longer than all else that
    a task of Airflow's does before it begins.
    """
    import duckdb  # noqa: PLC0415 - only where a dataset file has a clock

    try:
        duckdb.execute(query.format(*map(_literal, values)))
    except duckdb.Error as err:
        raise ValueError(f"{problem}: {str(err).splitlines()[0]}") from err


def _literal(value: str | tuple[str, ...]) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_literal, value))}]"
    return "'" + value.replace("'", "''") + "'"


def _check_key_prefix(prefix: str) -> str:
    if prefix.startswith("/") or any(part in {".", ".."} for part in prefix.split("/")):
        raise ValueError(f"{prefix!r} is no key prefix - it must not start with / nor hold . or .. segments")
    return prefix


def _check_folder(prefix: str) -> str:
    if odd := SPECIAL.intersection(prefix):
        raise ValueError(
            f"{prefix!r} holds {' '.join(sorted(odd))} - patterns and URLs read these in their own way, leave them out"
        )
    return _check_key_prefix(prefix) if not prefix or prefix.endswith("/") else _check_key_prefix(prefix) + "/"


def _check_exported(path: str) -> str:
    if not path.startswith("/") or not path.isprintable() or ".." in path.split("/"):
        raise ValueError(f"{path!r:.200} is no folder from the root on - write it whole, such as /mnt/share/photos")
    return posixpath.normpath(path).replace("//", "/")


def _check_absolute_folder(path: str) -> str:
    if (normal := _check_exported(path)) == "/":
        raise ValueError("is the whole disk - name the folder of the images")
    return normal


_NOT_FOR_RCLONE = re.compile(r"""["'$`\\\]\x00-\x1f]""")


def _check_remote_path(path: str) -> str:
    if odd := _NOT_FOR_RCLONE.search(path):
        raise ValueError(
            f"{path!r:.200} holds {odd[0]!r}, which cannot be asked for - rename the folder, or name one above it"
        )
    if {".", ".."} & {*path.split("/")}:
        raise ValueError(f"{path!r:.200} goes up or nowhere - write the folder without . and ..")
    return path.rstrip("/") or path


def _check_schedule(expression: str) -> str:
    from croniter import CroniterBadDateError, croniter  # noqa: PLC0415 - only where a dataset file has a schedule

    # croniter also takes a sixth field for seconds, and R for a random value, another one at every parse.
    five_fields = expression.startswith("@") or len(expression.split()) == 5
    if not five_fields or re.search(r"\bR\b", expression, re.IGNORECASE) or not croniter.is_valid(expression):
        raise ValueError(f"{expression!r} is no cron expression - write five fields, such as 0 2 * * *")
    try:
        croniter(expression, datetime(2000, 1, 1, tzinfo=UTC)).get_next()
    except CroniterBadDateError as err:
        raise ValueError(
            f"{expression!r} never comes: no year has such a day - choose another, such as 0 2 * * *"
        ) from err
    return expression


def _read_duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    duration = parse_duration(str(value))
    if duration <= timedelta():
        raise ValueError(f"{value!r} is no time at all - write a number above 0 and a unit, such as 4h")
    return duration


def _check_template(template: dict[str, Any]) -> dict[str, Any]:
    if unknown := sorted(set(template) - {"metadata", "spec"}):
        raise ValueError(f"a pod template holds metadata and spec, not {', '.join(unknown)}")
    for part, value in template.items():
        if not isinstance(value, dict):
            raise ValueError(f"{part} of a pod template is a mapping, not {value!r:.60}")  # noqa: TRY004 - pydantic takes ValueErrors
    return template


def _check_memory(text: str) -> str:
    if read_size(text) < LEAST_MEMORY_BYTES:
        raise ValueError(
            f"{text} is less than {size_text(LEAST_MEMORY_BYTES)}, which the largest step needs - write that or more, or leave "
            "it out"
        )
    return text


def _check_ignored(text: str) -> str:
    read_line(text)
    return text


def _check_taxon_word(text: str) -> str:
    if text != " ".join(text.split()) or not text.isprintable() or not 1 <= len(text) <= 200:
        raise ValueError(f"{text!r:.80} is no name - write 1 to 200 letters in one line, without blanks around them")
    return text


TaxonWord = Annotated[str, AfterValidator(_check_taxon_word)]
IgnoreLine = Annotated[str, Field(min_length=1), AfterValidator(_check_ignored)]
AbsoluteFolder = Annotated[str, AfterValidator(_check_absolute_folder)]
RemotePath = Annotated[str, AfterValidator(_check_remote_path)]
"""A folder in a store that rclone reaches."""
Exported = Annotated[str, AfterValidator(_check_exported)]
"""What a server exports: all that it has is /, as with NFS 4 and in the cloud."""
Zone = Annotated[str, AfterValidator(_check_zone)]
KeyPrefix = Annotated[str, AfterValidator(_check_key_prefix)]
Folder = Annotated[str, AfterValidator(_check_folder)]
Pattern = Annotated[str, AfterValidator(_check_pattern)]
TimeFormat = Annotated[str, AfterValidator(_check_time_format)]
Schedule = Annotated[str, AfterValidator(_check_schedule)]
Quantity = Annotated[str, BeforeValidator(lambda value: str(value) if isinstance(value, int | float) else value)]
PodTemplate = Annotated[dict[str, Any], AfterValidator(_check_template)]
Suffix = Annotated[str, Field(min_length=2, pattern=r"^\.")]
Memory = Annotated[str, AfterValidator(_check_memory)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
ObjectName = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")]
"""Of an object of Kubernetes."""
Bucket = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
Side = Annotated[int, Field(strict=True, ge=32, le=8192)]
Score = Annotated[float, Field(ge=STORED_CONF, le=1.0)]
Duration = Annotated[
    timedelta,
    BeforeValidator(_read_duration),
    PlainSerializer(lambda value: f"{value.total_seconds():f}".rstrip("0").rstrip(".") + "s"),
]
