"""A variant's folder that somebody copied or renamed within its dataset is named, with the way out that helps."""

from datetime import UTC, datetime, timedelta

import pytest

from shoal.contract.errors import ContractError
from shoal.history.gc import survey
from shoal.history.retention import Terms
from shoal.history.standing import read_standing
from shoal.results.read_plan import read_plan
from shoal.results.stored_summary import read_summary
from written_rows import write_rows


@pytest.mark.parametrize("renamed", [False, True], ids=["copied", "renamed"])
def test_whoever_reads_it_says_to_move_it_away_or_to_rename_it_back(few_images, renamed):
    plan = few_images.plan()
    write_rows(few_images, plan)
    few_images.summarize(plan)
    results, layout = few_images.stores.results, few_images.stores.layout
    old, copy = layout.variant(plan.variant.directory), layout.variant(f"{plan.variant.directory}-copy")
    for key in results.list_keys(old.root):
        results.write_bytes(key.replace(old.root, copy.root), results.read_bytes(key))
    if renamed:
        results.delete(results.list_keys(old.root))
    run = copy.run(plan.run_key)
    terms = Terms(datetime.now(UTC), timedelta(days=90))
    reads = {
        "plan.json": lambda: read_plan(results, run.plan),
        "summary.json": lambda: read_summary(results, run.summary),
        "gc": lambda: survey(results, layout, terms),
        "current": lambda: read_standing(few_images.stores, few_images.dataset),
    }
    for name, read in reads.items():
        with pytest.raises(ContractError) as caught:
            read()
        assert str(caught.value).endswith(
            f".json is of {plan.variant.directory}/ and lies in {plan.variant.directory}-copy/: that folder was copied or renamed - "
            f"rename it back, or move {copy.root} out of the dataset's folder"
        ), name
    results.delete(results.list_keys(copy.root))
    if not renamed:
        assert few_images.plan().work.images == 0
