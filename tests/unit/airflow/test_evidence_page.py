"""The page of what stands beside an answer: both numbers, troubles with links, and a person's word about things that stand."""

import re
from dataclasses import replace
from datetime import timedelta
from html import unescape
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from airflow.sdk.execution_time.context import OutletEventAccessors

from asked_pages import asked_pages, said_by
from pipeline import make_pipeline
from shard_attempts import airflow_connection
from shoal.airflow.operators import summarize
from shoal.airflow.operators.frozen_run import where_it_lies
from shoal.airflow.operators.summarize import SummarizeOperator
from shoal.evidence import answer_evidence
from shoal.evidence.health import found
from shoal.evidence.repeats.decisions import read_decisions
from shoal.settings.results_place import ResultsPlace
from troubled_reef import SETTINGS, images, night, write
from waiting import wait_until

OWN = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture(scope="module")
def told(store, demo_models, tmp_path_factory):
    """The pages, the pipeline, the address of the page of its answer, and what people were told when it was summarized."""
    folder = tmp_path_factory.mktemp("datasets")
    pipeline = make_pipeline(store, demo_models, folder, **SETTINGS)
    for key, data in images().items():
        pipeline.put(key, data)
    plan = pipeline.plan()
    write(pipeline, plan)
    planned = {"variant": plan.variant.directory, "run_key": plan.run_key, "plan_only": False}
    planned |= where_it_lies(pipeline.dataset, plan.to_json())
    instance = SimpleNamespace(
        dag_id=f"reanalyse_{pipeline.dataset.name}", run_id="r1",
        xcom_pull=lambda task_ids, key: planned if (task_ids, key) == ("plan", "plan") else None, xcom_push=lambda **_: None,
    )  # fmt: skip
    messages = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_TEST", airflow_connection(store))
        patch.setattr(summarize, "tell", lambda _, message, *__: messages.append(message))
        operator = SummarizeOperator(task_id="summarize", dataset=pipeline.dataset.model_dump(mode="json"))
        operator.execute({"ti": instance, "outlet_events": OutletEventAccessors()})
    place = {f"shoal_results_{pipeline.dataset.name}": str(ResultsPlace.of(pipeline.dataset))}
    here = f"/evidence/reanalyse_{pipeline.dataset.name}/{plan.variant.directory}/{plan.run_key}"
    with asked_pages(store, "test", folder, tmp_path_factory.mktemp("home"), place) as pages:
        yield pages, pipeline, here, messages


def decided(pipeline):
    return read_decisions(pipeline.stores.results, pipeline.stores.layout)


def test_people_are_told_of_a_new_trouble_with_camera_time_and_the_next_command(told):
    _, pipeline, _, messages = told
    [trouble] = [one for one in messages if one.kind == "trouble"]
    name = pipeline.dataset.name
    assert trouble.line == (
        f"1 new camera trouble in {name}: camera A, lights since 2026-06-15 00:00 UTC, 75.7 levels of brightness (255) - "
        f"python -m shoal health {name}"
    )


def check_unreadable(pages, pipeline, here, done):
    """What stands beside an answer may be lost: its pages say so, and show all else."""
    file = done.stored.named["findings.json"]
    kept = pipeline.stores.results.read_bytes(file.key)
    pipeline.stores.results.delete([file.key])
    beside, explored = pages.get(here), pages.get(here.replace("/evidence/", "/explore/"))
    # The page of a dataset knows a new answer within ten seconds.
    page, run_key = f"/dataset/{here.split('/')[2]}", here.rpartition("/")[2]
    dataset = wait_until(lambda: found if run_key in (found := pages.get(page)).body else None, what="the new answer")
    pipeline.stores.results.write_bytes(file.key, kept, "application/json")
    assert (beside.status, explored.status, dataset.status) == (200, 200, 200)
    assert re.search(r"Not shown: [^<]*findings", dataset.body)
    assert re.search(r'id="troubles">.*?They cannot be read: [^<]*findings', beside.body, re.DOTALL)
    assert "nobody had labelled an image when it was summarized" in beside.body


def test_the_page_of_a_dataset_says_what_is_wrong_with_its_cameras(told):
    pages, _, here, _ = told
    page = pages.get(f"/dataset/{here.split('/')[2]}").body
    assert '<p class="warn">A: lamps fail since 2026-06-15T00:00:00Z</p>' in page
    assert f'<a href="/shoal{here}#troubles">Troubles of cameras in the images of the answer</a>: 1, lasting: 1' in page


def test_a_person_looks_decides_and_takes_it_back(told):
    pages, pipeline, here, _ = told
    page = pages.get(here)
    assert page.status == 200, page.body
    for words in ("lamps fail", "lasts"):
        assert words in page.body
    [to_images] = re.findall(r'<a href="([^"]*/images/[^"]*)">lamps fail', page.body)
    assert "camera=A" in to_images
    below = urlsplit(unescape(to_images))
    listed = pages.get(f"{below.path.removeprefix('/shoal')}?{below.query}")
    assert "A/20260615" in listed.body
    pictures = re.findall(r'<img src="/shoal([^"]*)"', page.body)
    assert len(pictures) == 2 + 5
    assert pages.get(unescape(pictures[0])).headers["content-type"] == "image/jpeg"
    [thing] = re.findall(r'name="thing" value="(\w+)"', page.body)

    for headers, fields, why in (
        (
            {"Sec-Fetch-Site": "cross-site"},
            {"thing": thing, "verdict": "repeat"},
            "not sent from a page of this Airflow",
        ),
        ({}, {"thing": thing, "verdict": "repeat"}, "not sent from a page of this Airflow"),
        (OWN, {"thing": "0" * 8, "verdict": "repeat"}, "This answer has no thing 00000000"),
        (OWN, {"thing": thing, "verdict": "fish"}, "Nobody says what it is"),
        (OWN, {"thing": thing * 1000, "verdict": "repeat"}, "no decision of this page"),
    ):
        refused = pages.post(here, b"", headers, **fields)
        assert refused.status == 400
        assert why in said_by(refused.body)
    results, in_the_way = pipeline.stores.results, pipeline.stores.layout.repeats.rstrip("/")
    results.write_bytes(in_the_way, b"", "text/plain")  # a store of files has no room for a folder there then
    unstored = pages.post(here, b"", OWN, thing=thing, verdict="repeat")
    results.delete([in_the_way])
    assert (unstored.status, "repeats" in said_by(unstored.body)) == (502, True)
    assert decided(pipeline) == ()

    led = pages.post(here, b"", OWN, thing=thing, verdict="repeat")
    assert (led.status, led.headers["location"]) == (303, f"/shoal{here}#thing-{thing}")
    shown = pages.get(here)
    assert re.search("ana said on .*: no animal", shown.body)
    [one] = decided(pipeline)
    assert (one.by, str(one.verdict), one.boxes, one.place.taxon) == ("ana", "repeat", 64, "Chromis chromis")

    after = night(pipeline)
    [both] = after.stored.result["repeats"]["taxa"]
    assert (both["detections"], both["repeats"], both["detections_without"]) == (64, 64, 0)
    check_unreadable(pages, pipeline, f"{here.rpartition('/')[0]}/{after.stored.run_key}", after)
    pages.post(here, b"", OWN, thing=thing, verdict="animal")
    assert [str(word.verdict) for word in decided(pipeline)][-1] == "animal"
    assert decided(pipeline)[-1].place == one.place


def test_report_and_page_say_how_many_troubles_there_are_beyond_those_that_they_tell(told, monkeypatch):
    pages, pipeline, here, _ = told
    [thing] = re.findall(r'name="thing" value="(\w+)"', pages.get(here).body)
    pages.post(here, b"", OWN, thing=thing, verdict="repeat")  # or the night would name what it told before
    find, moment = found.find_health, timedelta(hours=1)
    monkeypatch.setattr(
        found,
        "find_health",
        lambda *of: [
            one
            for lasting in find(*of)
            for one in (
                replace(lasting, camera="over", start=lasting.start + moment, end=lasting.start + 2 * moment),
                *(replace(lasting, camera=f"C{number}") for number in range(30)),
            )
        ],
    )
    monkeypatch.setattr(answer_evidence, "MOST_FINDINGS", 29)
    done = night(pipeline)
    page = pages.get(f"{here.rpartition('/')[0]}/{done.stored.run_key}").body
    report = pipeline.stores.results.read_bytes(done.stored.named["report.html"].key).decode()
    for told_by in (page, report):
        assert "what lasts first, then the latest (29 of 31)" in told_by
        assert re.search(rf"And 2 more[^<]* <code[^>]*>python -m shoal health {pipeline.dataset.name}</code>", told_by)
    assert "9 further camera troubles" in page
