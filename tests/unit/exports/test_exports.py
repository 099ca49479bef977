"""The door of the exports: what is written beside a summary, what another wheel may add, and what becomes of its mistakes."""

import hashlib
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from pipeline import beside_report, make_pipeline
from shoal.contract.errors import ConfigError, StoreError
from shoal.contract.hashing import canonical_sha256
from shoal.evidence.answer_evidence import TOO_FEW, AnswerEvidence
from shoal.exports.export import EXPORTS, Answer, find_export, need_exports
from shoal.exports.write import write_exports, write_one
from shoal.preflight.steps import Checked, store_steps, try_steps
from shoal.results.ledger import find_sources
from shoal.results.stored_plan import StoredPlan
from shoal.settings.dataset_files import load_dataset
from shoal.summary.tables import build_tables
from shoal.tables.session import open_database
from wheels import lay_wheel
from written_rows import write_rows

COUNTING = """
class Tally:
    name = "tally"
    content_type = "text/plain"
    needs_complete = False
    repeatable = True

    def missing(self, dataset):
        return []

    def write(self, database, answer, to, where):
        from shoal.exports.export import Written

        path = to / "tally.txt"
        path.write_text(str(database.value("SELECT count(*) FROM images")))
        return Written((path,))

EXPORT = Tally()
"""


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Installs wheels: a module with its entry points, as pip leaves them in a folder of the path."""

    def install(code: str, *names: str, wheel: str = "tallies") -> None:
        points = {"shoal.exports": dict.fromkeys(names or ["tally"], f"{wheel}:EXPORT")}
        folder = lay_wheel(tmp_path / wheel, wheel, points, {f"{wheel}.py": code})
        monkeypatch.syspath_prepend(folder)
        monkeypatch.delitem(sys.modules, wheel, raising=False)

    return install


@pytest.fixture
def summarized(few_images):
    """Summarizes twelve images whose dataset file asks for exports; with the summary comes what verify says of it."""

    def summarize(*exports: str, complete: bool = True):
        asking = few_images.with_settings(exports=exports)
        plan = asking.plan()
        if complete:
            write_rows(asking, plan)
        done = asking.summarize(plan)
        return asking, done, lambda: asking.verify(plan.run_key, plan.variant.directory)

    return summarize


@pytest.fixture(scope="module")
def tables(store, demo_models, scenes, tmp_path_factory):
    """A session with the tables of a summary over two images, and what their run found."""
    pipeline = make_pipeline(store, demo_models, tmp_path_factory.mktemp("tables"))
    pipeline.put_scenes([scene for scene in scenes if scene.fish][:2])
    plan = pipeline.plan()
    write_rows(pipeline, plan)
    done, stored = pipeline.summarize(plan), StoredPlan.parse(plan.to_json())
    layout = pipeline.stores.layout.variant(plan.variant.directory)
    with open_database(pipeline.stores.results) as database:
        build_tables(database, stored, layout.run(plan.run_key), find_sources(database, layout, stored))
        yield database, Answer(stored, True, done.summary["result"], done.summary["run"])


BUILT_IN = ["counts-day.csv", "counts-month.csv", "failures.csv", "gaps.csv", "report.html"]


def read(pipeline, done, name):
    return pipeline.stores.results.read_bytes(done.summary["folder"] + name)


def changed(code: str, *pairs: tuple[str, str]) -> str:
    for old, new in pairs:
        assert old in code
        code = code.replace(old, new)
    return code


def test_every_run_writes_the_table(summarized):
    _, done, verify = summarized()
    assert beside_report(done.summary) == BUILT_IN
    assert [find_export(name).name for name in EXPORTS] == list(EXPORTS)
    assert "exports" not in done.summary["run"]
    assert verify().deviations == ()


def test_a_run_with_images_left_goes_without_what_would_mislead(summarized):
    _, done, verify = summarized(complete=False)
    assert done.summary["complete"] is False
    assert beside_report(done.summary) == ["failures.csv", "report.html"]
    assert [done.summary["result"][name] for name in ("counts_sha256", "gaps_sha256")] == [None, None]
    assert verify().deviations == ()


def test_the_same_answer_is_the_same_files_in_key_order(few_images, bad, tmp_path):
    """The second run reuses every row of the first, and another description has it compute everything anew."""
    for file in bad:
        few_images.put(file.key, file.data)
    first, second = few_images.run(), few_images.with_settings(description="Ana's camera").run()
    assert second.balance.fates["reused"] == second.balance.listed
    assert second.summary["result_sha256"] == first.summary["result_sha256"]
    told = [[file for file in done.stored.files if file.month or "report" not in file.key] for done in (first, second)]
    keys = [[(file.name, file.sha256) for file in files] for files in told]
    assert keys[0] == keys[1], "all but the report, which shows the description"
    months = {file.key for file in first.stored.tables}
    assert months == {file.key for file in second.stored.tables}, "a month is stored once"
    for file in first.stored.tables:
        if file.table in {"images", "detections"}:
            (tmp_path / file.name).write_bytes(few_images.stores.results.read_bytes(file.key))
            sorted_keys = [key for (key,) in duckdb.sql(f"SELECT key FROM '{tmp_path / file.name}'").fetchall()]
            assert sorted_keys == sorted(sorted_keys) != []


def test_verify_compares_parquet_by_its_rows_and_other_files_by_their_bytes(few_images, tmp_path):
    """Another release of DuckDB writes other bytes around the same rows."""
    plan = few_images.plan()
    few_images.infer(plan)
    done = few_images.summarize(plan)
    results, layout = few_images.stores.results, few_images.stores.layout.variant(plan.variant.directory)
    [month] = [file for file in done.stored.tables if file.table == "detections"]
    (tmp_path / month.name).write_bytes(results.read_bytes(month.key))

    def deviations(query):
        path = tmp_path / "other.parquet"
        duckdb.sql(f"COPY ({query}) TO '{path}' (FORMAT parquet, COMPRESSION gzip)")
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        key = layout.answer_file("detections", month.month, sha256)
        results.write_bytes(key, path.read_bytes())
        change_file(few_images, done, month.name, key=key, sha256=sha256)
        return few_images.verify(plan.run_key, plan.variant.directory).deviations

    differs = (f"G3: file {month.name} written again from the rows differs from the summary's",)
    stored = f"FROM '{tmp_path / month.name}'"
    assert deviations(f"SELECT * {stored}") == ()
    assert deviations(f"SELECT * REPLACE ((confidence / 2)::FLOAT AS confidence) {stored}") == differs
    assert deviations(f"SELECT * {stored} ORDER BY key DESC, position") == differs
    assert deviations(f"SELECT * {stored} LIMIT 3") == differs
    assert deviations(f"SELECT * EXCLUDE x1 {stored}") == differs


def change_file(pipeline, done, name, **fields):
    """Let a summary tell something else of one of its files."""
    files = [{**file.to_json(), **(fields if file.name == name else {})} for file in done.stored.files]
    pipeline.stores.results.write_json(done.key, {**done.summary, "files": files})


def drop_file(pipeline, done, name):
    files = [file.to_json() for file in done.stored.files if file.name != name]
    pipeline.stores.results.write_json(done.key, {**done.summary, "files": files})


def test_verify_tells_of_a_file_that_its_rows_do_not_give(summarized):
    """A writer who changes a file and its sha256 in the summary is found, for every file the rows give."""
    pipeline, done, verify = summarized()
    for name in ("counts-day.csv", "failures.csv"):
        data = read(pipeline, done, name) + b"one,more\n"
        pipeline.stores.results.write_bytes(done.summary["folder"] + name, data)
        change_file(pipeline, done, name, sha256=hashlib.sha256(data).hexdigest())
        assert f"G3: file {name} written again from the rows differs from the summary's" in verify().deviations
    month = done.stored.tables[-1]
    for name in ("failures.csv", month.name):
        drop_file(pipeline, done, name)
        assert f"G3: the summary names no file {name}, which its rows give" in verify().deviations
    change_file(pipeline, done, month.name, rows=month.rows + 1)
    told = f"G3: the summary says that {month.name} has {month.rows + 1} rows, its rows give {month.rows}"
    assert told in verify().deviations
    lost = replace(month, month="2031-01", key=month.key.replace(month.month, "2031-01"))
    files = [file.to_json() for file in (*done.stored.files, lost)]
    pipeline.stores.results.write_json(done.key, {**done.summary, "files": files})
    told = (
        f"G3: file {lost.name} of the summary of run {done.stored.run_key} is missing: there is no object {lost.key}",
        f"G3: the summary names {lost.name}, which its rows do not give",
    )
    assert set(told) <= set(verify().deviations), "which run, and which file"


def test_a_summary_of_one_folder_is_verified_as_far_as_it_goes(summarized):
    pipeline, done, verify = summarized()
    data = b"bin,bin_start,bin_end\n"
    pipeline.stores.results.write_bytes(done.summary["folder"] + "counts.csv", data)
    kept = {
        file.name: file.sha256
        for file in done.stored.files
        if file.month is None and not file.name.startswith(("counts", "gaps", "explore"))
    }
    told = {
        name: value for name, value in done.summary["result"].items() if name not in {"axis", "gaps", "gaps_sha256"}
    }
    result = {**told, "counts_sha256": hashlib.sha256(data).hexdigest()}
    stored = {
        "result": result,
        "result_sha256": canonical_sha256(result),
        "files": {**kept, "counts.csv": result["counts_sha256"]},
    }
    pipeline.stores.results.write_json(done.key, {**done.summary, **stored})
    again = verify()
    assert [line for line in again.deviations if "current.json" not in line] == []
    assert again.notes == ("stored before tables by month: its files are compared by their sha256, not written again",)
    pipeline.stores.results.write_bytes(done.summary["folder"] + "counts.csv", data + b"more")
    said = "G3: file counts.csv has another sha256 than the summary says - delete "
    assert any(line.startswith(said) for line in verify().deviations)


def test_an_export_of_another_wheel_is_written_beside_the_others_when_asked_for(wheel, summarized):
    wheel(COUNTING)
    pipeline, done, verify = summarized("tally")
    assert beside_report(done.summary) == [*BUILT_IN, "tally.txt"]
    assert read(pipeline, done, "tally.txt") == b"12"
    assert (verify().deviations, verify().notes) == ((), ())
    _, unasked, _ = summarized()
    assert beside_report(unasked.summary) == BUILT_IN


def test_verify_writes_it_again(wheel, summarized):
    wheel(COUNTING)
    _, done, verify = summarized("tally")
    loaded = sys.modules["tallies"].Tally
    loaded.content_type = "text/csv"
    assert verify().deviations == ()
    write = loaded.write

    def write_otherwise(self, database, answer, to, where):
        written = write(self, database, answer, to, where)
        written.files[0].write_text("13")
        return written

    loaded.write = write_otherwise
    assert verify().deviations == ("G3: file tally.txt written again from the rows differs from the summary's",)
    loaded.repeatable = False
    assert verify().deviations == ()
    assert "tally.txt" in beside_report(done.summary)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        pytest.param(("path.write_text(", "1 / 0  # "), "ZeroDivisionError: division by zero", id="raises"),
        pytest.param(('"tally.txt"', '"../tally.txt"'), "write plain files", id="a file that leaves the folder"),
        pytest.param(('to / "tally.txt"', 'database.folder / "tally.txt"'), "write plain files", id="another folder"),
        pytest.param(('"tally.txt"', '"tally of fish.txt"'), "write plain files", id="a strange file name"),
        pytest.param(("path.write_text(", "(lambda _: None)("), "write plain files", id="a file that is not there"),
        pytest.param(("path.write_text(", "path.symlink_to('/etc/passwd') or str("), "write plain files", id="a link"),
        pytest.param(('"tally.txt"', '"counts-day.csv"'), "which is another export's file", id="another export's file"),
        pytest.param(("(path,)", "(path, path)"), "names a file twice", id="one file twice"),
        pytest.param(("text/plain", "text/plain\\nx: y"), "has the content type", id="a strange content type"),
        pytest.param(('name = "tally"', 'name = "../tally"'), "calls itself '../tally'", id="another name"),
        pytest.param(("path.write_text(", "raise SystemExit('done') # "), "SystemExit: done", id="ends the program"),
        pytest.param(
            ("return Written", "return answer.run.clear() or list"), "'list' object has no", id="returns a list"
        ),
        pytest.param(("class Tally", "import no_such_module\nclass Tally"), "cannot be imported", id="no import"),
    ],
)
def test_what_a_strangers_export_does_wrong_is_said_in_one_line(  # noqa: PLR0917 - a table
    wheel, tables, tmp_path, monkeypatch, code, reason
):
    wheel(changed(COUNTING, code))
    database, answer = tables
    monkeypatch.setattr(database, "folder", database.folder / tmp_path.name)  # SQL reaches no other
    exported = write_exports(database, answer, ["tally"])
    assert sorted(file.path.name for file in exported.files) == sorted(exported.answer.files) == BUILT_IN
    assert exported.answer.run == answer.run != {}
    failed = exported.told["tally"]["failed"]
    assert reason in failed
    assert "\n" not in failed


def test_a_store_that_does_not_answer_is_no_fault_of_an_export(wheel, tables, tmp_path, monkeypatch):
    """The task is tried again; nothing is written down about the export."""
    database, answer = tables
    monkeypatch.setattr(database, "folder", database.folder / tmp_path.name)  # SQL reaches no other
    raising = "from shoal.contract.errors import StoreError; raise StoreError('no answer')  # "
    wheel(changed(COUNTING, ("path.write_text(", raising)), "tally", wheel="no_answer")
    with pytest.raises(StoreError, match="no answer"):
        write_exports(database, answer, ["tally"])


def test_an_export_that_fails_costs_its_own_files_only(wheel, summarized, caplog):
    wheel(changed(COUNTING, ("path.write_text(", "1 / 0  # ")))
    _, done, verify = summarized("tally")
    assert beside_report(done.summary) == BUILT_IN
    assert done.not_current_because is None
    assert done.summary["run"]["exports"] == {"tally": {"failed": "ZeroDivisionError: division by zero"}}
    assert "export tally failed, its files are missing: ZeroDivisionError: division by zero" in done.describe()
    assert "Export tally failed, the run's answer stands without it" in caplog.text
    assert verify().deviations == ()


def test_what_an_export_cannot_hold_is_counted(wheel, summarized):
    wheel(changed(COUNTING, ("Written((path,))", "Written((path,), {'images without a time': 3, 'boxes': 0})")))
    _, done, verify = summarized("tally")
    assert done.summary["run"]["exports"] == {"tally": {"not_held": {"images without a time": 3}}}
    assert "export tally cannot hold 3 images without a time" in done.describe()
    assert verify().deviations == ()


def test_an_export_that_needs_a_complete_run_waits_for_one(wheel, summarized):
    wheel(changed(COUNTING, ("needs_complete = False", "needs_complete = True")))
    _, done, _ = summarized("tally", complete=False)
    assert "tally.txt" not in beside_report(done.summary)
    assert "exports" not in done.summary["run"]


def test_a_wheel_that_is_gone_costs_nothing_but_its_comparison(wheel, summarized, monkeypatch):
    wheel(COUNTING)
    _, _, verify = summarized("tally")
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if not entry.endswith("tallies")])
    found = verify()
    assert found.deviations == ()
    [note] = found.notes
    assert "compared by sha256 only - ConfigError: shoal.exports: nothing is named 'tally' - there are counts" in note


def test_a_dataset_file_that_asks_for_an_export_that_is_not_here_says_what_is(pipelines, wheel):
    with pytest.raises(
        ConfigError,
        match=r"exports: no installed wheel brings an export 'talley' - there are coco, long, megadetector; else install its wheel",
    ):
        pipelines(exports=["talley"])
    wheel(COUNTING)
    with pytest.raises(
        ConfigError,
        match=r"no installed wheel brings an export 'talley' - there are coco, long, megadetector, tally; else",
    ):
        pipelines(exports=["talley"])
    assert pipelines(exports=["tally"]).dataset.exports == ("tally",)


@pytest.mark.parametrize("name", ["../tally", "", "a b", ".hidden", "x" * 64])
def test_a_strange_name_of_an_export_is_refused(pipelines, wheel, name):
    wheel(COUNTING, "tally", *([name] if name else []))
    with pytest.raises(ConfigError, match=r"exports\.0: is not a name of this kind"):
        pipelines(exports=[name])


def test_two_wheels_of_one_name_are_told_of(wheel):
    wheel(COUNTING)
    wheel(COUNTING, wheel="more_tallies")
    with pytest.raises(
        ConfigError, match=r"'tally' is in several wheels \(more_tallies, tallies\) - uninstall all but one"
    ):
        find_export("tally")


def test_a_wheel_cannot_replace_what_every_run_writes(wheel, summarized):
    wheel(COUNTING, "counts")
    _, done, verify = summarized()
    assert beside_report(done.summary) == BUILT_IN
    assert verify().deviations == ()


def test_what_the_dataset_file_must_say_first_is_told_before_anything_is_inferred(wheel, few_images):
    wheel(changed(COUNTING, ("return []", 'return ["description: who took them"] if not dataset.description else []')))
    asking = few_images.with_settings(exports=["tally"])
    with pytest.raises(
        ConfigError, match=r"the dataset file lacks what export tally needs - add: description: who took them$"
    ):
        need_exports(asking.dataset)
    need_exports(asking.with_settings(description="Ana's camera").dataset)


def test_check_tries_the_exports_that_a_dataset_file_asks_for(wheel, few_images):
    wheel(changed(COUNTING, ("return []", 'return ["description: who took them"] if not dataset.description else []')))
    asking = few_images.with_settings(exports=["tally"])

    def checked(pipeline):
        return [step for step in try_steps(store_steps(pipeline.dataset, pipeline.stores)) if step.name == "exports"]

    assert checked(few_images) == []
    [step] = checked(asking)
    assert (step.ok, "add: description: who took them" in step.text) == (False, True)
    assert checked(asking.with_settings(description="Ana's camera")) == [
        Checked("exports", "tally will be written beside the summary")
    ]


def test_the_same_summary_is_the_same_report(few_images):
    """Nothing in it is of this run, or drawn by lot."""
    plan = few_images.plan()
    few_images.infer(plan)
    done = few_images.summarize(plan)
    run = few_images.stores.layout.variant(plan.variant.directory).run(plan.run_key)
    stored = StoredPlan.parse(plan.to_json())
    files = {name: file.sha256 for name, file in done.stored.named.items() if file.month is None}
    html, _ = files.pop("report.html"), files.pop("explore.json")
    beside = AnswerEvidence(why_no_findings=TOO_FEW)
    answer = Answer(stored, True, done.summary["result"], done.summary["run"], files, evidence=beside)
    with open_database(few_images.stores.results) as database:
        layout = few_images.stores.layout.variant(plan.variant.directory)
        build_tables(database, stored, run, find_sources(database, layout, stored))
        [report], _ = write_one(database, answer, find_export("report"))
    assert report.sha256 == html
    written = few_images.stores.results.read_bytes(done.stored.named["report.html"].key)
    assert b"/shoal/" not in written, "nobody said which Airflow has its pages"


def test_a_plan_without_exports_of_other_wheels_is_what_it_was(few_images):
    assert "exports" not in few_images.plan().to_json()["settings"]


def test_a_dataset_file_is_read_without_importing_a_wheel(wheel, tmp_path, few_images):
    import yaml

    wheel("raise SystemExit('imported')")
    settings = few_images.with_settings(exports=["tally"]).dataset.model_dump(mode="json", exclude={"name"})
    (tmp_path / "lazy.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    assert load_dataset(tmp_path / "lazy.yaml").exports == ("tally",)
