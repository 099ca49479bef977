"""The page of a plan: what people read, and nothing a key could smuggle in."""

import json
import re
from pathlib import Path

import pytest

from shoal.airflow.pages.plan_page import plan_page
from shoal.models.approval import Answer
from shoal.results.stored_plan import StoredPlan

FORMATS = (Path(__file__).parents[3] / "docs" / "formats.md").read_text(encoding="utf-8")


def render_plan(plan, answer=None):
    """The page as it is sent, one line a row of its tables."""
    body = plan_page("reanalyse_demo", plan, answer).body.decode()
    body = re.sub(r' data-label="[^"]*"| scope="(row|col)"', "", body)
    return re.sub(r">\s+<", "><", body)


@pytest.fixture
def plan():
    return json.loads(re.search(r"<!-- example: plan\.json -->\n```json\n(.*?)\n```", FORMATS, re.DOTALL)[1])


def test_the_page_tells_what_would_be_inferred(plan):
    page = render_plan(StoredPlan.parse(plan))
    for said in (
        "demo-fish v1",
        "<th>To infer in this run</th><td>126</td>",
        "1 (assumed)",
        "not needed",
        "bound by cpu",
        "<th>entry 1: name</th><td>61</td><td>IPC710</td><td>2026-06-01 00:00:00</td>",
        "1 of 126 images has no time in its name",
    ):
        assert said in page
    assert "passed over" not in page


def test_the_page_tells_which_keys_pods_get_and_why(plan):
    why = "the connection says run_keys: false"
    plan["run_keys"] = {"roles": ["source", "models"], "why_not": {"results": why}}
    page = render_plan(StoredPlan.parse(plan))
    assert "<th>Pods have keys of this run&#39;s own for</th><td>source, models</td>" in page
    assert f"<th>Pods have the connection&#39;s key for results</th><td>{why}</td>" in page


def test_the_page_names_what_was_passed_over_and_who_is_asked(plan):
    plan["passed_over"] = [{"version": "v2", "reason": "refused by ana"}]
    plan["approval"]["decision"] = "ask"
    page = render_plan(StoredPlan.parse(plan))
    assert "<th>v2</th><td>refused by ana</td>" in page
    assert "a person is asked before anything is inferred" in page


def test_the_page_tells_what_lies_beside_the_images_and_how_stores_are_reached(plan):
    plan["listing"] |= {
        "ignored": 3,
        "ignored_by": {"<b>/": 2, "._*": 1},
        "videos": {".mov": 1},
        "unread": {},
        "below_images": 1,
    }
    plan["credentials"] = {
        "source": "anonymous",
        "models": "login",
        "results": "session token until 2026-06-03T00:00:00Z",
    }
    page = render_plan(StoredPlan.parse(plan))
    for said in (
        "<h2>Beside the images</h2><p>ignored 3: &lt;b&gt;/ 2, ._* 1 - !pattern in source.ignore lets one in again</p>",
        "<p>not looked at: 1 video (.mov 1) - frames of one are made by ffmpeg ",
        "<p>1 image lies in a folder named like an image, such as a.jpg/1.jpg: often a thumbnail - look at it, and leave it out by ",
        "<td>source: anonymous, models: login, results: session token until 2026-06-03T00:00:00Z</td>",
    ):
        assert said in page


def test_the_page_tells_what_deployments_corrected(plan):
    assert "What else is to be known" not in render_plan(StoredPlan.parse(plan))
    plan["remarks"] = ["clock: deployment <pier> corrects camera IPC608 (+1h): 9 images"]
    page = render_plan(StoredPlan.parse(plan))
    assert (
        "<h2>What else is to be known</h2><p>clock: deployment &lt;pier&gt; corrects camera IPC608 (+1h): 9 images</p>"
        in page
    )


def test_a_plan_from_before_patterns_counts_what_it_left_out_and_names_no_login(plan):
    for name in ("ignored_by", "videos", "unread", "below_images"):
        del plan["listing"][name]
    del plan["credentials"]
    plan["listing"]["ignored"] = 3
    page = render_plan(StoredPlan.parse(plan))
    assert "<p>ignored 3 - !pattern in source.ignore lets one in again</p>" in page
    assert "Kind of login" not in page


def test_a_key_is_text_and_never_markup(plan):
    plan["shards"][0]["first_key"] = "<script>alert('x')</script>"
    plan["clock"]["lines"][0] |= {"camera": "<script>", "example": "<script>.jpg"}
    plan["clock"]["odd"] = ["such as '<script>.jpg'"]
    page = render_plan(StoredPlan.parse(plan))
    assert page.count("<script") == page.count('<script src="/shoal/static/shoal.js?') == 1


def test_a_plan_of_an_earlier_release_and_one_with_nothing_to_do_have_a_page(plan):
    del plan["approval"], plan["passed_over"], plan["clock"], plan["remarks"]
    plan |= {"capacity": None, "shards": [], "counts": {**plan["counts"], "chosen": 0, "pending": 0}}
    assert "Room was not looked for" in render_plan(StoredPlan.parse(plan))
    assert "Seconds per image" not in render_plan(StoredPlan.parse(plan))


def test_the_page_says_who_allowed_how_much(plan):
    answer = Answer(
        yes=True,
        by="ana <b>",
        at="2026-11-22T21:53:10Z",
        run_key="20261122T215134Z-koiihhqq",
        images=126,
        cpu_hours=0.035,
    )
    said = "approved by ana &lt;b&gt; at 2026-11-22T21:53:10Z: 126 images, 0.035 CPU hours, asked by run 20261122T215134Z-koiihhqq"
    assert f"<th>Said about this variant</th><td>{said}</td>" in render_plan(StoredPlan.parse(plan), answer)
