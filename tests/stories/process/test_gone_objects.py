"""An object that people deleted is named with its run, what is lost with it, and the way out."""

import pytest

from shoal.contract.errors import ContractError, StoreError
from shoal.contract.gone_objects import gone
from shoal.contract.layout import NO_MONTH, DatasetLayout, listed_month
from written_rows import write_rows

RUN = "20260601T020000Z-abcd1234"
ROOT = "prefix/obsea/fish-v1-0123456789ab"


@pytest.mark.parametrize(
    ("key", "said"),
    [
        pytest.param(f"prefix/obsea/listings/{RUN}.parquet", "Listing", id="listing"),
        pytest.param(f"{ROOT}/runs/{RUN}/manifest.parquet", "Manifest", id="manifest"),
        pytest.param(
            f"{ROOT}/runs/{RUN}/remaining-0001-abcd1234.parquet", "Manifest", id="manifest of a repeated shard"
        ),
        pytest.param(f"{ROOT}/runs/{RUN}/plan.json", "Plan", id="plan"),
        pytest.param(f"{ROOT}/runs/{RUN}/summary.json", "Summary", id="summary"),
        pytest.param(f"{ROOT}/runs/{RUN}/summary-abcd1234/counts-day.csv", "File of the summary", id="file"),
    ],
)
def test_each_kind_is_named_with_its_run_and_what_to_do(key, said):
    problem = gone(key, "results")
    assert isinstance(problem, ContractError)
    assert str(problem).startswith(f"{said} {key!r} of run {RUN} is not in bucket 'results': ")
    assert "restore it from an older version or a backup of the bucket" in str(problem)


@pytest.mark.parametrize(
    ("key", "said"),
    [
        pytest.param(
            f"parts/{RUN}-0000-abcd1234-0001.parquet", "a summary that ends now has moved its rows", id="part"
        ),
        pytest.param(
            f"ledger/{RUN}-abcd1234.parquet", "it may have been written together with others meanwhile", id="ledger"
        ),
    ],
)
def test_rows_may_have_been_moved_so_that_a_retry_helps(key, said):
    problem = gone(f"{ROOT}/{key}", "results")
    assert isinstance(problem, StoreError)
    assert f"of run {RUN} is not in bucket 'results': {said}" in str(problem)
    assert "try again; if it stays so, " in str(problem)
    assert "restore it from an older version or a backup of the bucket" in str(problem)


SHA256 = "0123456789abcdef" * 4
IF_THE_SAME = (
    "or start a new run, which writes it again if its answer is the same there; python -m shoal gc deletes such objects"
)
ANEW = "or start a new run, which lists the bucket anew; python -m shoal gc deletes such a file with the last listing"


@pytest.mark.parametrize(
    "layout", [DatasetLayout("prefix/", "obsea"), DatasetLayout("", "obsea")], ids=["with a prefix", "without"]
)
def test_what_several_runs_share_is_named_so_with_a_way_out_that_helps(layout):
    listing, variant = layout.listing(RUN), layout.variant("fish-v1-0123456789ab")
    for key, said, then in (
        (variant.answer_file("images", "2026-06", SHA256), "a file of the answer of every run", IF_THE_SAME),
        (variant.answer_file("images", NO_MONTH, SHA256), "a file of the answer of every run", IF_THE_SAME),
        (f"{variant.export_folder(SHA256)}report.html", "a file of the answer of every run", IF_THE_SAME),
        (listed_month(listing, "2026-06", SHA256), "a month of images of every listing that names it", ANEW),
        (listed_month(listing, None, SHA256), "a month of images of every listing that names it", ANEW),
    ):
        problem = gone(key, "results")
        assert isinstance(problem, ContractError)
        assert str(problem).startswith(f"{key!r}, {said}"), key
        assert f"restore it from an older version or a backup of the bucket, {then}" in str(problem)


def test_what_shoal_did_not_name_is_named_all_the_same():
    assert (
        str(gone("best.onnx", "models")) == "No object 'best.onnx' in bucket 'models' - it was removed or never written"
    )


def test_a_ledger_that_was_deleted_is_named_and_the_next_run_looks_again(few_images):
    plan = few_images.plan()
    write_rows(few_images, plan)
    few_images.summarize(plan)
    results, folder = few_images.stores.results, few_images.stores.layout.variant(plan.variant.directory)
    (ledger,) = results.list_keys(folder.ledgers)
    later = few_images.plan()
    assert later.work.images == 0
    results.delete([ledger])
    said = rf"^Ledger '{ledger}' of run {plan.run_key} is not in bucket '{results.bucket}': the rows it held are lost with it - restore"
    with pytest.raises(ContractError, match=said):
        few_images.summarize(later)
    assert few_images.plan().work.images == 12


def test_of_hundreds_of_months_that_are_gone_a_message_names_three_and_one_request_tells(few_images, monkeypatch):
    plan = few_images.plan()
    results = few_images.stores.results
    asked, has = [], results.has
    record = results.read_json(plan.listing_key)
    [month] = record["files"]
    there = {**month, "key": listed_month(plan.listing_key, None, "f" * 64)}
    results.write_bytes(there["key"], b"")
    gone_months = [
        {**month, "key": listed_month(plan.listing_key, f"{1990 + number // 12}-{number % 12 + 1:02d}", SHA256)}
        for number in range(480)
    ]
    results.write_json(plan.listing_key, {**record, "files": [there, month, *gone_months]})
    monkeypatch.setattr(results, "has", lambda key: asked.append(key) or has(key))
    names = ", ".join(one["key"] for one in gone_months[:3])
    with pytest.raises(ContractError, match=f"its listing is not in the bucket - .*; gone: {names} and 477 more$"):
        few_images.summarize(plan)
    assert len(asked) == 1, "the manifest alone"


def test_a_listing_that_was_deleted_is_named_by_a_summary(few_images):
    plan = few_images.plan()
    write_rows(few_images, plan)
    results = few_images.stores.results
    results.delete([plan.listing_key])
    said = f"^Run {plan.run_key} cannot be computed again: its listing is not in the bucket - .*; gone: {plan.listing_key}$"
    with pytest.raises(ContractError, match=said):
        few_images.summarize(plan)
