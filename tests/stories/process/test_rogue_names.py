"""Names that somebody gave objects of the results bucket who may write to it: no reader leaves the bucket because of them."""

import json
import logging
import tempfile
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from pipeline import Pipeline, make_pipeline
from rogue import rogue_host
from shoal.contract.errors import ContractError
from shoal.contract.layout import VariantLayout
from shoal.contract.plain_keys import SPECIAL
from shoal.contract.rows import ROW_COLUMNS
from shoal.history.facts import read_facts
from shoal.history.find_run import latest_run
from shoal.history.gc import delete, survey, terms_of
from shoal.history.standing import read_standing
from shoal.history.why import diagnose
from shoal.plan.document import Plan
from shoal.results.answer import read_current
from shoal.results.read_plan import read_plan
from shoal.results.run_list import list_runs
from shoal.tables.session import open_database


@dataclass(frozen=True)
class Answered:
    """A dataset on MinIO whose first run is its answer."""

    pipeline: Pipeline
    plan: Plan

    @property
    def results(self):
        return self.pipeline.stores.results

    @property
    def variant(self) -> VariantLayout:
        return self.pipeline.stores.layout.variant(self.plan.variant.directory)

    def ledger(self) -> str:
        return self.results.list_keys(self.variant.ledgers)[0]


@pytest.fixture(scope="module")
def dataset(minio, demo_models, scenes, tmp_path_factory):
    """Images with every character that readers of Parquet take for a pattern or a query: they are images like any other."""
    pipeline = make_pipeline(minio, {"v1": demo_models["v1"]}, tmp_path_factory.mktemp("rogue"))
    for number, odd in enumerate(("plain", "a?s3_endpoint=b&c", "*", "[0-9]", "{a,b}", "#", "%2e", "..", "a..b")):
        name = f"{odd}/20260602-1{number}0000-CAM1.jpg" if odd != ".." else "20260602-200000-..-CAM1.jpg"
        pipeline.put(name, scenes[20].jpeg)
    plan = pipeline.plan()
    pipeline.infer(plan)
    assert pipeline.summarize(plan).not_current_because is None
    return Answered(pipeline, plan)


@pytest.fixture
def answered(dataset):
    """The same, and what a test adds or changes is as it was afterwards."""
    root = dataset.pipeline.stores.layout.root
    before = {key: dataset.results.read_bytes(key) for key in dataset.results.list_keys(root)}
    yield dataset
    dataset.results.delete([key for key in dataset.results.list_keys(root) if key not in before])
    for key, data in before.items():
        dataset.results.write_bytes(key, data)


def look_everywhere(found: Answered, caplog) -> list[str]:
    """Do all that reads the results bucket; return what the log warned of."""
    pipeline, stores = found.pipeline, found.pipeline.stores
    with caplog.at_level(logging.WARNING):
        assert pipeline.plan(retry_failed=["corrupt"]).work.images == 0
        pipeline.summarize(found.plan)
        checked = pipeline.verify(found.plan.run_key, found.plan.variant.directory)
        assert checked.deviations == ()
        delete(
            stores.results,
            stores.layout,
            survey(stores.results, stores.layout, terms_of(pipeline.dataset, stores.results)),
        )
        assert read_standing(stores, pipeline.dataset).describe()[0].endswith(found.plan.run_key)
        runs = list_runs(stores.results, stores.layout)
        for run_key in (found.plan.run_key, latest_run(stores, runs)):
            diagnose(read_facts(stores, run_key, runs))
    return [record.getMessage() for record in caplog.records if record.name.startswith("shoal")]


def test_images_of_any_name_are_examined(dataset):

    with open_database(dataset.results) as database:
        database.view_rows([dataset.ledger()])
        rows = dict(database.run("SELECT key, status FROM rows").fetchall())
    assert len(rows) == 9
    assert set(rows.values()) == {"processed"}


WHERE = {
    "ledger": "{variant}ledger/x.parquet{query}",
    "ledger, ending as Parquet does": "{variant}ledger/x.parquet{query}&x=.parquet",
    "ledger, in a folder": "{variant}ledger/../ledger/{ledger}{query}",
    "ledger, a whole name before it": "{variant}ledger/{ledger}{query}",
    "ledger, a pattern": "{variant}ledger/*.parquet",
    "part": "{variant}parts/{run_key}-0000-abcd1234-0000.parquet{query}",
    "part, by a name of this run": "{variant}parts/x{query}/{run_key}-0000-abcd1234-0000.parquet",
    "listing": "{root}listings/{run_key}.json{query}",
    "listing's images": "{root}listings/{run_key}.parquet{query}",
    "folder of a variant": "{root}x{query}&y=/runs/{run_key}/plan.json",
    "folder of a variant, with rows": "{root}x{query}&y=/ledger/{ledger}",
    "manifest": "{variant}runs/{run_key}/manifest.parquet{query}",
}


def test_no_host_is_asked_because_of_a_name(answered, caplog):
    own = {
        "variant": answered.variant.root,
        "root": answered.pipeline.stores.layout.root,
        "run_key": answered.plan.run_key,
    }
    plan, rows = (
        answered.results.read_bytes(key)
        for key in (answered.variant.run(answered.plan.run_key).plan, answered.ledger())
    )
    with rogue_host() as rogue:
        for name in WHERE.values():
            key = name.format(**own, query=rogue.query, ledger=answered.ledger().rpartition("/")[2])
            if "/../" not in key:  # MinIO refuses such a name
                answered.results.write_bytes(key, plan if key.endswith("plan.json") else rows)
        told = look_everywhere(answered, caplog)
        assert rogue.asked == []
    assert any(
        line.startswith(f"Passed over below {answered.variant.ledgers}: 4 objects that Shoal has not named")
        for line in told
    ), told


def of_types(**types: str) -> bytes:
    """Write a ledger with one row in which some columns have other types."""
    with tempfile.TemporaryDirectory() as folder:
        columns = ", ".join(f"NULL::{types.get(name, kind)} AS {name}" for name, kind in ROW_COLUMNS.items())
        duckdb.execute(f"COPY (SELECT {columns}) TO '{folder}/x.parquet'")
        return Path(folder, "x.parquet").read_bytes()


@pytest.mark.parametrize(
    ("types", "told", "prefix"),
    [
        pytest.param({"key": "BIGINT"}, "column key is BIGINT, Shoal writes VARCHAR", "00000000", id="key, read first"),
        pytest.param(
            {"object_version": "VARCHAR[]"},
            r"column object_version is VARCHAR\[\], ",
            "zzzzzzzz",
            id="version, read last",
        ),
        pytest.param(
            {"detections": "VARCHAR"}, "column detections is VARCHAR, Shoal writes S", "zzzzzzzz", id="detections"
        ),
    ],
)
def test_rows_of_other_types_are_refused_by_name_and_in_no_ledger(answered, types, told, prefix):
    part = answered.variant.part(f"20260101T000000Z-{prefix}", 0, "abcd1234", 0)
    ledger = answered.variant.ledger(f"29260101T000000Z-{prefix}", "abcd1234")
    before = answered.results.list_keys(answered.variant.ledgers)
    for key in (part, ledger):
        answered.results.write_bytes(key, of_types(**types))
        with pytest.raises(
            ContractError, match=rf"Object '{key}' is none of Shoal's and nothing is read beside it: {told}"
        ):
            answered.pipeline.plan()
        answered.results.delete([key])
    own = answered.variant.part(answered.plan.run_key, 0, "abcd1234", 0)
    answered.results.write_bytes(own, of_types(**types))
    with pytest.raises(ContractError, match=f"Object '{own}' is none of Shoal's"):
        answered.pipeline.summarize(answered.plan)
    assert answered.results.list_keys(answered.variant.ledgers) == before


def test_rows_that_lack_a_column_are_refused_by_name(answered):
    with tempfile.TemporaryDirectory() as folder:
        duckdb.execute(f"COPY (SELECT 'a' AS key, 'b' AS object_version) TO '{folder}/x.parquet'")
        data = Path(folder, "x.parquet").read_bytes()
    key = answered.variant.ledger("29260101T000000Z-zzzzzzzz", "abcd1234")
    answered.results.write_bytes(key, data)
    with pytest.raises(ContractError, match=rf"Object '{key}' is none .* differ in their columns angles, attempt, "):
        answered.pipeline.plan()


ELSEWHERE = "another/listings/20260101T000000Z-abcd1234.json"


def change(answered: Answered, key: str, **fields: object) -> None:
    stored = answered.results.read_json(key)
    answered.results.write_bytes(key, json.dumps(stored | fields).encode())


def test_current_json_that_names_what_is_not_below_the_dataset_is_not_followed(answered):
    current = answered.pipeline.stores.layout.current
    before = answered.results.read_bytes(current)
    for fields in (
        {"listing": f"{current.rpartition('/')[0]}/listings/*.json"}, {"run_key": "../x"},
        {"run_key": "20269999T000000Z-abcd1234"}, {"variant": {"sha256": "", "directory": "../other"}},
    ):  # fmt: skip
        answered.results.write_bytes(current, before)
        change(answered, current, **fields)
        with pytest.raises(
            ContractError, match=r"current\.json names '.*', which is nothing below .* - restore or delete it"
        ):
            read_standing(answered.pipeline.stores, answered.pipeline.dataset)
    for fields in ({"listing": 5}, {"listed_at": "yesterday"}, {"listed_at": "2026-01-01T00:00:00"}, {"model": []}):
        answered.results.write_bytes(current, before)
        change(answered, current, **fields)
        with pytest.raises(
            ContractError, match=r"(current\.json|What names listing .*) is not what its format promises .* - restore"
        ):
            read_standing(answered.pipeline.stores, answered.pipeline.dataset)


def test_a_listing_that_the_answer_names_elsewhere_is_looked_for_where_its_copy_would_lie(answered):
    layout = answered.pipeline.stores.layout
    change(answered, layout.current, listing=ELSEWHERE)
    plan = answered.variant.run(answered.plan.run_key).plan
    change(answered, plan, listing={**answered.results.read_json(plan)["listing"], "key": ELSEWHERE})
    assert read_plan(answered.results, plan).listing.key == f"{layout.root}listings/20260101T000000Z-abcd1234.json"
    assert read_current(answered.results, layout)["listing"] == f"{layout.root}listings/20260101T000000Z-abcd1234.json"


def test_a_plan_that_names_what_is_not_of_its_run_is_not_followed(answered):
    plan = answered.variant.run(answered.plan.run_key).plan
    before = answered.results.read_bytes(plan)
    root = answered.variant.root
    for fields in (
        {"listing": {**json.loads(before)["listing"], "key": f"{root}listings/*.json"}},
        {"ledgers": [f"{root}ledger/*.parquet"]}, {"parts": [f"{root}parts/../../x.parquet"]},
        {"ledgers": [answered.ledger() + "?s3_endpoint=evil"]}, {"run_key": "20260101T000000Z-abcd1234"},
    ):  # fmt: skip
        answered.results.write_bytes(plan, before)
        change(answered, plan, **fields)
        for read in (
            lambda: answered.pipeline.summarize(answered.plan),
            lambda: answered.pipeline.verify(answered.plan.run_key, answered.plan.variant.directory),
        ):
            with pytest.raises(
                ContractError, match=r"plan\.json names '.*', which is not of its run or not below .* - restore it"
            ):
                read()


def test_a_listing_that_names_files_elsewhere_is_not_followed(answered):
    listing = answered.plan.listing_key
    entry = answered.results.read_json(listing)["files"][0]
    for key in (
        "s3://elsewhere/x.parquet",
        entry["key"] + "?s3_endpoint=evil",
        "/etc/passwd",
    ):
        change(answered, listing, files=[entry | {"key": key}])
        with pytest.raises(
            ContractError,
            match=r"Listing '.*' is not what its format promises \(it names '.*' as a file of its images\)",
        ):
            answered.pipeline.summarize(answered.plan)


@pytest.mark.parametrize(
    ("sql", "error"),
    [
        pytest.param("FROM read_text('/etc/passwd')", "Cannot access file", id="a file of the machine"),
        pytest.param("FROM read_text('{folder}/../passwd')", "Cannot access file", id="a file beside the scratch folder"),
        pytest.param("FROM 's3://another-bucket/x.parquet'", "Cannot access file", id="another bucket"),
        pytest.param("FROM 's3://{bucket}-2/x.parquet'", "Cannot access file", id="a bucket whose name begins alike"),
        pytest.param("FROM 'http://{rogue}/x.parquet'", "Cannot access file", id="another host"),
        pytest.param("COPY (SELECT 1) TO '/tmp/x.parquet'", "Cannot access file", id="writing"),
        pytest.param("ATTACH '/tmp/x.db'", "Cannot access file", id="another database"),
        pytest.param("INSTALL spatial", "disabled", id="an extension"),
        pytest.param("LOAD '/tmp/x.duckdb_extension'", "disabled", id="an extension of the machine"),
        pytest.param("SET allow_unsigned_extensions = true", "Cannot change|locked", id="one that nobody signed"),
        pytest.param("SET enable_external_access = true", "Cannot change|locked", id="unlocking"),
        pytest.param("SET allowed_directories = ['/']", "Cannot change|locked", id="allowing more"),
        pytest.param("SET memory_limit = '8GB'", "locked", id="more memory"),
        pytest.param("CREATE PERSISTENT SECRET x (TYPE s3, KEY_ID 'x')", "Persistent secrets are disabled", id="a key for others"),
    ],
)  # fmt: skip
def test_sql_reaches_the_bucket_and_the_scratch_folder_and_nothing_else(dataset, sql, error):
    with rogue_host() as rogue, open_database(dataset.results) as database:
        words = {"folder": database.folder, "bucket": dataset.results.bucket, "rogue": rogue.address}
        with pytest.raises(duckdb.Error, match=error):
            database.connection.execute(sql.format(**words)).fetchall()
        assert rogue.asked == []


@pytest.mark.parametrize("character", sorted(SPECIAL))
def test_no_key_with_a_character_of_a_pattern_is_told_to_duckdb(dataset, character):
    with (
        open_database(dataset.results) as database,
        pytest.raises(ContractError, match=r"has . in its name and is not read: Shoal"),
    ):
        database.view_rows([f"{dataset.variant.ledgers}{character}.parquet"])
