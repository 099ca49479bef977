"""summary.json read back: the example of docs/formats.md, one of an earlier release, and what is none."""

import json
import re
from pathlib import Path

import pytest

from shoal.contract.errors import ContractError
from shoal.results.stored_summary import StoredSummary, Unreadable, read_summary

TESTS = Path(__file__).parents[2]
FORMATS = (TESTS.parent / "docs" / "formats.md").read_text(encoding="utf-8")
EARLIER = sorted((TESTS / "fixtures/format-1").rglob("summary.json"))


@pytest.fixture
def written():
    return json.loads(re.search(r"<!-- example: summary\.json -->\n```json\n(.*?)\n```", FORMATS, re.DOTALL)[1])


def test_a_summary_is_read_as_it_was_written(written):
    summary, result, run = StoredSummary.parse(written), written["result"], written["run"]
    assert (summary.result, summary.result_sha256) == (result, written["result_sha256"])
    assert [file.to_json() for file in summary.files] == written["files"]
    assert summary.by_month
    assert list(summary.named) == [
        "counts-day.csv",
        "counts-month.csv",
        "explore.json",
        "failures.csv",
        "gaps.csv",
        "report.html",
        "detections-2026-06.parquet",
        "images-2026-06.parquet",
    ]
    assert [file.name for file in summary.tables] == ["detections-2026-06.parquet", "images-2026-06.parquet"]
    assert (summary.dataset, summary.examined, summary.uses) == (
        result["dataset"],
        result["examined"],
        result["balance"],
    )
    assert (summary.run_key, summary.balance) == (run["run_key"], run["balance"])
    assert [vars(shard) for shard in summary.shards] == run["shards"]
    assert summary.unreadable.to_json() == run["unreadable"]
    assert str(summary.model) == f"{result['model']['name']} {result['model']['version']}"


@pytest.mark.parametrize("path", EARLIER, ids=lambda path: path.parent.name)
def test_a_summary_of_an_earlier_release_names_nothing_unreadable(path):
    assert StoredSummary.parse(json.loads(path.read_text(encoding="utf-8"))).unreadable == Unreadable()


@pytest.mark.parametrize(
    ("lacks", "message"),
    [
        pytest.param(("run",), r"^summary.json has no field 'run' - restore it, or clear task summarize", id="no run"),
        pytest.param(
            ("run", "balance"), r"^summary.json of run \S+ has no field 'balance' - restore it", id="no balance"
        ),
    ],
)
def test_what_is_no_summary_is_said_in_one_line(written, lacks, message):
    *way, last = lacks
    inner = written
    for name in way:
        inner = inner[name]
    del inner[last]
    with pytest.raises(ContractError, match=message):
        StoredSummary.parse(written)


ONE_FOLDER = json.loads((TESTS / "fixtures/summary_of_one_folder.json").read_text(encoding="utf-8"))
"""As releases wrote it before tables by month: the files of one folder, their sha256 by name."""


def test_a_summary_of_one_folder_names_its_files_like_any_other():
    summary = StoredSummary.parse(ONE_FOLDER)
    assert not summary.by_month
    assert summary.tables == ()
    assert {file.name: file.sha256 for file in summary.files} == ONE_FOLDER["files"]
    assert {(file.table, file.month, file.bytes, file.rows) for file in summary.files} == {
        (name, None, None, None) for name in ("counts", "detections", "failures", "report")
    }
    assert summary.named["report.html"].key == ONE_FOLDER["folder"] + "report.html"


class Stored:
    """Holds one summary under one key, as a bucket would."""

    def __init__(self, key, summary):
        self.key, self.summary = key, summary

    def read_json(self, key):
        assert key == self.key
        return self.summary


def place_of(summary, root):
    variant = summary["folder"].split("/")[1]
    return f"{root}{variant}/runs/{summary['run']['run_key']}/summary.json"


@pytest.mark.parametrize("root", ["demo/", "elsewhere/demo-copy/", ""])
def test_files_lie_where_the_folder_of_the_dataset_was_copied_to(written, root):
    for summary in (written, ONE_FOLDER):
        key = place_of(summary, root)
        read = read_summary(Stored(key, summary), key)
        assert [file.key for file in read.files] == [
            root + file.key.removeprefix("demo/") for file in StoredSummary.parse(summary).files
        ]
        assert read.folder == root + summary["folder"].removeprefix("demo/")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        pytest.param({"key": "demo/current.json", "month": None}, "current.json", id="a record"),
        pytest.param(
            {"key": "{answer}exports/0123456789abcdef/x.csv", "month": None}, "x.csv", id="another folder of exports"
        ),
        pytest.param({"key": "{answer}images/month=2026-07/5e0b4eec62a5a3f5.parquet"}, "2026-07", id="another month"),
        pytest.param({"key": "{answer}below/month=2026-06/5e0b4eec62a5a3f5.parquet"}, "below", id="another table"),
        pytest.param({"sha256": "0" * 64}, "5e0b4eec62a5a3f5", id="another content than its name says"),
        pytest.param({"key": "{answer}images/month=2026-06/../../x.parquet"}, "x.parquet", id="a way up"),
        pytest.param(
            {"key": "demo/other-v1-fd93d4e9a8f8/answer/images/month=2026-06/5e0b4eec62a5a3f5.parquet"},
            "other-v1",
            id="another variant",
        ),
        pytest.param({"key": "{ledger}"}, "ledger", id="a ledger"),
        pytest.param(
            {"key": "{answer}explore/0123456789abcdef.json", "month": None}, "explore", id="explore of other content"
        ),
        pytest.param({"key": "{answer}explore/5e0b4eec62a5a3f5.json"}, "explore", id="explore of a month"),
    ],
)
def test_a_file_that_is_none_of_the_answer_is_refused(written, fields, reason):
    answer = written["folder"].split("exports/")[0]
    fields = {
        name: value.format(answer=answer, ledger=written["run"]["ledger"]) if name == "key" else value
        for name, value in fields.items()
    }
    *others, images = written["files"]
    summary = {**written, "files": [*others, {**images, **fields}]}
    key = place_of(written, "demo/")
    with pytest.raises(ContractError, match=f"names '.*{re.escape(reason)}.*', which is not of its run - restore it"):
        read_summary(Stored(key, summary), key)


def test_a_file_that_is_named_twice_is_refused(written):
    summary = {**written, "files": [*written["files"], written["files"][-1]]}
    key = place_of(written, "demo/")
    with pytest.raises(ContractError, match="names 'one file twice'"):
        read_summary(Stored(key, summary), key)
