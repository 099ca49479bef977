"""Nights with news, on a real store: each names the files that it would have written, and writes the months that changed alone."""

import pytest

from shoal.summary import months, same_answer, summarize
from written_rows import write_rows


@pytest.fixture
def written(monkeypatch):
    """Tables and months that were written since it was cleared."""
    found = set()

    def cut(database, table, *given):
        for path, month, rows in cut_months(database, table, *given):
            found.add((table.name, month))
            yield path, month, rows

    cut_months = months._cut
    monkeypatch.setattr(months, "_cut", cut)
    return found


def name(month, day, camera="C1"):
    return f"{camera}/2026{month:02d}{day:02d}-120000-{camera}.jpg"


def night(pipeline):
    plan = pipeline.plan()
    write_rows(pipeline, plan)
    return pipeline.summarize(plan)


def in_full(pipeline, monkeypatch):
    """Summarize the same bucket once more, with nothing known of it."""
    with monkeypatch.context() as patch:
        patch.setattr(summarize, "find_same_answer", lambda *_: None)
        patch.setattr(summarize, "find_known_months", lambda *_: {})
        return night(pipeline)


def whole(done):
    """All files but the report, which tells how many images went since the night before."""
    return {file.name: (file.sha256, file.rows) for file in done.stored.files if file.table != "report"}


def months_of(written, table):
    return {month for name, month in written if name == table}


def test_nights_with_news_have_the_files_of_a_full_computation(empty_bucket, written, monkeypatch):
    pipeline = empty_bucket
    for month in (5, 6, 7):
        for day in (1, 2, 3):
            pipeline.put(name(month, day), f"{month}/{day}".encode())
    first = night(pipeline)
    assert months_of(written, "images") == {"2026-05", "2026-06", "2026-07"}
    assert first.summary["run"]["lines"]["images"].keys() == {"2026-05", "2026-06", "2026-07"}
    news = [
        (lambda: pipeline.put(name(7, 4), b"new"), {"2026-07"}),
        (lambda: pipeline.put(name(6, 2), b"other bytes"), {"2026-06"}),
        (lambda: pipeline.stores.source.delete([name(5, 1)]), {"2026-05"}),
        (lambda: pipeline.put("C1/no date.jpg", b"undated"), None),
        (lambda: pipeline.put("notes.txt", b"no image"), set()),
    ]
    for happens, changed in news:
        happens()
        written.clear()
        after = night(pipeline)
        if changed is not None:
            assert months_of(written, "images") == changed
        assert after.not_current_because is None
        directory = after.summary["folder"].split("/")[1]
        assert pipeline.verify(after.stored.run_key, directory).deviations == ()
    full = in_full(pipeline, monkeypatch)
    for field in ("result", "result_sha256", "complete"):
        assert after.summary[field] == full.summary[field], field
    assert after.summary["run"]["lines"] == full.summary["run"]["lines"]
    assert whole(after) == whole(full)


def test_a_month_that_is_gone_is_written_again_and_the_answer_s_own_run_writes_all_of_its_months(few_images, written):
    first = night(few_images)
    gone = next(file for file in first.stored.tables if (file.table, file.month) == ("images", "2026-06"))
    few_images.stores.results.delete([gone.key])
    few_images.put(name(8, 1, "IPC608"), b"new")
    plan = few_images.plan()
    write_rows(few_images, plan)
    written.clear()
    mended = few_images.summarize(plan)
    assert months_of(written, "images") == {"2026-06", "2026-08"}
    assert months_of(written, "counts-day") == {"2026-08"}
    assert few_images.stores.results.has(gone.key)
    assert gone in mended.stored.files
    written.clear()
    again = few_images.summarize(plan)
    assert months_of(written, "counts-day") == {"2026-06", "2026-08"}
    assert again.summary["files"] == mended.summary["files"]


def test_what_an_answer_does_not_say_for_sure_is_written(few_images, written, monkeypatch):
    """Summaries of before there were such hashes, ones that somebody changed, and code that is not the one that was loaded."""
    last = night(few_images)
    for day, change in enumerate(
        ({}, {"lines": None}, {"lines": "all"}, {"lines": {"images": {"2026-06": "0" * 32}}}), start=1
    ):
        run = {key: value for key, value in last.summary["run"].items() if key != "lines"}
        few_images.stores.results.write_json(last.key, {**last.summary, "run": {**run, **change}})
        few_images.put(name(8, day), bytes([day]))
        written.clear()
        last = night(few_images)
        assert months_of(written, "images") == {"2026-06", "2026-08"}, change
    few_images.put(name(9, 1), b"new")
    looked = iter([True, False])
    monkeypatch.setattr(same_answer, "is_code_as_loaded", lambda: True)
    monkeypatch.setattr(summarize, "is_code_as_loaded", lambda: next(looked, False))
    assert night(few_images).summary["run"]["lines"] is None
