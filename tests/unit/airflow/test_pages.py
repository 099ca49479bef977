"""The pages of a run, asked of the real application over a real MinIO: what somebody wrote there is no more than bytes."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import pytest
import yaml

from asked_pages import MISTAKEN, Answered, AskedPages, asked_pages
from pipeline import Pipeline, make_pipeline
from shoal.contract.json_bounds import MIB
from shoal.exports.report.policy import SCRIPT_SOURCES
from shoal.plan.document import Plan
from shoal.settings.results_place import ResultsPlace
from written_rows import write_rows

HTML = "text/html; charset=utf-8"
JSON = "application/json"


@dataclass(frozen=True)
class Shown:
    """A run that is complete, and its pages."""

    pages: AskedPages
    pipeline: Pipeline
    plan: Plan
    file: Path
    before: dict[str, bytes] = field(default_factory=dict)

    @property
    def run(self):
        return self.pipeline.stores.layout.variant(self.plan.variant.directory).run(self.plan.run_key)

    @property
    def results(self):
        return self.pipeline.stores.results

    @property
    def dag_id(self):
        return f"reanalyse_{self.pipeline.dataset.name}"

    @property
    def place(self):
        return f"{self.dag_id}/{self.plan.variant.directory}/{self.plan.run_key}"

    def get(self, page: str, name: str = "", *, dropped: bool = False, run_key: str = "") -> Answered:
        place = f"{self.dag_id}/{self.plan.variant.directory}/{run_key or self.plan.run_key}"
        below = name if name.startswith("?") else name and f"/{name}"
        return self.pages.get(f"/{page}/{place}{below}", dropped=dropped)

    def ask(self, path: str, **asked: str) -> Answered:
        """Ask for a page that may have to be made ready first."""
        while (got := self.pages.get(f"{path}?{urlencode(asked)}")).status == 202:
            assert '<meta http-equiv="refresh"' in got.body
        return got

    def write(self, key: str, data: bytes) -> None:
        self.before.setdefault(key, self.results.find_bytes(key))
        self.results.write_bytes(key, data)

    def change(self, key: str, **fields: object) -> None:
        self.write(key, json.dumps(self.results.read_json(key) | fields).encode())


@pytest.fixture(scope="module")
def run(minio, demo_models, scenes, tmp_path_factory):
    folder = tmp_path_factory.mktemp("datasets")
    pipeline = make_pipeline(minio, {"v1": demo_models["v1"]}, folder)
    place = {f"shoal_results_{pipeline.dataset.name}": str(ResultsPlace.of(pipeline.dataset))}
    with asked_pages(minio, "test", folder, tmp_path_factory.mktemp("home"), place) as pages:
        pipeline.put_scenes(scenes[20:23])
        plan = pipeline.plan()
        write_rows(pipeline, plan)
        pipeline.summarize(plan)
        yield Shown(pages, pipeline, plan, folder / f"{pipeline.dataset.name}.yaml")


@pytest.fixture
def shown(run):
    """The run as it was, before and after each test."""
    yield run
    for key, data in run.before.items():
        run.results.delete([key]) if data is None else run.results.write_bytes(key, data)
    run.before.clear()


@pytest.mark.parametrize(
    ("page", "name", "kind", "holds"),
    [
        pytest.param("plan", "", HTML, "<h1>Plan ", id="plan"),
        pytest.param("run", "", HTML, '<strong class="good">complete</strong>', id="run"),
        pytest.param("run", "now", HTML, "Examined 3 = ", id="the part of it that changes"),
        pytest.param("try", "", HTML, 'enctype="multipart/form-data"', id="a picture to try"),
        pytest.param("images", "?order=time", HTML, '<ol class="grid">', id="images"),
        pytest.param("failures", "", HTML, "Nothing failed.", id="failures"),
        pytest.param("summary", "", JSON, '"result_sha256"', id="summary"),
        pytest.param("report", "report.html", HTML, '<a href="counts-day.csv">', id="report"),
        pytest.param(
            "report", "counts-day.csv", "application/octet-stream", "camera,deployment,", id="a file beside it"
        ),
        pytest.param(
            "report", "other.csv", HTML, "names no file &#39;other.csv&#39; - it has counts-day.csv, ", id="no file"
        ),
        pytest.param("report", "..%2fplan.json", HTML, "There is no such page", id="a path"),
    ],
)
def test_each_page_is_kept_apart_from_airflow_and_kept_by_nobody(shown, page, name, kind, holds):
    got = shown.get(page, name)
    assert got.headers["content-type"] == kind
    assert holds in got.body
    policy = got.headers["content-security-policy"].split("; ")
    assert {"default-src 'none'", "base-uri 'none'", "frame-ancestors 'self'"} <= set(policy)
    if kind == HTML and name != "report.html":
        of_ours = {
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self'",
            "connect-src 'self'",
            "form-action 'self'",
        }
        assert set(policy) == {"default-src 'none'", "base-uri 'none'", "frame-ancestors 'self'", *of_ours}
        assert not re.search(r"<script(?! src=)|<style| style=| on\w+=|javascript:", got.body)
    else:
        runs = name == "report.html"
        assert ("sandbox allow-downloads allow-scripts" if runs else "sandbox allow-downloads") in policy
        assert [part for part in policy if "script-src" in part] == ([f"script-src {SCRIPT_SOURCES}"] if runs else [])
        assert not re.search("unsafe-eval|same-origin|navigation|connect", " ".join(policy))
        assert "form-action 'none'" in policy
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["cache-control"] == "private, no-store"
    assert got.headers.get("content-disposition") == (
        'attachment; filename="counts-day.csv"' if name == "counts-day.csv" else None
    )


def test_all_datasets_are_in_one_list_and_each_leads_to_its_runs(shown):
    name = shown.pipeline.dataset.name
    (shown.file.parent / "typo.yaml").write_text("sauce: {}\n", encoding="utf-8")
    listed = shown.pages.get("/").body
    (shown.file.parent / "typo.yaml").unlink()
    assert f'<a href="/shoal/dataset/reanalyse_{name}">{name}</a>' in listed
    assert re.search(r">demo-fish v1, listed \d+ \w+ ago<", listed)
    assert ">idle</a>" in listed
    assert "typo.yaml: sauce: no such field - did you mean source?" in listed
    page = shown.pages.get(f"/dataset/reanalyse_{name}").body
    for said in (shown.plan.run_key, '<span class="good">answer</span>', ">IPC608<", shown.plan.variant.directory):
        assert said in page
    assert "/report.html" in page


def test_an_address_of_nothing_leads_back(shown):
    for path in ("/nothing", "/dataset/other_dag", "/run/reanalyse_x/v/no-run-key", "/dag-run/other_dag/manual__1"):
        got = shown.pages.get(path)
        assert (got.status, got.headers["content-type"], "\n" in got.detail) == (404, HTML, False)
        assert '<a href="/shoal/">Back to Shoal</a>' in got.body or "/shoal/dataset/reanalyse_x" in got.body


def test_a_mistake_of_ours_is_a_page_apart_from_airflow_too(shown):
    got = shown.pages.get(f"/dataset/{MISTAKEN}")
    assert (got.status, got.headers["content-type"], "a mistake" in got.body) == (500, HTML, False)
    assert got.detail == "This page failed (AssertionError) - see the log of Airflow's API server, and report it"
    assert '<a href="/shoal/dataset/reanalyse_mistaken">Back to mistaken</a>' in got.body
    assert "script-src 'self'" in got.headers["content-security-policy"]
    assert (got.headers["x-content-type-options"], got.headers["cache-control"]) == ("nosniff", "private, no-store")


def test_a_summary_is_passed_on_as_it_is_stored(shown):
    assert shown.get("summary").body.encode() == shown.results.read_bytes(shown.run.summary)


@pytest.mark.parametrize(
    ("fields", "asked"),
    [
        pytest.param({"folder": "{root}", "files": {"current.json": ""}}, "current.json", id="the dataset's folder"),
        pytest.param({"folder": "", "files": {"secret.txt": ""}}, "secret.txt", id="the whole bucket"),
        pytest.param({"folder": "{run}", "files": {"plan.json": ""}}, "plan.json", id="the run's own folder"),
        pytest.param({"folder": "{run}summary-abcd1234/x/", "files": {"a": ""}}, "a", id="a folder in the folder"),
        pytest.param({"folder": "{other}summary-abcd1234/", "files": {"a": ""}}, "a", id="the folder of another run"),
        pytest.param({"files": {"../plan.json": ""}}, "..%2fplan.json", id="a path for a name"),
        pytest.param({"files": {'a"; x="b.html': ""}}, "a%22; x=%22b.html", id="a name that ends a header"),
        pytest.param({"files": {"a\r\nX: b": ""}}, "a%0d%0aX: b", id="a name of two lines"),
        pytest.param({"files": ["report.html"]}, "report.html", id="a list of files"),
        pytest.param({"files": {"report.html": 7}}, "report.html", id="a number for a hash"),
    ],
)
def test_no_object_is_handed_over_that_no_export_wrote(shown, fields, asked):
    shown.write("secret.txt", b"SECRET")
    own = shown.run.root
    places = {
        "root": shown.pipeline.stores.layout.root,
        "run": own,
        "other": own.replace(shown.plan.run_key, "20260101T000000Z-otherrun"),
    }
    if "folder" in fields:
        fields = fields | {"folder": fields["folder"].format(**places)}
    shown.change(shown.run.summary, **fields)
    got = shown.get("report", asked)
    assert got.status == 404
    assert re.search(
        r"names .*, which is not of its run - restore it|is not what its format promises|There is no such page",
        got.detail,
    )
    assert "content-disposition" not in got.headers


WRONG = {
    "levels": b"[" * 200_000,
    "a text for a format": b'{"format_version": "1"}',
    "a format alone": b'{"format_version": 1}',
    "no number": b'{"format_version": 2, "eta_s": NaN}',
    "a name twice": b'{"format_version": 2, "format_version": 2}',
    "a lone surrogate": b'{"format_version": 2, "run_key": "\\ud800"}',
    "nothing": b"",
}


@pytest.mark.parametrize("page", ["plan", "summary", "report"])
@pytest.mark.parametrize("data", WRONG.values(), ids=list(WRONG))
def test_what_is_no_object_of_shoals_is_said_in_one_line(shown, page, data):
    shown.write(shown.run.plan if page == "plan" else shown.run.summary, data)
    got = shown.get(page, "report.html" if page == "report" else "")
    if page == "summary" and data == WRONG["a format alone"]:
        assert (got.status, got.body.encode()) == (200, data)  # JSON of a format: shown as it is
        return
    assert got.status == 404
    assert re.search(r"is no JSON object of Shoal's \(.*\) - restore it|has no field '\w+' - restore it", got.detail)
    assert "\n" not in got.detail


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"counts": {"listed": "x", "reused": 0, "chosen": 0, "pending": 0}}, id="a text for a count"),
        pytest.param({"names": "fish"}, id="a text for a list"),
        pytest.param({"capacity": 5}, id="a number for an object"),
        pytest.param({"shards": {"shard": 1}}, id="an object for a list"),
        pytest.param({"listing": {"key": 1, "size_bytes": 1, "not_images": 0, "ignored": 0}}, id="a number for a key"),
        pytest.param({"eta_s": None}, id="nothing for seconds"),
        pytest.param({"passed_over": [1]}, id="numbers for objects"),
        pytest.param({"settings": {"name": []}}, id="a list for a name"),
        pytest.param({"params": "x"}, id="a text for what was said"),
        pytest.param({"clock": {"lines": [{}]}}, id="an empty line of the clock"),
        pytest.param({"run_key": "20260101T000000Z-otherrun"}, id="another run"),
        pytest.param({"ledgers": ["s3://elsewhere/x.parquet"]}, id="a ledger elsewhere"),
    ],
)
def test_a_plan_of_other_types_is_said_in_one_line(shown, fields):
    shown.change(shown.run.plan, **fields)
    got = shown.get("plan")
    assert got.status == 404
    assert re.search(
        r"plan\.json.* (is not what its format promises \(.*\)|has no field .*|names .*) - restore it", got.detail
    )


@pytest.fixture(params=["the file names another folder", "the file is gone"])
def moved(request, shown):
    """The same run, after its dataset file was changed or removed."""
    written = shown.file.read_text(encoding="utf-8")
    if request.param == "the file is gone":
        shown.file.unlink()
    else:
        settings = yaml.safe_load(written)
        settings["results"]["prefix"] = "elsewhere/"
        shown.file.write_text(yaml.safe_dump(settings), encoding="utf-8")
    yield shown
    shown.file.write_text(written, encoding="utf-8")


def test_a_run_whose_results_moved_is_read_where_they_lie(moved):
    for page, name, holds in (
        ("plan", "", "<h1>Plan "),
        ("summary", "", "result_sha256"),
        ("report", "counts-day.csv", "camera,"),
    ):
        got = moved.get(page, name)
        assert (got.status, holds in got.body) == (200, True), got.body
    results, name = moved.pipeline.stores.results, moved.pipeline.dataset.name
    places = [results.uri(f"{name}/"), *([results.uri(f"elsewhere/{name}/")] if moved.file.exists() else [])]
    missing = moved.get("plan", run_key="20200101T000000Z-aaaaaaaa")
    assert missing.status == 404
    assert missing.detail == (
        f"Run 20200101T000000Z-aaaaaaaa is not in {' nor in '.join(reversed(places))}, where dataset {name} has its results - "
        "where they were moved since, it lies where they were: python -m shoal why s3://<connection>@<bucket>/<results.prefix>"
        f"{name}/20200101T000000Z-aaaaaaaa; else it was removed"
    )


def test_a_summary_of_96_megabytes_costs_the_web_server_nothing(shown):
    before = shown.get("summary").peak_bytes
    shown.write(shown.run.summary, b'{"format_version": 2, "x": [' + b"[]," * (32 * MIB) + b"0]}")
    for page, name in (("summary", ""), ("report", "report.html")):
        got = shown.get(page, name)
        assert (got.status, got.peak_bytes - before < 64 * MIB) == (404, True)
        assert "is not read: it has 96.0 MiB, and 32 MiB are the most of its kind - restore it" in got.detail


def test_a_file_of_any_size_is_passed_on_in_pieces(shown):
    name = f"{shown.results.read_json(shown.run.summary)['folder']}counts-day.csv"
    before = shown.get("report", "counts-day.csv").peak_bytes
    shown.write(name, b"x" * (96 * MIB))
    got = shown.get("report", "counts-day.csv", dropped=True)
    assert (got.headers["content-length"], got.body) == (str(96 * MIB), str(96 * MIB))
    assert got.peak_bytes - before < 32 * MIB


def test_the_largest_summary_that_is_read_costs_a_few_hundred_megabytes(shown):
    before = shown.get("summary").peak_bytes
    shown.write(shown.run.summary, b'{"format_version": 2, "x": [' + b"[]," * 999_000 + b" " * (28 * MIB) + b"0]}")
    got = shown.get("report", "report.html")
    assert (got.status, got.peak_bytes - before < 400 * MIB) == (404, True)
    assert "has no field 'result'" in got.detail


def test_an_answer_is_explored_with_the_numbers_that_its_summary_tells(shown):
    species = shown.results.read_json(shown.run.summary)["result"]["species"]
    for one in species:
        page = shown.ask(f"/explore/{shown.place}", taxon=one["taxon"]).body
        assert f"{one['detections']} detections in {one['images_with']} images, as the answer counts them" in page
        assert page.count('<svg class="chart" role="img"') >= 2
        assert "counts-day.csv" in page
        assert shown.results.read_json(shown.run.summary)["result_sha256"] in page
        assert f"/shoal/images/{shown.place}?taxon={one['taxon'].replace(' ', '+')}" in page
    none = shown.ask(f"/explore/{shown.place}", **{"from": "2020-01-01", "to": "2020-02-01"})
    assert (none.status, "Nobody looked in this part" in none.body) == (200, True)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        pytest.param({"conf": "7"}, "conf '7' is no score - write a number from 0.05 to 1", id="a score above 1"),
        pytest.param({"conf": "nan"}, "conf 'nan' is no score - write a number from 0.05 to 1", id="no number"),
        pytest.param(
            {"conf": "0.01"},
            "conf 0.01 is lower than what is stored: boxes from 0.05 on - write that or more",
            id="a score that nothing is stored of",
        ),
        pytest.param({"taxon": "Sauce"}, "No taxon 'Sauce' in this answer - there are: ", id="no such taxon"),
        pytest.param(
            {"camera": "<script>alert(1)</script>\0\u202e"},
            "No camera '<script>alert(1)</script>\\\\x00\\\\u202e' in this answer - there are: IPC608",
            id="a hostile camera",
        ),
        pytest.param(
            {"from": "2026-06-02", "to": "2026-06-01"},
            "from 2026-06-02 to 2026-06-01 leaves no day: to is the first day that is left out - write a later one",
            id="no time",
        ),
        pytest.param({"from": "1 June"}, "from '1 June' is no day - write it as 2026-06-01", id="no day"),
        pytest.param(
            {"to": "2026-02-31"}, "to '2026-02-31' is no day - write it as 2026-06-01", id="a day that is not"
        ),
        pytest.param({"bin": "year"}, "No bin 'year' - there are: day, week, month, hour", id="no bin"),
    ],
)
def test_what_cannot_be_explored_is_said_in_one_line_above_the_form(shown, asked, said):
    got = shown.ask(f"/explore/{shown.place}", **asked)
    assert (got.status, got.detail[: len(said)], "\n" in got.detail) == (400, said, False)
    assert '<form class="ask"' in got.body
    assert "<script>alert" not in got.body


def test_two_runs_are_compared_and_what_cannot_be_is_said(shown):
    name, key = shown.pipeline.dataset.name, shown.plan.run_key
    form = shown.ask(f"/compare/{shown.dag_id}")
    assert (form.status, form.body.count(f'<option value="{key}"')) == (200, 2)
    for asked, said in (
        ({"first": key}, "Two runs are compared: choose the other one, too"),
        ({"first": key, "second": "current"}, f"{key} and current are both run {key} - name two"),
        ({"first": key, "second": "v9"}, "'v9' is no run - choose one of the list, or write a run_key such as 2026"),
        (
            {"first": key, "second": "20200101T000000Z-abcd1234"},
            f"No run 20200101T000000Z-abcd1234 of dataset {name} below s3://",
        ),
    ):
        got = shown.ask(f"/compare/{shown.dag_id}", **asked)
        assert (got.status, got.detail[: len(said)]) == (400, said)
    trial = shown.pipeline.plan(conf=0.6)
    done = shown.pipeline.summarize(trial).stored
    page = shown.ask(f"/compare/{shown.dag_id}", first=key, second=trial.run_key).body
    both = {one["taxon"]: one["detections"] for one in shown.results.read_json(shown.run.summary)["result"]["species"]}
    for one in done.result["species"]:
        cells = (
            f'<td data-label="{word}: all" class="n">{count}</td>'
            for word, count in (("first", both[one["taxon"]]), ("second", one["detections"]))
        )
        counted = f"{one['taxon']}</a></th>.*{''.join(cells)}"
        assert re.search(counted, page), one
    assert f"/shoal/run/{shown.dag_id}/{trial.variant.directory}/{trial.run_key}" in page
    late = shown.ask(f"/compare/{shown.dag_id}", first=key, second=trial.run_key, **{"from": "x"})
    assert late.detail == "from 'x' is no day - write it as 2026-06-01"


@pytest.mark.parametrize("page", ["explore", "compare"])
def test_an_answer_of_another_format_is_explored_by_nobody(shown, page):
    shown.change(shown.run.summary, format_version=99)
    path = f"/explore/{shown.place}" if page == "explore" else f"/compare/{shown.dag_id}"
    got = shown.ask(path, **({"first": shown.plan.run_key, "second": "current"} if page == "compare" else {}))
    assert (got.status, "\n" in got.detail) == (404, False)
    assert re.search(r"summary\.json.*format.*99|format_version 99", got.detail)


OURS = {"Sec-Fetch-Site": "same-origin"}


def test_a_picture_is_shown_to_the_model_of_a_run_and_lies_nowhere(shown, scenes):
    before = shown.results.list_keys("")
    scene = next(one for one in scenes if len(one.fish) > 3)
    got = shown.pages.post(f"/try/{shown.place}", scene.jpeg, {"Origin": "http://testserver"}, conf="0.25")
    assert (got.status, f">{len(scene.fish)} boxes in picture.jpg<" in got.body) == (200, True), got.body[-3000:]
    assert '<img class="looked" src="data:image/jpeg;base64,' in got.body
    assert "img-src 'self' data:" in got.headers["content-security-policy"].split("; ")
    assert shown.results.list_keys("") == before


@pytest.mark.parametrize(
    ("picture", "headers", "fields", "said"),
    [
        pytest.param(b"x", {"Sec-Fetch-Site": "cross-site"}, {}, "This form was not sent from a page of this Airflow", id="from elsewhere"),
        pytest.param(b"x", {"Origin": "https://evil.example"}, {}, "This form was not sent from a page of this Airflow", id="another origin"),
        pytest.param(b"x", {}, {}, "This form was not sent from a page of this Airflow", id="from nowhere"),
        pytest.param(b"", OURS, {}, "No picture was chosen - choose one", id="nothing"),
        pytest.param(b"\xff\xd8 no picture", OURS, {"conf": "0.3"}, "This is no picture that a model is shown: ", id="no picture"),
        pytest.param(b"x", OURS, {"conf": "2"}, "conf '2' is no score - write a number from 0.01 to 1", id="no score"),
        pytest.param(b"x" * (33 * MIB), OURS, {"conf": "0.3"}, "The picture has 33 MiB, and 32 MiB are the most", id="too large"),
    ],
)  # fmt: skip
def test_what_is_shown_to_no_model_is_said_above_the_form(shown, picture, headers, fields, said):
    got = shown.pages.post(f"/try/{shown.place}", picture, headers, **fields)
    assert (got.status, got.detail[: len(said)], "\n" in got.detail) == (400, said, False)
    assert 'enctype="multipart/form-data"' in got.body
