"""The pure rule of `gc`: what may go is disjoint from what a run that is kept needs, whatever the bucket holds."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.contract.layout import DatasetLayout
from shoal.contract.stored_names import Kind, read_name
from shoal.history.retention import ALWAYS, WRITTEN_WITHIN, Needs, Stored, Terms, judge, keep_runs, need_listings

NOW = datetime(2026, 11, 25, tzinfo=UTC)
TERMS = Terms(NOW, timedelta(days=90))
LAYOUT = DatasetLayout("results/", "reef")
DAY = timedelta(days=1)


def run_key(days_ago, number=0):
    return f"{NOW - days_ago * DAY:%Y%m%dT%H%M%SZ}-run{number:05d}"


def stored(name, days_ago=0.0, size_bytes=1):
    key = LAYOUT.root + name
    return Stored(key, size_bytes, NOW - days_ago * DAY, read_name(LAYOUT, key))


def of_run(days_ago, *names, variant="fish-v1-0123456789ab"):
    key = run_key(days_ago)
    return [stored(f"{variant}/runs/{key}/{name}", days_ago) for name in names]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("current.json", Kind.RECORD),
        ("releases.json", Kind.RECORD),
        ("repeats/0123456789abcdef.json", Kind.RECORD),
        (f"listings/{run_key(1)}.parquet", Kind.LISTING),
        (f"listings/{run_key(1)}.json", Kind.LISTING),
        ("fish-v1-0123456789ab/variant.json", Kind.RECORD),
        ("fish-v1-0123456789ab/approval.json", Kind.RECORD),
        (f"fish-v1-0123456789ab/parts/{run_key(1)}-0000-attempt1-0000.parquet", Kind.ROWS),
        (f"fish-v1-0123456789ab/ledger/{run_key(1)}-attempt1.parquet", Kind.ROWS),
        ("fish-v1-0123456789ab/ledger/merged-by-hand.parquet", Kind.ROWS),
        (f"fish-v1-0123456789ab/runs/{run_key(1)}/plan.json", Kind.PLAN),
        (f"fish-v1-0123456789ab/runs/{run_key(1)}/manifest.parquet", Kind.MANIFEST),
        (f"fish-v1-0123456789ab/runs/{run_key(1)}/remaining-0002-attempt1.parquet", Kind.MANIFEST),
        (f"fish-v1-0123456789ab/runs/{run_key(1)}/attempts/0002-attempt1.json", Kind.ATTEMPT),
        (f"fish-v1-0123456789ab/runs/{run_key(1)}/progress/0002-attempt1.json", Kind.ATTEMPT),
        (f"fish-v1-0123456789ab/runs/{run_key(1)}/trying-0002-attempt1.json", Kind.ATTEMPT),
        (f"fish-v1-0123456789ab/runs/{run_key(1)}/crashed-0002-attempt1.json", Kind.ATTEMPT),
        (f"fish-v1-0123456789ab/runs/{run_key(1)}/summary-attempt1/report.html", Kind.FILE),
        (f"fish-v1-0123456789ab/runs/{run_key(1)}/summary.json", Kind.SUMMARY),
        (f"fish-v1-0123456789ab/runs/{run_key(1)}/notes.txt", Kind.OTHER),
        (f"other/fish-v1-0123456789ab/runs/{run_key(1)}/manifest.parquet", Kind.OTHER),
        (f"other/listings/{run_key(1)}.parquet", Kind.OTHER),
        ("listings/files/2026-06-0123456789abcdef.parquet", Kind.SHARED),
        ("listings/files/notes.parquet", Kind.OTHER),
        ("fish-v1-0123456789ab/files/0123456789abcdef/0123456789abcdef-a_b.txt", Kind.IMAGE_FILE),
        ("fish-v1-0123456789ab/files/0123456789abcdef/notes.txt", Kind.OTHER),
        ("manifest.parquet", Kind.OTHER),
        ("samples/0123456789abcdef.json", Kind.EVIDENCE),
        ("labels/0123456789abcdef.parquet", Kind.EVIDENCE),
        ("trainings/mine.json", Kind.OTHER),
    ],
)  # fmt: skip
def test_a_key_tells_what_an_object_is(name, kind):
    assert stored(name).name.kind is kind


def test_a_file_belongs_to_the_folder_it_lies_in():
    key = f"{LAYOUT.root}v/runs/{run_key(1)}/summary-attempt1/report.html"
    assert read_name(LAYOUT, key).folder == f"{LAYOUT.root}v/runs/{run_key(1)}/summary-attempt1/"


def kept(objects, current=None, answers=(), pinned=(), cited=()):
    terms = Terms(NOW, TERMS.keep, pinned=frozenset(pinned), cited=frozenset(cited))
    return {key: reason for (_, key), reason in keep_runs(objects, terms, current, answers).items()}


@pytest.mark.parametrize(
    ("days_ago", "names", "extra", "reason"),
    [
        pytest.param(10, ("plan.json", "summary.json"), {}, "younger than 90d", id="young"),
        pytest.param(100, ("plan.json", "summary.json"), {}, None, id="old and summarized"),
        pytest.param(100, ("plan.json", "manifest.parquet"), {}, None, id="dead for long"),
        pytest.param(
            100, ("plan.json", "summary.json"), {"current": run_key(100)}, "current.json names the run", id="current"
        ),
        pytest.param(
            100, ("summary.json",), {"pinned": [run_key(100)]}, "retention.runs names the run", id="named by the dataset file"
        ),
        pytest.param(100, ("summary.json",), {"cited": [run_key(100)]}, "the run is cited", id="cited"),
        pytest.param(
            100, ("summary.json",), {"answers": [("fish-v1-0123456789ab", run_key(100))]}, "the last answer of its model",
            id="last answer",
        ),
    ],
)  # fmt: skip
def test_a_run_is_kept_for_one_reason(days_ago, names, extra, reason):
    assert kept(of_run(days_ago, *names), **extra) == ({run_key(days_ago): reason} if reason else {})


def test_a_run_without_summary_is_unfinished_for_a_month_however_short_retention_is():
    terms = Terms(NOW, timedelta(days=2))
    reasons = [
        [*keep_runs(of_run(days_ago, "plan.json", "manifest.parquet"), terms, None, ()).values()]
        for days_ago in (20, 40)
    ]
    assert reasons == [["the run has no summary yet"], []]


def test_an_old_run_that_was_summarized_again_is_young_again():
    objects = [*of_run(100, "plan.json", "manifest.parquet")]
    objects.append(stored(f"fish-v1-0123456789ab/runs/{run_key(100)}/summary.json", days_ago=3))
    assert kept(objects) == {run_key(100): "younger than 90d"}


def test_the_listing_of_a_run_that_waits_for_room_is_needed():
    listing = stored(f"listings/{run_key(20)}.parquet", 20)
    terms = Terms(NOW, timedelta(days=2))
    assert need_listings([listing], terms, {}) == {listing.key: "the run has no plan yet"}
    assert need_listings([listing, *of_run(20, "plan.json")], terms, {}) == {}


@pytest.mark.parametrize(
    ("age", "goes", "reason"),
    [
        (WRITTEN_WITHIN - timedelta(minutes=1), False, "a summary may be in the writing"),
        (WRITTEN_WITHIN + timedelta(minutes=1), True, "no summary.json names it"),
    ],
    ids=["being written", "left by a killed summarize"],
)
def test_a_folder_no_summary_names_goes_after_a_day(age, goes, reason):
    [file] = of_run(10, "summary-attempt1/report.html")
    file = Stored(file.key, 1, NOW - age, file.name)
    needs = Needs(runs={("fish-v1-0123456789ab", run_key(10)): "younger than 90d"})
    assert (judge(file, TERMS, needs).goes, judge(file, TERMS, needs).reason) == (goes, reason)


NAMES = (
    "plan.json", "summary.json", "manifest.parquet", "remaining-0000-attempt1.parquet", "summary-attempt1/counts-day.csv",
    "summary-attempt2/counts-day.csv", "attempts/0000-attempt1.json",
)  # fmt: skip


@st.composite
def buckets(draw):
    """Runs of any age in two variants, with any of their objects; listings, shared or not."""
    objects, runs = [], draw(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 200)), max_size=8, unique=True))
    for number, (variant, days_ago) in enumerate(runs):
        for name in draw(st.sets(st.sampled_from(NAMES))):
            born = draw(st.integers(0, days_ago))
            objects.append(stored(f"{variant}/runs/{run_key(days_ago, number)}/{name}", born))
        if draw(st.booleans()):
            objects.append(stored(f"listings/{run_key(days_ago, number)}.parquet", days_ago))
    objects += [stored("current.json"), stored("a/ledger/x.parquet", 500), stored("thing.txt", 500)]
    objects += [stored("listings/files/2026-06-0123456789abcdef.parquet", 500)]
    return objects, [(variant, run_key(days_ago, number)) for number, (variant, days_ago) in enumerate(runs)]


@given(buckets(), st.integers(2, 120), st.data())
def test_what_goes_is_disjoint_from_what_is_needed(bucket, keep_days, data):
    objects, runs = bucket
    terms = Terms(
        NOW,
        timedelta(days=keep_days),
        pinned=frozenset(data.draw(st.sets(st.sampled_from([r[1] for r in runs] or ["x"])))),
    )
    current = data.draw(st.sampled_from([None, *[key for _, key in runs]]))
    answers = data.draw(st.sets(st.sampled_from(runs or [("a", "x")])))
    kept_runs = keep_runs(objects, terms, current, answers)
    listings = [entry.key for entry in objects if entry.name.kind is Kind.LISTING]
    named = {data.draw(st.sampled_from(listings)): "named" for _ in kept_runs if listings}
    folders = {entry.name.folder for entry in objects if entry.name.kind is Kind.FILE and data.draw(st.booleans())}
    needs = Needs(kept_runs, need_listings(objects, terms, named), frozenset(folders))
    verdicts = [judge(entry, terms, needs) for entry in objects]
    assert [verdict.stored for verdict in verdicts] == objects, "every object has one verdict"
    for verdict in verdicts:
        assert verdict.reason
        if not verdict.goes:
            continue
        name, run = verdict.stored.name, (verdict.stored.name.variant, verdict.stored.name.run_key)
        assert name.kind not in ALWAYS
        assert verdict.stored.key not in named
        age = NOW - verdict.stored.last_modified
        if name.kind is Kind.FILE and run in kept_runs:
            assert name.folder not in folders
            assert age >= WRITTEN_WITHIN
            continue
        assert run not in kept_runs
        assert name.run_key not in {current, *terms.pinned} or name.kind is Kind.LISTING
        assert run not in answers
        assert age >= terms.keep, "nothing young goes, whatever its name says"
    assert all(verdict.goes is False for verdict in verdicts if NOW - verdict.stored.last_modified < WRITTEN_WITHIN), (
        "what was written within a day stays"
    )
