"""`python -m shoal export` without its words: into a folder or a bucket, once, again, interrupted, and where it may not."""

import csv
import fcntl
import hashlib
import json
import resource
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from hostile_answer import HOSTILE_TAXON
from published_answer import PUBLISH
from shoal.answers.find import find_run
from shoal.answers.where import Where
from shoal.contract.errors import ConfigError
from shoal.exports import on_demand, whole_file
from shoal.exports.export import find_afterwards, need_exports
from shoal.exports.on_demand import Order, describe, export_to_folder, export_to_store
from shoal.exports.out_folder import BEGUN, TOLD, differences
from shoal.stores.kinds import open_store
from shoal.tables.session import open_database

LONG = find_afterwards("long", {})


@pytest.fixture(scope="module")
def database(hostile):
    with open_database(hostile.results) as opened:
        yield opened


@pytest.fixture
def order(hostile):
    """Asks for an export of the answer, or of a part of it."""
    run = find_run(hostile.results, hostile.layout)

    def of(export=LONG, *where):
        return Order(run, hostile.pipeline.dataset, export, Where.parse(where, "Europe/Madrid"))

    return of


def bytes_of(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def test_long_has_every_number_of_the_summary(database, order, hostile, tmp_path):
    done = export_to_folder(database, order(), tmp_path / "out")
    lines = list(csv.DictReader((tmp_path / "out/long.csv").open(encoding="utf-8", newline="")))
    seen = Counter()
    for line in lines:
        seen[line["taxon"]] += int(line["count"])
    assert seen == {one["taxon"]: one["detections"] for one in hostile.done.summary["result"]["species"]}
    assert any(line["count"] == "0" and int(line["images"]) > 0 for line in lines), "zeros are lines"
    read_back = duckdb.sql(f"SELECT taxon, sum(count)::BIGINT FROM '{tmp_path}/out/long.parquet' GROUP BY 1").fetchall()
    assert dict(read_back) == seen
    spreadsheet = (tmp_path / "out/long.spreadsheet.csv").read_text(encoding="utf-8")
    assert f"\"'{HOSTILE_TAXON}".replace('"julis"', '""julis""') in spreadsheet, "no formula"
    assert [file["name"] for file in done.told["files"]] == ["long.csv", "long.parquet", "long.spreadsheet.csv"]


def test_export_json_says_what_was_written_of_which_answer(database, order, hostile, tmp_path):
    done = export_to_folder(database, order(LONG, "camera=A", "from=2026-05-01,to=2026-06-01"), tmp_path / "out")
    told = json.loads((tmp_path / "out" / TOLD).read_text(encoding="utf-8"))
    assert told == done.told
    assert told["result_sha256"] == hostile.done.stored.result_sha256
    assert told["where"]["from"] == "2026-04-30T22:00:00Z"
    for file in told["files"]:
        data = (tmp_path / "out" / file["name"]).read_bytes()
        assert (file["sha256"], file["bytes"]) == (hashlib.sha256(data).hexdigest(), len(data))
        assert file["rows"] == 9, "three days of three taxa"
    assert not {"run_key", "listed_at"} & set(str(told)), "nothing of a run or of times"
    assert hostile.done.stored.run_key not in str(told)
    assert any("2026-04-30T22:00:00Z" in line for line in describe(done))


def test_the_same_answer_is_the_same_bytes_and_a_repeat_writes_nothing(database, order, tmp_path):
    first, second = (export_to_folder(database, order(), tmp_path / name) for name in "ab")
    assert bytes_of(tmp_path / "a") == bytes_of(tmp_path / "b")
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "a").iterdir()}
    again = export_to_folder(database, order(), tmp_path / "a")
    assert (first.again, second.again, again.again) == (False, False, True)
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "a").iterdir()} == before


class Interrupted(Exception):  # noqa: N818
    pass


def test_an_export_that_was_interrupted_goes_on_with_the_file_it_was_at(database, order, tmp_path, monkeypatch):
    whole, out = tmp_path / "whole", tmp_path / "out"
    export_to_folder(database, order(), whole)
    copy = type(database).copy

    def ends_at_the_second(self, query, path, options):
        if "parquet" in path.name:
            raise Interrupted
        return copy(self, query, path, options)

    with monkeypatch.context() as broken:
        broken.setattr(type(database), "copy", ends_at_the_second)
        with pytest.raises(Interrupted):
            export_to_folder(database, order(), out)
    assert sorted(path.name for path in out.iterdir()) == [BEGUN, "long.csv"]
    (out / ".long.parquet.part").write_bytes(b"half a file")
    kept = (out / "long.csv").stat().st_mtime_ns
    with pytest.raises(ConfigError, match=r"holds another export \(its --where differs\) - name another --out"):
        export_to_folder(database, order(LONG, "camera=A"), out)
    assert export_to_folder(database, order(), out).again is False
    assert (out / "long.csv").stat().st_mtime_ns == kept
    assert bytes_of(out) == bytes_of(whole)


@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        pytest.param(
            lambda out: (out.mkdir(), (out / "a.txt").touch()),
            r"is not empty \(1 entries, such as a.txt\)",
            id="not empty",
        ),
        pytest.param(lambda out: out.write_text("x"), "is no folder", id="a file"),
        pytest.param(
            lambda out: (out.mkdir(), (out / TOLD).write_text("[")), "holds another export", id="broken export.json"
        ),
        pytest.param(
            lambda out: (out.mkdir(), (out / BEGUN).write_text("{}")), "holds another export", id="of somebody else"
        ),
        pytest.param(lambda out: out.symlink_to("/proc/self"), "cannot be written|is not empty", id="not writable"),
    ],
)
def test_a_folder_that_cannot_be_taken_is_told_in_one_line(database, order, tmp_path, prepare, said):
    out = tmp_path / "out"
    prepare(out)
    with pytest.raises(ConfigError, match=said) as told:
        export_to_folder(database, order(), out)
    assert "\n" not in str(told.value)


def test_a_full_folder_is_told_and_gone_on_with(database, order, tmp_path, monkeypatch):
    """The system refuses further bytes of the file, as a full disk does that is another one than the scratch folder's."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = export_to_folder(database, order(), tmp_path / "whole").told["files"][0]["bytes"]
    copyfileobj = shutil.copyfileobj

    def without_room(source, target):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, hard))
        try:
            copyfileobj(source, target)
            target.flush()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    with monkeypatch.context() as full:
        full.setattr(whole_file, "_moved", lambda *_: False)
        full.setattr(shutil, "copyfileobj", without_room)
        with pytest.raises(
            ConfigError, match=r"No room left for the export in .*out \(File too large\) - free some and repeat"
        ):
            export_to_folder(database, order(), tmp_path / "out")
    export_to_folder(database, order(), tmp_path / "out")
    assert bytes_of(tmp_path / "out") == bytes_of(tmp_path / "whole")


def test_two_exports_never_write_into_one_folder_at_a_time(database, order, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    with (out / BEGUN).open("a") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(ConfigError, match=r"Another export writes into .* right now"):
            export_to_folder(database, order(), out)


def test_files_that_were_changed_since_are_told(database, order, tmp_path):
    export_to_folder(database, order(), tmp_path / "out")
    (tmp_path / "out/long.csv").write_text("one,more\n")
    with pytest.raises(ConfigError, match=r"long.csv is gone or was changed since it was exported"):
        export_to_folder(database, order(), tmp_path / "out")


def test_what_the_dataset_file_lacks_is_asked_for_before_anything_is_written(database, order, tmp_path):
    asking = type("Asking", (type(LONG),), {"missing": lambda *_: ["publish.licence: CC-BY-4.0"]})()
    with pytest.raises(ConfigError, match=r"Export long needs what .* add to its file: publish.licence: CC-BY-4.0"):
        export_to_folder(database, order(asking), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["long", "camtrapr", "darwin-core"])
def test_the_run_is_asked_for_days_and_not_the_dataset_file_of_today(database, order, tmp_path, name, hostile):
    asked = order(find_afterwards(name, {}))
    said = hostile.pipeline.with_settings(
        report={"bins": ["hour", "month"]},
        publish=PUBLISH,
        deployments=[{"name": "reef-1", "camera": "A", "start": "2026-01-01", "latitude": 41.0, "longitude": 1.7}],
    ).dataset
    settings = {**asked.run.plan.settings_json, "report": {"bins": ["hour", "month"]}}
    without_days = replace(asked.run, plan=replace(asked.run.plan, settings_json=settings))
    again = "count its images again, which infers nothing: python -m shoal summarize reef --publish"
    with pytest.raises(ConfigError) as told:
        export_to_folder(database, replace(asked, run=without_days, dataset=said), tmp_path / "out")
    assert str(told.value) == (
        f"Export {name} is made of days, and this run of dataset reef has bins of hour, month only - write "
        f"report: {{bins: [hour, month, day]}} into its dataset file and {again}"
    )
    days_now = said.model_copy(update={"report": hostile.pipeline.dataset.report})
    with pytest.raises(ConfigError, match=rf"has bins of hour, month only - {again}$"):
        export_to_folder(database, replace(asked, run=without_days, dataset=days_now), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    replace(asked, dataset=said).need()


def test_days_that_runs_to_come_lack_are_asked_for_with_the_widths_there_are(hostile):
    dataset = hostile.pipeline.with_settings(exports=["long"], report={"bins": ["hour", "month"]}).dataset
    with pytest.raises(ConfigError, match=r"what export long needs - add: report: {bins: \[hour, month, day\]}$"):
        need_exports(dataset)


def test_a_bucket_holds_the_same_files(hostile, order, tmp_path):
    store = open_store(hostile.results.access, "reef-exports")
    with open_database(hostile.results) as database:
        export_to_folder(database, order(), tmp_path / "out")
        done = export_to_store(database, order(), store, "exports/a/")
    assert {key.removeprefix("exports/a/"): store.read_bytes(key) for key in store.list_keys("exports/a/")} == bytes_of(
        tmp_path / "out"
    )
    assert done.place.endswith("/exports/a/")
    with open_database(hostile.results) as database:
        assert export_to_store(database, order(), store, "exports/a/").again
        with pytest.raises(ConfigError, match="holds another export"):
            export_to_store(database, order(LONG, "camera=A"), store, "exports/a/")
        with pytest.raises(ConfigError, match="holds other objects"):
            export_to_store(database, order(), open_store(hostile.results.access, "reef-models"), "demo-fish/")


def test_objects_that_are_gone_from_a_bucket_are_told(hostile, order):
    store = open_store(hostile.results.access, "reef-exports")
    for name, gone in (("long", "long.csv"), ("yolo", "labels/")):
        asked, prefix = order(find_afterwards(name, {})), f"exports/gone-{name}/"
        with open_database(hostile.results) as database:
            export_to_store(database, asked, store, prefix)
        key = store.list_keys(prefix + gone)[0]
        store.delete([key])
        with (
            open_database(hostile.results) as database,
            pytest.raises(ConfigError, match=r"is gone or was changed") as told,
        ):
            export_to_store(database, asked, store, prefix)
        assert store.uri(key) in str(told.value)


def test_a_bucket_of_others_is_refused_at_its_first_object(hostile, order, monkeypatch):
    store, listed = open_store(hostile.results.access, "reef-models"), []
    list_objects = store.list_objects

    def noting(prefix):
        for found in list_objects(prefix):
            listed.append(found.key)
            yield found

    monkeypatch.setattr(store, "list_objects", noting)
    store.write_bytes("z.txt", b"")
    try:
        with (
            open_database(hostile.results) as database,
            pytest.raises(
                ConfigError, match=r"holds other objects, such as demo-fish/v1/model.onnx - name another prefix: --out"
            ),
        ):
            export_to_store(database, order(), store, "")
    finally:
        store.delete(["z.txt"])
    assert listed == ["demo-fish/v1/model.onnx"]


def test_a_label_that_is_gone_or_changed_is_told(database, order, tmp_path):
    asked, out = order(find_afterwards("yolo", {})), tmp_path / "out"
    export_to_folder(database, asked, out)
    assert export_to_folder(database, asked, out).again
    label = next(path for path in sorted((out / "labels").rglob("*.txt")) if path.stat().st_size)
    label.write_bytes(label.read_bytes()[:-1])
    with pytest.raises(ConfigError, match=r"\.txt is gone or was changed since it was exported"):
        export_to_folder(database, asked, out)
    shutil.rmtree(out / "labels")
    with pytest.raises(ConfigError, match=r"\.txt is gone or was changed since it was exported"):
        export_to_folder(database, asked, out)


def test_what_differs_is_told_as_people_know_it(database, order, hostile, tmp_path, monkeypatch):
    out = tmp_path / "out"
    export_to_folder(database, order(), out)
    said = replace(order(), dataset=hostile.pipeline.with_settings(publish=PUBLISH).dataset)
    with pytest.raises(
        ConfigError,
        match=r"\(what the dataset file says now under taxa, deployments or publish differs\) - name another --out",
    ):
        export_to_folder(database, said, out)
    monkeypatch.setattr(on_demand, "LOADED_CODE", "0" * 64)
    with pytest.raises(ConfigError, match=r"\(the release or code of Shoal, or the release of DuckDB differs\)"):
        export_to_folder(database, order(), out)


def test_an_export_with_corrected_counts_is_another_one_where_there_are_none_any_more():
    now = {"export": "long", "result_sha256": "a" * 64}
    assert differences({**now, "files": [], "not_held": {}}, now) == ""
    assert differences({**now, "estimates_sha256": "b" * 64}, now) == "what labels make of its counts differs"
    assert differences(now, {**now, "estimates_sha256": "b" * 64}) == "what labels make of its counts differs"
    assert differences({"estimates_sha256": "b" * 64}, now) == "it does not say of what"


def test_what_an_export_cannot_hold_is_counted(database, order, hostile, tmp_path):
    done = export_to_folder(database, order(LONG, "camera=A", "to=2026-05-12T12:00:00Z"), tmp_path / "out")
    assert done.told["not_held"] == {"days of a camera that --where cuts in two": 1}
    undated = hostile.done.summary["result"]["balance"]["undated"]
    whole = export_to_folder(database, order(), tmp_path / "whole")
    assert whole.told["not_held"] == {"images without a capture time": undated} != {"images without a capture time": 0}
    assert "not held: days of a camera that --where cuts in two: 1" in describe(done)


def test_no_export_of_a_name_or_with_an_option_is_told():
    with pytest.raises(ConfigError, match=r"No export 'excel' - there are .*long"):
        find_afterwards("excel", {})
    with pytest.raises(ConfigError, match="Export long has no --relative-to - leave it out"):
        find_afterwards("long", {"relative_to": "a/"})
