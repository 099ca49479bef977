"""summary.json read back: the example of docs/formats.md, one of an earlier release, and what is none."""

import json
import re
from pathlib import Path

import pytest

from shoal.contract.errors import ContractError
from shoal.results.stored_summary import StoredSummary, Unreadable

TESTS = Path(__file__).parents[2]
FORMATS = (TESTS.parent / "docs" / "formats.md").read_text(encoding="utf-8")
EARLIER = sorted((TESTS / "fixtures/format-1").rglob("summary.json"))


@pytest.fixture
def written():
    return json.loads(re.search(r"<!-- example: summary\.json -->\n```json\n(.*?)\n```", FORMATS, re.DOTALL)[1])


def test_a_summary_is_read_as_it_was_written(written):
    summary, result, run = StoredSummary.parse(written), written["result"], written["run"]
    assert (summary.result, summary.result_sha256, summary.files) == (
        result,
        written["result_sha256"],
        written["files"],
    )
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
