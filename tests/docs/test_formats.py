"""docs/formats.md says what the code writes: examples, fields, columns and words, checked against a real small run."""

import json
import re
from pathlib import Path

import duckdb
import pytest

from shoal.answers import columns as answers
from shoal.answers.find import find_run
from shoal.bucket.listing import identity_of
from shoal.contract.hashing import canonical_sha256
from shoal.contract.job import ShardJob
from shoal.contract.layout import FORMAT_VERSION
from shoal.contract.minted_names import ATTEMPT, RUN_KEY
from shoal.contract.rows import FATES, LISTING_COLUMNS, MANIFEST_COLUMNS, ROW_COLUMNS, Reason, Status
from shoal.contract.stored_names import parse_ledger_run, parse_part
from shoal.evidence import stored as stored_evidence
from shoal.evidence.cite import keep_cited
from shoal.evidence.draw import Wish, draw_sample
from shoal.evidence.estimates.make import make_estimate
from shoal.evidence.evaluation.make import make_evaluation
from shoal.evidence.hand_out import hand_out
from shoal.evidence.lists import find_list
from shoal.evidence.review.design import Wish as Asking
from shoal.evidence.review.design import draw_review
from shoal.evidence.review.pages import store_page
from shoal.evidence.review.published import Asked
from shoal.evidence.sorted_out import Bringing
from shoal.evidence.take import take_labels
from shoal.evidence.training import Place, write_training
from shoal.exports.counts import csv_of
from shoal.exports.export import EXPORTS, find_export
from shoal.exports.table_file import TableFile
from shoal.models.approval import Answer, Decision, write_answer
from shoal.plan.release_notice import notice_release
from shoal.results.ledger import find_sources
from shoal.results.read_plan import read_plan
from shoal.settings.changed import UNSTORED
from shoal.settings.dataset import Dataset
from shoal.settings.run_form import RunParams
from shoal.settings.source import Source
from shoal.shards.crashes import ShardAttempt, settle_crash
from shoal.shards.failure_notes import FailedAttempt, write_failed_attempt
from shoal.stores.s3 import S3Store
from shoal.summary.answer_tables import BELOW, DETECTIONS, GAPS, IMAGES, answer_tables
from shoal.summary.result import SETTINGS_OF_NUMBERS, USES
from shoal.summary.tables import build_tables
from shoal.tables.frozen_listing import find_files
from shoal.tables.session import open_database, read_sql
from shoal_worker.loop.one_by_one import Naming
from shoal_worker.rows.parts import ListedImage

TEXT = (Path(__file__).parents[2] / "docs" / "formats.md").read_text(encoding="utf-8")
OF_ONE_RUN = ("current.json", "variant.json", "plan.json", "summary.json")
JSON_OBJECTS = (
    "current.json", "listing.json", "variant.json", "approval.json", "releases.json", "plan.json", "crashed.json", "trying.json", "attempt.json", "progress.json", "summary.json", "explore.json",
    "sample.json", "labels.json", "training.json", "estimate.json", "evaluation.json", "review.json", "review-page.json", "cited.json",
)  # fmt: skip
CONTRACT_COLUMNS = {
    "listing": LISTING_COLUMNS, "rows": ROW_COLUMNS, "manifest": MANIFEST_COLUMNS,
    "drawn": stored_evidence.DRAWN, "frame": stored_evidence.FRAME, "labels": stored_evidence.LABELS, "trainings": stored_evidence.TRAININGS,
}  # fmt: skip
TABLES = {file.file: file.query for file in (*map(find_export, EXPORTS), csv_of("day")) if isinstance(file, TableFile)}


def example(name):
    found = re.findall(rf"<!-- example: {re.escape(name)} -->\n```json\n(.*?)\n```\n", TEXT, re.DOTALL)
    assert len(found) == 1, f"{len(found)} examples of {name}"
    return json.loads(found[0])


def table(marker):
    """Read the table below a marker: its first two columns, without backticks."""
    found = re.findall(rf"<!-- {re.escape(marker)} -->\n(\|[^\n]*\n)(\|[-|]+\n)((?:\|[^\n]*\n)+)", TEXT)
    assert len(found) == 1, f"{len(found)} tables below {marker!r}"
    lines = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in found[0][2].splitlines()]
    assert all(cells[0] == f"`{cells[0].strip('`')}`" for cells in lines), f"first column of {marker!r}"
    return [(cells[0].strip("`"), cells[1]) for cells in lines]


def words(kind):
    return [name for name, _ in table(f"words: {kind}")]


def undocumented(node, documented, path=""):
    """Compare an object with the documented field paths; a path without documented children is a leaf.

    Lists of objects are written `list[]`; an empty list and null show no children, so nothing is compared there.
    """
    below = {name[len(path) :].split(".", 1)[0] for name in documented if name.startswith(path) and name != path}
    fields = {name.removesuffix("[]"): name.endswith("[]") for name in below}
    if set(fields) != set(node):
        yield f"{path or 'top'}: documented {sorted(fields)}, found {sorted(node)}"
        return
    for name, is_list in fields.items():
        prefix = f"{path}{name}{'[]' if is_list else ''}."
        if not any(other.startswith(prefix) for other in documented):
            continue
        value = node[name]
        for entry in (value or []) if is_list else [value]:
            if entry is not None:
                yield from undocumented(entry, documented, prefix)


JSON_TYPES = {
    "text": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "null": (type(None),),
    "list of text": (list,),
    "list of integers": (list,),
    "list of numbers": (list,),
    "list of 2 integers": (list,),
    "list of objects": (list,),
}


def values_at(node, path):
    """Find the values of a documented field path."""
    if not path:
        yield node
        return
    name, _, rest = path.partition(".")
    value = node[name.removesuffix("[]")]
    for entry in (value or []) if name.endswith("[]") else [value]:
        if entry is not None or not rest:
            yield from values_at(entry, rest)


def wrongly_typed(node, fields):
    for path, kind in fields:
        allowed = tuple(python for word in kind.split(" or ") for python in JSON_TYPES[word])
        for value in values_at(node, path):
            if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
                yield f"{path}: {value!r} is no {kind}"


@pytest.fixture(scope="module")
def run(store, demo_models, scenes, bad, tmp_path_factory):
    """A small real run: its stored objects, one of its parts, and the columns its exports have."""
    from pipeline import make_pipeline

    pipeline = make_pipeline(store, demo_models, tmp_path_factory.mktemp("formats"))
    results = pipeline.stores.results
    pipeline.put_scenes(scenes[:6])
    for file in bad:
        pipeline.put(file.key, file.data)
    plan = pipeline.plan()
    pipeline.infer(plan)
    layout = pipeline.stores.layout.variant(plan.variant.directory)
    [part] = results.list_keys(layout.parts)
    folder = tmp_path_factory.mktemp("objects")
    results.download(part, folder / "part.parquet")
    paths, attempt = layout.run(plan.run_key), "attempt1"
    settle_crash(results, ShardAttempt(layout, plan.run_key, 0, attempt), "Worker of shard 0 was killed by SIGSEGV")
    naming = Naming(S3Store(results.access, results.bucket), paths.trying(0, attempt), "0.1.0")
    naming.name(ListedImage(scenes[0].key, "0" * 32, 1))
    trying = results.read_json(paths.trying(0, attempt))
    done, stored = pipeline.summarize(plan), read_plan(results, paths.plan)
    write_answer(results, layout, stored, Answer(yes=True, by="ana", at="2026-11-22T21:53:10Z"))
    notice_release(pipeline.stores, pipeline.plan(model_version="latest", plan_only=True))
    failed = FailedAttempt(
        0, 1, "2026-11-22T22:10:03Z", "Worker died - the next attempt takes the rest", True, "infer-x", "n1"
    )
    write_failed_attempt(results, paths, failed)
    ledger = done.summary["run"]["ledger"]
    (folder / "ledger").mkdir()
    results.download(ledger, folder / "ledger" / ledger.rsplit("/", 1)[-1])
    listing, *_ = find_files(results, plan.listing_key)
    results.download(listing, folder / "listing.parquet")
    results.download(paths.manifest, folder / "manifest.parquet")
    for file in done.stored.files:
        path = folder / (file.key if file.month else file.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        results.download(file.key, path)
    results.download(paths.summary, folder / "summary.json")
    with open_database(results) as database:
        build_tables(database, stored, paths, find_sources(database, layout, stored))
        columns = {name: describe(database, query) for name, query in TABLES.items()}
        for table in answer_tables(stored):
            columns[table.name] = describe(database, f"SELECT * EXCLUDE (answer_month) FROM ({table.query})")
        overlaps = [name for name, _ in describe(database, "SELECT * FROM overlapping_taxa")]
    evidence = keep_evidence(pipeline, folder)
    return {
        "json": {
            **evidence,
            "current.json": results.read_json(pipeline.stores.layout.current),
            "listing.json": results.read_json(plan.listing_key),
            "variant.json": results.read_json(layout.variant),
            "approval.json": results.read_json(layout.approval),
            "releases.json": results.read_json(pipeline.stores.layout.releases),
            "plan.json": results.read_json(paths.plan),
            "crashed.json": results.read_json(paths.crashed(0, attempt)),
            "trying.json": trying,
            "progress.json": results.read_json(*results.list_keys(paths.progress)),
            "attempt.json": results.read_json(*results.list_keys(paths.attempts)),
            "summary.json": results.read_json(paths.summary),
            "explore.json": results.read_json(done.stored.named["explore.json"].key),
        },
        "keys": [*results.list_keys(pipeline.stores.layout.root), paths.trying(0, attempt)],
        "root": pipeline.stores.layout.root,
        "part": part,
        "folder": folder,
        "stored": {file.table: folder / file.key for file in done.stored.tables},
        "columns": columns,
        "overlaps": overlaps,
    }


def describe(database, query):
    return [(record["column_name"], record["column_type"]) for record in database.records(f"DESCRIBE {query}")]


def keep_evidence(pipeline, folder):
    """Draw a sample of the run, label it, write it for a model, estimate and evaluate; give what is stored about each."""
    results, layout = pipeline.stores.results, pipeline.stores.layout
    run, taxa = find_run(results, layout), pipeline.dataset.taxa
    with open_database(results) as database:
        drawn = draw_sample(database, layout, run, Wish(10), taxa)
        hand_out(database, pipeline.stores.source, run, drawn.design, kind=find_list("coco"), to=folder / "out")
        coco = json.loads((folder / "out/coco.json").read_text(encoding="utf-8"))
        coco["annotations"] = [
            {"id": image["id"], "image_id": image["id"], "category_id": 1, "bbox": [1, 1, 20, 20]}
            for image in coco["images"]
        ]
        (folder / "back.json").write_text(json.dumps(coco), encoding="utf-8")
        taken = take_labels(database, layout, run, [folder / "back.json"], Bringing(by="ana"), taxa=taxa)
        training = write_training(database, Place(layout, pipeline.stores.source, folder / "learn"), run, taxa, "v2")
        estimate = make_estimate(database, layout, run, ("camera",), taxa)
        evaluation = make_evaluation(database, layout, [run], taxa)
        review = draw_review(database, layout, run, Asking(Asked("Chromis chromis", "share"), 10), taxa)
    store_page(results, layout, review, b"html", b"data", [])
    [page] = [
        name for name, _, one in stored_evidence.read_evidence(results, layout, "reviews") if one["kind"] == "page"
    ]
    for kind in ("samples", "labels", "trainings"):
        for key in results.list_keys(layout.evidence(kind)):
            (folder / kind).mkdir(exist_ok=True)
            results.download(key, folder / kind / key.rsplit("/", 1)[-1])
    names = {"samples": drawn.design.name, "labels": taken.name, "trainings": training.name}
    stored = [results.read_json(layout.evidence_file(kind, name, "json")) for kind, name in names.items()]
    for where, one in (("drawn", stored[0]["drawn"]), ("frame", stored[0]["frame"])):
        results.download(one["key"], folder / f"{where}.parquet")
    stored += [results.read_json(layout.evidence_file("estimates", one.name, "json")) for one in (estimate, evaluation)]
    stored += [results.read_json(layout.evidence_file("reviews", name, "json")) for name in (review.name, page)]
    stored.append(results.read_json(keep_cited(results, layout, run)))
    names_of_docs = (
        "sample.json", "labels.json", "training.json", "estimate.json", "evaluation.json", "review.json", "review-page.json", "cited.json",
    )  # fmt: skip
    return dict(zip(names_of_docs, stored, strict=True))


@pytest.mark.parametrize("name", JSON_OBJECTS)
def test_examples_have_the_format_version_of_the_code(name):
    assert example(name)["format_version"] == FORMAT_VERSION
    assert f"This document describes version **{FORMAT_VERSION}**" in TEXT


def test_no_example_is_left_untested():
    assert tuple(re.findall(r"<!-- example: (\S+) -->", TEXT)) == JSON_OBJECTS
    assert TEXT.count("```json") == len(JSON_OBJECTS)


@pytest.mark.parametrize("name", JSON_OBJECTS)
def test_fields_are_those_of_the_example(name):
    fields = table(f"fields: {name}")
    assert list(undocumented(example(name), [path for path, _ in fields])) == []
    assert list(wrongly_typed(example(name), fields)) == []


@pytest.mark.parametrize("name", JSON_OBJECTS)
def test_fields_are_those_the_code_writes(name, run):
    fields = table(f"fields: {name}")
    assert list(undocumented(run["json"][name], [path for path, _ in fields])) == []
    assert list(wrongly_typed(run["json"][name], fields)) == []


@pytest.mark.parametrize("name", JSON_OBJECTS)
def test_examples_have_the_order_the_code_writes(name, run):
    assert list(example(name)) == list(run["json"][name])


def test_fields_of_overlaps_are_those_of_their_query(run):
    prefix = "result.overlaps[]."
    found = [path.removeprefix(prefix) for path, _ in table("fields: summary.json") if path.startswith(prefix)]
    assert found == run["overlaps"]


def test_the_scope_of_the_listing_has_the_hash_that_the_code_gives_it():
    listing = example("listing.json")
    assert listing["scope_sha256"] == identity_of(listing["scope"])
    assert listing["scope"]["suffixes"] == sorted(Source(conn_id="shoal_demo", bucket="demo-images").suffixes)


def test_plan_is_readable_by_the_code():
    plan = example("plan.json")
    job = ShardJob.from_plan(plan)
    assert job.to_json() == {**plan["job"], "inference": {**plan["job"]["inference"], "imgsz": job.inference.imgsz}}
    settings = Dataset.model_validate(plan["settings"])
    assert settings.model_dump(mode="json", exclude=UNSTORED) == plan["settings"]
    assert RunParams.parse(plan["params"]).model_dump(mode="json") == plan["params"]
    assert plan["counts"]["pending"] == (plan["counts"]["listed"] - plan["counts"]["reused"] - plan["counts"]["chosen"])


def test_hashes_are_those_of_the_content():
    variant, summary = example("variant.json"), example("summary.json")
    assert variant["variant_sha256"] == canonical_sha256(variant["preimage"])
    assert summary["result_sha256"] == canonical_sha256(summary["result"])
    files = {file["table"]: file for file in summary["files"]}
    assert files["images"]["rows"] == summary["result"]["examined"]
    named = {
        file["key"].rpartition("/")[2]: file["sha256"]
        for file in summary["files"]
        if file["month"] is None and file["table"] != "explore"
    }
    assert summary["folder"].endswith(f"/answer/exports/{canonical_sha256(named)[:16]}/")


def test_examples_are_of_one_run():
    current, variant, plan, summary = map(example, OF_ONE_RUN)
    assert current["result_sha256"] == summary["result_sha256"]
    assert current["run_key"] == plan["run_key"] == summary["run"]["run_key"]
    assert current["listing"] == plan["listing"]["key"] == summary["run"]["listing"]["key"]
    assert current["listed_at"] == plan["listing"]["listed_at"] == example("listing.json")["listed_at"]
    assert current["variant"] == plan["variant"]
    assert variant["variant_sha256"] == plan["variant"]["sha256"] == summary["result"]["variant_sha256"]
    assert variant["preimage"] == {"model_sha256": plan["model"]["sha256"], **plan["job"]["inference"]}
    assert re.fullmatch(RUN_KEY, plan["run_key"])
    assert parse_ledger_run(summary["run"]["ledger"]) == plan["run_key"]


def test_both_balances_of_the_example_close():
    summary = example("summary.json")
    fates = dict(summary["run"]["balance"])
    assert fates.pop("listed") == sum(fates.values())
    assert summary["result"]["examined"] == sum(summary["result"]["balance"].values())
    assert f"`listed = {' + '.join(FATES)}`" in TEXT
    assert f"`examined = {' + '.join(USES)}`" in TEXT


def test_settings_of_numbers_are_documented():
    assert tuple(example("summary.json")["result"]["settings"]) == SETTINGS_OF_NUMBERS


@pytest.mark.parametrize(
    ("kind", "known"),
    [
        ("decisions", [str(decision) for decision in Decision]),
        ("statuses", [str(status) for status in Status]),
        ("reasons", [str(reason) for reason in Reason]),
        ("fates", list(FATES)),
        ("uses", list(USES)),
        ("clock flags", re.findall(r"THEN '(\w+)'", read_sql("clock"))),
    ],
)
def test_words_are_those_of_the_code(kind, known):
    assert words(kind) == known


@pytest.mark.parametrize("name", CONTRACT_COLUMNS)
def test_columns_are_those_of_the_contract(name):
    assert table(f"columns: {name}") == list(CONTRACT_COLUMNS[name].items())


@pytest.mark.parametrize("name", TABLES)
def test_columns_are_those_of_the_export(name, run):
    assert table(f"columns: {name}") == run["columns"][name]


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("listing", "listing.parquet"),
        ("manifest", "manifest.parquet"),
        ("rows", "part.parquet"),
        ("rows", "ledger/*.parquet"),
        ("drawn", "drawn.parquet"),
        ("frame", "frame.parquet"),
        ("labels", "labels/*.parquet"),
        ("trainings", "trainings/*.parquet"),
    ],
)
def test_stored_parquet_has_the_documented_columns(name, pattern, run):
    stored = duckdb.sql(f"DESCRIBE FROM read_parquet('{run['folder'] / pattern}')").fetchall()
    assert [(column, sql_type) for column, sql_type, *_ in stored] == table(f"columns: {name}")


@pytest.mark.parametrize(
    ("name", "table_name"),
    [
        (IMAGES.name, "images"),
        (DETECTIONS.name, "detections"),
        (BELOW.name, "detections"),
        ("counts-hour", "counts-hour"),
        ("counts-day", "counts-day"),
        ("counts-month", "counts-day"),
        (GAPS.name, "gaps"),
    ],
)
def test_tables_of_the_answer_have_the_documented_columns(name, table_name, run):
    assert run["columns"][name] == table(f"columns: {table_name}")
    if name in run["stored"]:  # of below there may be none
        stored = duckdb.sql(
            f"DESCRIBE FROM read_parquet('{run['stored'][name]}', hive_partitioning = false)"
        ).fetchall()
        assert [(column, sql_type) for column, sql_type, *_ in stored] == table(f"columns: {table_name}")
    assert {"images", "detections", "counts-day"} <= set(run["stored"])
    of_two_models = table("columns: detections of two models") if table_name == "detections" else []
    read = [*table(f"columns: {table_name}"), *of_two_models]
    assert list(answers.TABLES[name].items()) == read, "as whoever reads it later takes it"


@pytest.mark.parametrize("name", ["counts-day.csv", "gaps.csv", "failures.csv"])
def test_stored_csv_has_the_documented_header(name, run):
    header = (run["folder"] / name).read_text(encoding="utf-8").splitlines()[0]
    assert header.split(",") == [column for column, _ in table(f"columns: {name}")]


def test_every_stored_object_lies_where_the_tree_says(run):
    [tree] = re.findall(r"```text\n(.*?)```", TEXT, re.DOTALL)
    assert parse_part(run["part"])
    for key in [*run["keys"], run["part"]]:
        name = re.sub(RUN_KEY, "<run_key>", key.removeprefix(run["root"]))
        name = re.sub(rf"-\d{{4}}-{ATTEMPT}-\d{{4}}\.", "-<shard>-<attempt>-<seq>.", name)
        name = re.sub(rf"(crashed|trying)-\d{{4}}-{ATTEMPT}\.", r"\1-<shard>-<attempt>.", name)
        name = re.sub(rf"/\d{{4}}-{ATTEMPT}\.", "/<shard>-<attempt>.", name)
        name = re.sub(rf"(<run_key>|summary)-{ATTEMPT}(?=[./])", r"\1-<attempt>", name)
        name = re.sub(r"^(samples|labels|trainings|estimates|reviews)/[0-9a-f]{16}", r"\1/<sha16>", name)
        name = re.sub(r"/[^/]+/month=\d{4}-\d{2}/[0-9a-f]{16}", "/<table>/month=<YYYY-MM>/<sha16>", name)
        name = re.sub(r"/exports/[0-9a-f]{16}/", "/exports/<sha16>/", name)
        name = re.sub(r"/explore/[0-9a-f]{16}\.", "/explore/<sha16>.", name)
        name = re.sub(r"files/\d{4}-\d{2}-[0-9a-f]{16}\.", "files/<month>-<sha16>.", name)
        name = re.sub(r"^[^/]+-[0-9a-f]{12}/", "<model>-<version>-<variant12>/", name)
        assert all(word in tree for word in re.findall(r"[^/]+/?", name)), name


def test_sql_examples_run_on_what_is_stored(run, monkeypatch):
    monkeypatch.chdir(run["folder"])
    queries = re.findall(r"```sql\n(.*?)```", TEXT, re.DOTALL)
    assert len(queries) == 5
    for query in queries:
        with duckdb.connect() as connection:
            assert connection.execute(query).fetchall(), query


def test_the_lines_that_read_a_table_with_pandas_read_it(run, monkeypatch):
    pytest.importorskip("pandas")
    monkeypatch.chdir(run["folder"])
    (lines,) = (source for source in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL) if "json.load" in source)
    given = {}
    exec(compile(lines, "docs/formats.md", "exec"), given)  # noqa: S102 - what the page says
    assert len(given["images"]) == sum(file["rows"] for file in given["files"] if file["table"] == "images") > 0
    assert set(given["images"].columns) >= {column for column, _ in table("columns: images")}


def test_the_query_of_rows_is_shoals_own():
    rule = read_sql("rows").rpartition("    QUALIFY ")[2].partition(")\nFROM alone")[0]
    assert f"QUALIFY {' '.join(rule.split())};" in " ".join(TEXT.split())


def test_every_python_example_is_python():
    for source in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL):
        compile(source, "docs/formats.md", "exec")


def test_guarantees_are_numbered_without_a_gap():
    assert re.findall(r"^\| (G\d+) \|", TEXT, re.MULTILINE) == [f"G{number}" for number in range(1, 10)]
