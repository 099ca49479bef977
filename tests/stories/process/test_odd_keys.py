"""Every key that S3 allows has its right fate, over the store itself and as a mounted bucket shows it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import make_pipeline
from shoal.bucket.unshown_names import read_unshown_names
from shoal.stores.images import ImageDenied
from shoal.stores.mounted_names import mounted_path, why_unshown
from shoal.stores.s3 import S3Store
from shoal.tables.session import open_database

NAMES = {
    **{f"U+{code:04X}": f"a{chr(code)}b" for code in (*range(1, 32), 0x7F, 0x80, 0x85, 0x9F, 0xA0, 0x200B, 0x2028, 0xFEFF, 0xFFFE)},
    "newline of Windows": "a\r\nb",
    "quotes": "'a\"b`c",
    "backslashes": "a\\b\\n",
    "pictures of control characters": "a\u2409b\u2421",
    "a picture and what it shows": "\u2409\t",
    "spaces at the end": "a  ",
    "spaces in front": "  a",
    "dots": "...a..",
    "percent and plus": "a%20b+c%2Fd",
    "composed": "\u00e9",
    "decomposed": "e\u0301",
    "beyond 16 bits": "\U0001f41f",
    "a folder with a space and a dot at its end": "a ./b. /c",
    "1,024 bytes": "/".join(["d" * 200, "\u00fc" * 120, "d" * 200, "d" * 200, "d" * 173]),
}  # fmt: skip


@pytest.fixture(scope="module")
def odd_run(minio, demo_models, scenes, tmp_path_factory):
    """A whole run over keys that MinIO takes, by name: one photo, and text that is read and judged without inference."""
    pipeline = make_pipeline(minio, demo_models, tmp_path_factory.mktemp("odd"))
    keys = {name: f"{text}-{number:02}.jpg" for number, (name, text) in enumerate(NAMES.items())}
    for name, key in keys.items():
        pipeline.put(key, f"text of {name}".encode() if name != "U+0009" else scenes[20].jpeg)
    plan = pipeline.plan()
    pipeline.infer(plan)
    return pipeline, plan, pipeline.summarize(plan), keys


def test_the_longest_key_has_1024_bytes():
    assert max(len(f"{text}-00.jpg".encode()) for text in NAMES.values()) == 1024


def test_each_listed_key_is_read_judged_and_verified(odd_run):
    pipeline, plan, done, keys = odd_run
    listed = pipeline.stores.source.list_keys("")
    assert sorted(listed) == sorted(keys.values())
    rows = pipeline.rows(done)
    found = {name: rows[key]["status"] for name, key in keys.items()}
    assert found == {**dict.fromkeys(keys, "failed"), "U+0009": "processed"}
    assert {row["reason"] for row in rows.values()} == {None, "not_image"}
    assert pipeline.verify(plan.run_key, plan.variant.directory).deviations == ()


def test_rclone_shows_each_key_under_the_name_it_is_looked_for(odd_run):
    """A mount shows the names that `rclone lsf` prints; the sidecar runs the same rclone."""
    pipeline, *_, keys = odd_run
    source = pipeline.stores.source
    assert isinstance(source, S3Store)
    variables = {
        "ACCESS_KEY_ID": source.access.access_key,
        "SECRET_ACCESS_KEY": source.access.secret_key,
        "ENDPOINT": source.address,
    }
    shown = subprocess.run(
        [Path(sys.executable).parent / "rclone", "lsf", "-R", "--files-only", "--config", os.devnull, f":s3:{source.bucket}"],
        env={**os.environ, **{f"RCLONE_S3_{name}": value for name, value in variables.items()}},
        capture_output=True, check=True, timeout=60,
    ).stdout.decode()  # fmt: skip
    assert sorted(shown.removesuffix("\n").split("\n")) == sorted(map(mounted_path, keys.values()))


@pytest.mark.parametrize(
    ("key", "why"),
    [
        pytest.param("a//b.jpg", "has an empty part", id="a double slash"),
        pytest.param("/b.jpg", "has an empty part", id="a slash in front"),
        pytest.param("a/./b.jpg", "one of dots", id="a dot"),
        pytest.param("a/../b.jpg", "one of dots", id="two dots"),
        pytest.param("\uff0e/b.jpg", "one of dots", id="a full-width dot, which rclone takes for one"),
        pytest.param("a\uff0fb.jpg", "a character that rclone writes for another one", id="a full-width slash"),
        pytest.param("\u00fc" * 128, "has a part of 256 bytes", id="a part of 256 bytes"),
        pytest.param("a" * 253 + "\t", "has a part of 256 bytes", id="a part that is shown with 256 bytes"),
    ],
)
def test_what_a_mount_cannot_show_is_said_by_the_plan_and_denied_by_the_worker(key, why, empty_bucket):
    with open_database(empty_bucket.stores.results) as database:
        database.run("CREATE TABLE listing AS SELECT unnest(?) AS key", [[key, "2026/a\tb.jpg", "x" * 255]])
        [said] = read_unshown_names(database)
    assert said.startswith("1 image has a name that a mounted bucket cannot show and will be denied: ")
    assert why in said
    assert said.endswith("read it with cluster.pod.transfer: direct, or put it into source.ignore")
    with pytest.raises(ImageDenied, match=why):
        mounted_path(key)


def test_more_than_fit_into_memory_at_once_are_counted_and_the_first_is_named(empty_bucket):
    with open_database(empty_bucket.stores.results) as database:
        deep = "/".join(["d" * 200] * 4)
        database.run(
            "CREATE TABLE listing AS SELECT 'b//' || i || '.jpg' AS key FROM range(25_000) AS _(i) UNION ALL "
            "SELECT ? || i FROM range(1000) AS _(i) UNION ALL SELECT 'a//z.jpg'",
            [deep],
        )
        [said] = read_unshown_names(database)
    assert said.startswith(
        '25001 images have names that a mounted bucket cannot show and will be denied: "a//z.jpg" has'
    )


@pytest.mark.parametrize("text", NAMES.values(), ids=NAMES)
def test_all_others_are_shown(text):
    assert why_unshown(text) == ""


def test_a_plan_for_pods_that_read_the_store_themselves_says_nothing_of_it(odd_run):
    _, plan, *_ = odd_run
    assert not any("mounted" in line for line in plan.describe())
