"""Names that somebody gave objects of the results bucket who may write to it: no reader leaves the bucket because of them."""

import json
import logging
from dataclasses import dataclass

import duckdb
import pytest

from pipeline import Pipeline, make_pipeline
from rogue import rogue_host
from shoal.contract.errors import ContractError
from shoal.contract.layout import VariantLayout
from shoal.history.facts import read_facts
from shoal.history.find_run import latest_run, list_runs
from shoal.history.gc import delete, survey, terms_of
from shoal.history.standing import read_standing
from shoal.history.why import diagnose
from shoal.plan.document import Plan
from shoal.tables.session import open_database
from written_rows import write_rows


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
        pipeline.plan()
        again = pipeline.plan(retry_failed=["corrupt"])
        assert again.work.images == 0
        pipeline.summarize(found.plan)
        checked = pipeline.verify(found.plan.run_key, found.plan.variant.directory)
        assert checked.deviations == ()
        delete(
            stores.results,
            stores.layout,
            survey(stores.results, stores.layout, terms_of(pipeline.dataset, stores.results)),
        )
        assert read_standing(stores, pipeline.dataset).describe()[0].endswith(found.plan.run_key)
        runs = list_runs(stores)
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
    assert told
