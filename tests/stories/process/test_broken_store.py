"""A store that breaks off and a login that ends: plan, worker and summary take the one and tell the other."""

import re
from urllib.parse import urlsplit

import pytest

from pipeline import run_worker_here
from reached_through import reached_through
from shoal.contract.errors import ContractError, StoreError
from shoal.contract.exit_codes import WorkerExit
from shoal.stores import s3_reading
from worker.hostile_front import HTML
from worker.http_faults import of, passed_on, status, whole

BREAKING = ("/plan.json", "/current.json", "/model.onnx")


def breaking_off_at_first(endpoint_url, asked):
    """Each plan, answer and model breaks off in the middle when it is asked for the first time."""
    whole, half = passed_on(endpoint_url), passed_on(endpoint_url, keep=0.5)

    def answer(handler, number):
        path = urlsplit(handler.path).path
        if handler.command != "GET" or not path.endswith(BREAKING) or path in asked:
            whole(handler, number)
        else:
            asked.add(path)
            half(handler, number)

    return answer


def test_a_run_over_a_store_that_breaks_off_is_the_run_over_one_that_does_not(few_images, monkeypatch):
    monkeypatch.setattr(s3_reading, "BODY_PAUSES_S", (0.0,))
    expected = few_images.run().summary["result_sha256"]
    asked = set()
    with reached_through(
        few_images, breaking_off_at_first(few_images.stores.results.access.endpoint_url, asked)
    ) as broken:
        again = broken.run(model_version="v2")
        done = broken.run()
    assert again.balance.fates["processed"] == 12
    assert done.summary["result_sha256"] == expected
    assert {path.rpartition("/")[2] for path in asked} == {name.strip("/") for name in BREAKING}


@pytest.mark.parametrize(
    ("stored", "body"),
    [
        pytest.param("/manifest.parquet", HTML, id="a page in place of the manifest"),
        pytest.param("/parts/", b"", id="nothing in place of a part"),
        pytest.param("/ledger/", b"PAR1" + bytes(50), id="a ledger that breaks off"),
        pytest.param("/listings/", HTML, id="a page in place of the listing"),
    ],
)
def test_a_stored_file_that_is_no_parquet_is_named(few_images, stored, body):
    plan = few_images.plan()
    few_images.infer(plan)
    real = passed_on(few_images.stores.results.access.endpoint_url)
    page = whole(body)

    def answer(handler, number):
        is_asked = handler.command in ("GET", "HEAD") and stored in handler.path and handler.path.endswith(".parquet")
        (page if is_asked else real)(handler, number)

    with (
        reached_through(few_images, answer) as broken,
        pytest.raises(
            ContractError, match=rf"A stored file is no Parquet file: .*{stored}.* - restore it, or start a new run"
        ),
    ):
        broken.summarize(plan)


def test_a_worker_that_may_not_read_its_plan_says_that(few_images):
    plan = few_images.plan()
    real = passed_on(few_images.stores.results.access.endpoint_url)
    with reached_through(few_images, of("/plan.json", status(403, "AccessDenied"), real)) as broken:
        ended = run_worker_here(broken.stores, plan, 0)
    assert ended.returncode == WorkerExit.CONFIG
    assert re.fullmatch(
        r"Access to object '.*/plan.json' .* denied \(AccessDenied\) - check the login .*", ended.stdout
    )


@pytest.mark.parametrize("code", ["ExpiredToken", "InvalidAccessKeyId"])
def test_a_login_that_ends_while_a_run_is_planned_is_told_and_worth_another_attempt(few_images, code):
    real = passed_on(few_images.stores.results.access.endpoint_url)

    def refuse_to_write(handler, number):
        (status(403, code) if handler.command == "PUT" else real)(handler, number)

    with (
        reached_through(few_images, refuse_to_write) as ending,
        pytest.raises(StoreError, match=rf"Access to .* to write .* denied \({code}\) - .*; it was good until now"),
    ):
        ending.plan()
    assert few_images.plan().work.images == 12
