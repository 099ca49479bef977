"""Bytes in place of a stored JSON object that somebody chose: one kind of error in one line, in little memory and time."""

import re
from contextlib import suppress

import pytest

from shoal.contract.errors import ContractError
from shoal.contract.json_bounds import (
    DEPTH,
    IN_TASKS,
    MIB,
    NOTE_BYTES,
    PROGRESS_BYTES,
    RECORD_BYTES,
    VALUES,
    most_bytes,
    read_object,
)
from shoal.stores.s3 import S3Store
from shoal.stores.s3_access import StoreAccess
from worker.http_faults import faulty_store, whole

RUN = "20260601T020000Z-abcd1234"


def store_at(endpoint_url, times=1):
    """A store as pages read it, or tasks, which take more."""
    store = S3Store(StoreAccess(endpoint_url, "accesskey123", "secretkey123456"), "fish")
    store.json_times = times
    return store


def beside_format(text: bytes) -> bytes:
    return b'{"format_version": 2, ' + text + b"}"


FORMAT = r"its format_version is no number from 1 on"
NOT_READ = [
    pytest.param(b"", "Expecting value: .*", id="nothing"),
    pytest.param(b"{", "Expecting property name .*", id="no JSON"),
    pytest.param(b"[1]", "it is a list, not an object", id="a list"),
    pytest.param(b'{"a": 1}', FORMAT, id="no format"),
    pytest.param(b'{"format_version": "1"}', FORMAT, id="a text for a format"),
    pytest.param(b'{"format_version": true}', FORMAT, id="true for a format"),
    pytest.param(b'{"format_version": 2.0}', FORMAT, id="a fraction for a format"),
    pytest.param(b'{"format_version": 0}', FORMAT, id="zero for a format"),
    pytest.param(b"[" * 200_000, "it has more than 64 levels", id="levels without an end"),
    pytest.param(beside_format(b'"x": ' + b"[" * DEPTH + b"]" * DEPTH), "it has more than 64 levels", id="65 levels"),
    pytest.param(beside_format(b'"x": NaN'), "NaN is no JSON", id="NaN"),
    pytest.param(beside_format(b'"x": -Infinity'), "-Infinity is no JSON", id="infinity"),
    pytest.param(beside_format(b'"x": 1e999'), "1e999 is larger than any number", id="infinity as a number"),
    pytest.param(
        beside_format(b'"x": ' + b"9" * 5000),
        "99999999999999999999… is larger than any number of Shoal's",
        id="a number of pages",
    ),
    pytest.param(beside_format(b'"x": {"y": 1, "y": 2}'), "it has a name twice", id="a name twice"),
    pytest.param(beside_format(b'"x": ["\\ud800"]'), ".* surrogates not allowed", id="a lone surrogate"),
    pytest.param(beside_format(b'"\\udfff": 1'), ".* surrogates not allowed", id="a lone surrogate in a name"),
    pytest.param(b'{"x": "\xff"}', "'utf-8' codec .*", id="bytes of no UTF-8"),
    pytest.param('{"format_version": 2}'.encode("utf-16"), "'utf-8' codec .*", id="UTF-16"),
    pytest.param(beside_format(b'"x": [' + b"1," * VALUES + b"1]"), "it has more than 2,000,000 values", id="values"),
]


@pytest.mark.parametrize(("data", "reason"), NOT_READ)
def test_what_is_no_json_of_shoals_is_said_in_one_line(data, reason):
    line = rf"Object 'reef/v/runs/{RUN}/plan\.json' in bucket 'fish' is no JSON object of Shoal's \({reason}\) - restore it, or .*"
    with faulty_store(whole(data)) as (endpoint_url, _), pytest.raises(ContractError) as raised:
        store_at(endpoint_url).find_json(f"reef/v/runs/{RUN}/plan.json")

    assert re.fullmatch(line, str(raised.value)), str(raised.value)


def test_what_people_write_is_read():
    told = read_object(
        beside_format('"pair": "\\ud83d\\udc1f", "fish": "🐟é", "deep": '.encode() + b"[" * 62 + b"]" * 62)
    )
    assert (told["pair"], told["fish"]) == ("🐟", "🐟é")


@pytest.mark.parametrize("announced", [True, False], ids=["a length is announced", "none is"])
@pytest.mark.parametrize(
    ("key", "most"),
    [
        pytest.param("reef/current.json", RECORD_BYTES, id="current.json"),
        pytest.param(f"reef/v/runs/{RUN}/attempts/0000-abcd1234.json", NOTE_BYTES, id="a note"),
        pytest.param(f"reef/v/runs/{RUN}/progress/0000-abcd1234.json", PROGRESS_BYTES, id="progress"),
    ],
)
def test_json_that_is_larger_than_shoal_writes_it_is_not_read(key, most, announced):
    sent, times = [], max(40, 10 * MIB // most)  # more than the sockets hold

    def answer(handler, _number):
        handler.send_response(200)
        handler.send_header(*(("Content-Length", str(times * most)) if announced else ("Connection", "close")))
        handler.end_headers()
        with suppress(OSError):  # it hangs up
            for _ in range(times):
                handler.wfile.write(b" " * most)
                sent.append(most)

    with faulty_store(answer) as (endpoint_url, asked):
        with pytest.raises(
            ContractError,
            match=rf"Object '{key}' of bucket 'fish' is not read: it has .* [KM]iB are the most of its kind - restore it",
        ):
            store_at(endpoint_url).find_json(key)
        assert len(asked) == 1
    assert len(sent) < times


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        pytest.param("current", "x" * RECORD_BYTES, r"it has 4\.0 MiB, and 4 MiB are the most of its kind", id="bytes"),
        pytest.param(
            "v/runs/R/summary", "," * (IN_TASKS * VALUES + 1), "it has more than 8,000,000 values", id="values"
        ),
    ],
)
def test_json_that_nobody_would_read_is_not_written(name, value, reason):
    with faulty_store(whole(b"")) as (endpoint_url, asked):
        with pytest.raises(
            ContractError, match=rf"reef/{name}\.json cannot be written: {reason} - it grows with cameras"
        ):
            store_at(endpoint_url).write_json(f"reef/{name}.json", {"format_version": 2, "x": value})
        assert asked == []


@pytest.mark.parametrize(
    ("key", "mib"),
    [
        ("reef/current.json", 4),
        ("reef/v/variant.json", 4),
        (f"reef/listings/{RUN}.json", 8),
        (f"reef/v/runs/{RUN}/plan.json", 16),
        (f"reef/v/runs/{RUN}/summary.json", 32),
        (f"reef/v/runs/{RUN}/attempts/0001-abcd1234.json", 0.25),
        (f"reef/v/runs/{RUN}/progress/0001-abcd1234.json", 1 / 256),
        (f"reef/v/runs/{RUN}/trying-0001-abcd1234.json", 0.25),
        (f"reef/v/runs/{RUN}/crashed-0001-abcd1234.json", 0.25),
    ],
)  # fmt: skip
def test_each_kind_has_its_bound(key, mib):
    assert most_bytes(key) == mib * MIB


def test_tasks_read_a_plan_or_summary_that_is_too_large_for_pages():
    data = beside_format(b'"x": [' + b"1," * VALUES + b" " * 33 * MIB + b"1]")
    with faulty_store(whole(data)) as (endpoint_url, _):
        assert len(store_at(endpoint_url, IN_TASKS).find_json("reef/v/runs/R/summary.json")["x"]) == VALUES + 1
        with pytest.raises(ContractError, match="32 MiB are the most of its kind"):
            store_at(endpoint_url).find_json("reef/v/runs/R/summary.json")
