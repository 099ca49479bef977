"""A store, or a proxy before it, that answers anything: each listed key has one fate, and people read one line.

Wide: `SHOAL_SEEDS=60` plays sixty times as many runs as one seed does.
"""

import dataclasses
import hashlib
from collections import Counter
from datetime import UTC, datetime
from functools import partial
from types import SimpleNamespace

import pytest
import urllib3
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from pipeline import make_pipeline, run_worker_here
from seeds import chosen_seeds
from shoal.contract.errors import ShoalError
from shoal.contract.exit_codes import WorkerExit
from shoal.contract.layout import DatasetLayout
from shoal.exports import write
from shoal.stores import s3_login, s3_patience, s3_reading
from shoal.stores.s3_codes import MEANINGS
from shoal_worker import assemble
from worker.hostile_front import ALWAYS, HTML, Entry, Pages, Refusal, Spoilt, hostile_front
from worker.images import dark_jpeg
from worker.onnx_models import constant_model

RUNS = 20
"""Whole runs of one seed."""

IMAGES = {
    "a/20260601-000000-CAM1.jpg": dark_jpeg(1),
    "a/20260601-000100-CAM1.jpg": dark_jpeg(2),
    "a b/20260601-000200-CAM+2.jpg": dark_jpeg(3),
    "é 魚/20260601-000300-CAM%2f.jpg": dark_jpeg(4),
    "undated.jpg": dark_jpeg(5),
    "page.jpg": HTML,
    "empty.jpg": b"",
    "cut.jpg": dark_jpeg(6)[:400],
    "z/20260601-000400-CAM1.JPG": dark_jpeg(7),
}
NO_PICTURE = {"page.jpg", "empty.jpg", "cut.jpg"}


def error_xml(code):
    return (
        f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>m</Message><RequestId>r1</RequestId></Error>".encode()
    )


codes = st.sampled_from([*sorted(MEANINGS), "NeverHeardOf", "", "a\nb", "KMS.Unheard", "NoSuchKey", "AccessDenied"])
bodies = st.one_of(
    codes.map(error_xml),
    st.sampled_from(
        [b"", HTML, "<html>Fehler: nicht verfügbar</html>".encode("latin-1"), b"<Error><Code>Slow", b"\xff\xfe\0"]
    ),
    st.binary(max_size=20),
)
KINDS = st.sampled_from(
    ["application/xml", "application/xml; charset=utf-8", "text/xml", "text/html", None, "", "image/jpeg"]
)
HEADERS = st.sampled_from([
    (), (("Retry-After", "soon"),), (("Retry-After", "1"),), (("x-amz-bucket-region", "eu-west-9"),), (("Content-Encoding", "gzip"),),
    (("Location", "http://127.0.0.1:1/elsewhere"),), (("Location", "::no url"),), (("Location", ""),),
])  # fmt: skip
STATUSES = st.sampled_from(
    [200, 204, 206, 300, 301, 302, 304, 307, 400, 401, 403, 404, 405, 408, 409, 410, 411, 412, 416, 418, 429, 500, 501, 502, 503,
     504, 507, 599, 999]
)  # fmt: skip
refusals = st.builds(Refusal, STATUSES, bodies, KINDS, HEADERS)
spoilt = st.builds(
    Spoilt,
    keep=st.sampled_from([1.0, 1.0, 0.99, 0.5, 0.0]),
    length=st.sampled_from([None, None, "", "0", "1", "99999999", "-1", "ten", "12, 13", "٣"]).map(
        lambda text: text if text is None else text.encode().decode("latin-1")
    ),
    etag=st.sampled_from([None, None, "", '"0123456789abcdef0123456789abcdef"', "W/odd", '""', "null"]),
    body=st.sampled_from([None, None, None, HTML, b""]),
    headers=HEADERS,
    drip_s=st.sampled_from([0.0, 0.0, 0.01]),
    cut=st.sampled_from(["", "", "close", "reset", "before"]),
)
times = st.sampled_from([1, 2, ALWAYS])
troubles = st.tuples(st.one_of(refusals, spoilt), times)

ODD_TIMES = st.sampled_from([
    "2026-06-02T00:00:00.000Z", "2026-06-02T00:00:00+14:00", "2026-06-02T00:00:00-12:00", "0001-01-01T00:00:00+05:00",
    "9999-12-31T23:59:59-05:00", "1970-01-01T00:00:00Z", "2026-02-30T00:00:00Z", "Mon, 01 Jun 2026 00:00:00 GMT", "", None,
    "2026-06-02T00:00:00.123456789Z", "2026-06-02", "-0001-01-01T00:00:00Z", "2026-06-02T24:00:00Z", "2026-06-02T23:59:60Z",
])  # fmt: skip
ODD_SIZES = st.sampled_from(
    ["", None, "-1", "abc", "99999999999999999999", "9223372036854775807", "1e3", "٣", "1_0", " 7 "]
)
ODD_ETAGS = st.sampled_from([None, "", "null", "é", "x" * 2000, "W/&quot;a", "0123456789abcdef0123456789abcdef-3"])
CLASSES = st.sampled_from(
    [None, "", "STANDARD", "GLACIER", "DEEP_ARCHIVE", "glacier", "GLACIER_IR", "INTELLIGENT_TIERING"]
)
ghosts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30).map(lambda text: text + ".jpg")


def true_entry(key):
    return Entry(
        key,
        str(len(IMAGES[key])),
        hashlib.md5(IMAGES[key], usedforsecurity=False).hexdigest(),
        "2026-06-02T00:00:00.000Z",
        "STANDARD",
    )


@st.composite
def listings(draw):
    """The images in any order, some twice or odd, and keys that were never there, over several pages."""
    entries = [true_entry(key) for key in sorted(IMAGES)]
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(entries) - 1))
        field, odd = draw(st.sampled_from([("last_modified", ODD_TIMES), ("etag", ODD_ETAGS), ("storage_class", CLASSES),
                                           ("storage_class", CLASSES), ("size", ODD_SIZES)]))  # fmt: skip
        entries[at] = dataclasses.replace(entries[at], **{field: draw(odd)})
    entries += [Entry(key, "9", "e" * 32, "2026-06-02T00:00:00Z") for key in draw(st.lists(ghosts, max_size=3))]
    entries += draw(st.lists(st.sampled_from(entries), max_size=3))
    entries = draw(st.permutations(entries)) if draw(st.booleans()) else entries
    size = draw(st.integers(1, len(entries)))
    pages = tuple(tuple(entries[at : at + size]) for at in range(0, len(entries), size))
    pages = (*pages, ()) if draw(st.integers(0, 9)) == 0 else pages
    tokens = draw(st.sampled_from([(), (), (), ("same",) * 3, (None,), ("",), ("a b+/=&<", "ü")]))
    encodable = not any(ord(c) < 32 or ord(c) in (0xFFFE, 0xFFFF, 127) for entry in entries for c in entry.key)
    return Pages(
        pages,
        url_encoded=not encodable or draw(st.booleans()),
        key_count=draw(st.sampled_from([None, "0", "-7", "many", "99999999999999999999999"])),
        tokens=tokens,
        namespace=draw(st.booleans()),
        troubles=draw(st.dictionaries(st.integers(0, len(pages) - 1), troubles, max_size=1))
        if draw(st.integers(0, 3)) == 0
        else {},
    )


plans = st.tuples(
    st.one_of(st.none(), listings(), listings()), st.dictionaries(st.sampled_from(sorted(IMAGES)), troubles, max_size=5)
)


@pytest.fixture(scope="module")
def no_pauses():
    """Pauses of clients and pages to look at are real in other tests; here they would be most of the time."""
    hurried = SimpleNamespace(sleep=lambda _: None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHOAL_STORE_PATIENCE_S", "1")
        patch.setattr(s3_patience, "time", SimpleNamespace(**vars(s3_patience.time) | vars(hurried)))
        patch.setattr(urllib3.util.retry, "time", SimpleNamespace(**vars(urllib3.util.retry.time) | vars(hurried)))
        patch.setattr(s3_reading, "BODY_PAUSES_S", (0.0, 0.0))
        patch.setattr(write, "EXPORTS", {name: path for name, path in write.EXPORTS.items() if name != "report"})
        patch.setattr(assemble, "Limits", partial(assemble.Limits, last_write_pauses_s=(0.0,)))
        yield


@pytest.fixture(scope="module")
def hostile(minio, no_pauses, tmp_path_factory):
    """A dataset in a real MinIO whose images are reached through the front."""
    model = constant_model(metadata={"imgsz": "[64, 64]"})
    pipeline = make_pipeline(
        minio, {"v1": model}, tmp_path_factory.mktemp("hostile"), run={"tolerated_failed_share": 1.0}
    )
    for key, data in IMAGES.items():
        pipeline.put(key, data)
    source = pipeline.stores.source
    with hostile_front(minio.endpoint_url, source.bucket) as (endpoint_url, front):
        access = dataclasses.replace(source.access, endpoint_url=endpoint_url)
        stores = dataclasses.replace(pipeline.stores, source=type(source)(access, source.bucket))
        yield dataclasses.replace(pipeline, stores=stores), front


def fresh(pipeline, number):
    """The same images, and results of their own."""
    prefix = f"run{number}/"
    stores = dataclasses.replace(pipeline.stores, layout=DatasetLayout(prefix, pipeline.dataset.name))
    results = pipeline.dataset.results.model_dump(mode="json") | {"prefix": prefix}
    return dataclasses.replace(pipeline.with_settings(results=results), stores=stores)


def is_one_line(text):
    return bool(text.strip()) and len(text.splitlines()) == 1


def play(pipeline, front, listing, troubled):
    """One run; checks the property, and returns the fates by key, None where the plan said no."""
    front.play(listing, troubled)
    s3_login.LET_IN.clear()
    try:
        plan = pipeline.plan(at=datetime.now(UTC))
    except ShoalError as err:
        said = str(err)
    else:
        said = None
    if said is not None:
        assert is_one_line(said), said
        assert listing is not None
        return None
    ended = [run_worker_here(pipeline.stores, plan, entry.shard) for entry in plan.work.shards]
    for one in ended:
        assert one.returncode in set(WorkerExit), one
        assert one.returncode == WorkerExit.DONE or is_one_line(one.stdout), one.stdout
    done = pipeline.summarize(plan)
    assert all(is_one_line(line) for line in done.describe())
    told = IMAGES if listing is None else {entry.key for page in listing.pages for entry in page}
    told = {key for key in told if not key.endswith("/")}
    assert done.balance.listed == len(told), (done.balance.listed, sorted(told))
    assert sum(done.balance.fates.values()) == len(told)
    rows = pipeline.rows(done) if done.summary["run"]["ledger"] else {}
    assert Counter(row["status"] for row in rows.values()) == Counter(
        {fate: n for fate, n in done.balance.fates.items() if n and fate not in ("archived", "unsettled", "pending")}
    )
    assert rows.keys() <= told
    for key, row in rows.items():
        if row["status"] in ("processed", "failed") and row["reason"] != "too_large":
            assert row["content_sha256"] == hashlib.sha256(IMAGES[key]).hexdigest(), (
                f"other bytes of {key!r} were taken"
            )
            assert (row["status"] == "failed") == (key in NO_PICTURE), key
    if all(one.returncode == WorkerExit.DONE for one in ended):
        odd = (
            set()
            if listing is None
            else {e.key for page in listing.pages for e in page if e.key not in IMAGES or e != true_entry(e.key)}
        )
        for key in IMAGES.keys() - troubled.keys() - odd:
            assert rows[key]["status"] == ("failed" if key in NO_PICTURE else "processed"), key
    return {key: row["status"] for key, row in rows.items()}


def test_a_front_that_spoils_nothing_changes_nothing(hostile):
    pipeline, front = hostile
    fates = play(fresh(pipeline, "quiet"), front, None, {})
    assert fates == {key: "failed" if key in NO_PICTURE else "processed" for key in IMAGES}
    told = Pages(tuple((true_entry(key),) for key in sorted(IMAGES)))
    assert play(fresh(pipeline, "told"), front, told, {}) == fates


@pytest.mark.parametrize("number", chosen_seeds(1))
def test_every_key_has_one_fate_whatever_the_store_answers(hostile, number):
    pipeline, front = hostile
    runs = iter(range(10**6))

    @seed(number)
    @settings(
        max_examples=RUNS, database=None, suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate, Phase.shrink], report_multiple_bugs=False,
    )  # fmt: skip
    @given(plans)
    def run(plan):
        play(fresh(pipeline, f"{number}-{next(runs)}"), front, *plan)

    run()
