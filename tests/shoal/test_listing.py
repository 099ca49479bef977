import pytest

from shoal.database import open_database
from shoal.listing import Scope, freeze_listing
from shoal.run_params import RunParams

ODD_KEYS = [
    "plain.jpg", "UPPER.JPG", "two.dots.jpeg", "with space.png", "percent%20sign.jpg", "hash#mark.jpg",
    "question?mark.jpg", "plus+plus.jpg", "quote'\"quote.jpg", "<b>html</b>.jpg", "deep/er/and/deeper/x.jpg",
    "ünïcödé/照片 №1.jpg", "tab\there.jpg", "new\nline.jpg", "back\\slash.jpg", "{{ template }}.jpg", "-dash.jpg",
]  # fmt: skip


@pytest.fixture
def odd_bucket(empty_bucket):
    """A bucket of valid but unusual keys, some folders and files that are no images."""
    for key in [*ODD_KEYS, "notes.txt", "folder/.keep"]:
        empty_bucket.put(key, key.encode())
    return empty_bucket


def test_every_key_is_listed_as_it_is(odd_bucket):
    with open_database(odd_bucket.stores.results) as database:
        scope = Scope.of(odd_bucket.dataset.source, RunParams())
        counts = freeze_listing(odd_bucket.stores.source, odd_bucket.dataset.source, scope, database)
        found = [row[0] for row in database.run("SELECT key FROM listing ORDER BY key").fetchall()]
    assert found == sorted(ODD_KEYS, key=str.encode)
    assert (counts.images, counts.not_images, counts.ignored) == (len(ODD_KEYS), 2, 0)


def test_odd_keys_go_all_the_way_and_are_failed_by_name(odd_bucket):
    done = odd_bucket.run()
    assert done.balance.fates["failed"] == len(ODD_KEYS)
    assert set(odd_bucket.rows(done)) == set(ODD_KEYS)
    report = odd_bucket.stores.results.read_bytes(done.summary["folder"] + "report.html").decode()
    assert "<b>html</b>" not in report


def test_ignored_keys_are_counted_and_never_inferred(odd_bucket):
    source = {**odd_bucket.dataset.source.model_dump(), "ignore": ["plain.jpg"]}
    done = odd_bucket.with_settings(source=source).run()
    assert done.summary["run"]["listing"]["ignored"] == 1
    assert "plain.jpg" not in odd_bucket.rows(done)
