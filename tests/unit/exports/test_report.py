"""The report: names are text wherever they stand, pictures keep within their room, and a browser draws what the page holds."""

import json
import os
import re
from html import unescape
from pathlib import Path

import pytest

from browser import page_by_itself
from shoal.contract.errors import StoreError
from shoal.exports.report import pictures
from shoal.exports.report.pictures import MOST_BYTES, NO_ROOM, NO_TIME, choose_pictures, common_reason, draw_pictures
from shoal.exports.report.policy import SCRIPT_SOURCES, SCRIPTS
from shoal.exports.report.script_data import event_data, looks_of, script_data, within_script
from shoal.exports.report.troubles import tell_none
from shoal.exports.report.verdict import say_verdict
from shoal.pictures.drawing import Drawn
from vega_bundle import BUNDLE, bundle

HOSTILE = '</script><script>document.title="run"</script><!--'


def test_a_species_keeps_its_colour_whatever_its_rank():
    assert looks_of(["Coris julis", "Chromis chromis"]) == looks_of(["Chromis chromis", "Coris julis"])


def test_no_two_of_24_species_look_alike():
    assert len({json.dumps(look) for look in looks_of([f"Species {number}" for number in range(24)]).values()}) == 24


@pytest.mark.parametrize("name", [HOSTILE, "a&b", "\u2028", "\u202efish", 'a"b\\', "\ud800", "🐟"])
def test_nothing_in_a_name_ends_the_element_that_holds_it(name):
    written = within_script({"name": name})
    assert not re.search(r"[<>&\u2028\u202e]", written)
    assert json.loads(written) == {"name": name}


FATES = dict.fromkeys(("changed", "gone", "archived", "denied", "unsettled", "pending"), 0)
USES = dict.fromkeys(("duplicate", "undated", "unusable", "failed"), 0)


@pytest.mark.parametrize(
    ("listed", "fates", "uses", "first", "second"),
    [
        pytest.param(
            126, {"examined": 126}, {"used": 120, "duplicate": 1, "undated": 1, "failed": 4},
            "The answer is complete: all 126 listed images were examined.",
            "Of 126 examined images 120 are used and counted in every number below; in no number are 1 that show what another one shows, "
            "1 without a usable time, 4 that could not be opened.", id="complete",
        ),
        pytest.param(
            1000, {"examined": 20, "pending": 900, "archived": 80}, {"used": 20},
            "The answer is not complete: of 1,000 listed images 20 were examined, 80 in an archive of the store's, 900 left for later runs.",
            "All of them are used and counted in every number below.", id="images are left",
        ),
        pytest.param(
            1, {"examined": 1}, {"used": 1}, "The answer is complete: the one listed image was examined.",
            "Of 1 examined image 1 is used and counted in every number below.", id="one image",
        ),
    ],
)  # fmt: skip
def test_both_balances_are_told_in_two_sentences(listed, fates, uses, first, second):
    run = {"listed": listed, "fates": FATES | fates}
    assert say_verdict({"examined": fates["examined"], "balance": USES | uses}, run) == (first, second)


def taxon(name, *pictures):
    return {"taxon": name, "conf": [0.25], "pictures": list(pictures)}


def picture(kind, key):
    box = {"taxon": "A", "class_id": 0, "confidence": 0.5, "x1": 1, "y1": 1, "x2": 9, "y2": 9, "counted": True}
    return {
        "kind": kind,
        "key": key,
        "object_version": "v",
        "size_bytes": 1,
        "content_sha256": None,
        "camera": "C1",
        "captured_at": "2026-06-01T00:00:00Z",
        "boxes": [box],
    }


def explored(taxa=3):
    names = ["A", *(f"B{number:02d}" for number in range(taxa - 1))]
    failed = {
        "use": "failed",
        "reason": "truncated",
        "images": 1,
        "example": {"key": "bad", "object_version": "v", "size_bytes": 1, "content_sha256": None},
    }
    return {
        "taxa": [taxon(name, *(picture(kind, f"{name}-{kind}") for kind in ("maxn", "typical"))) for name in names],
        "failures": [failed],
    }


def test_a_doubtful_picture_is_cut_out_around_the_doubtful_box():
    doubtful = picture("doubtful", "doubtful")
    box = doubtful["boxes"][0]
    doubtful["boxes"] = [{**box, "confidence": score, "counted": score >= 0.25} for score in (0.9, 0.8, 0.24)]
    [asked] = choose_pictures({"taxa": [taxon("A", doubtful)], "failures": []}, {})
    assert [(one.conf, one.style) for one in asked.drawing.boxes] == [
        (0.24, "below"),
        (0.8, "counted"),
        (0.9, "counted"),
    ]
    assert asked.drawing.crop
    assert asked.seen == "score 0.24, not counted, 2 in it"


def test_where_there_is_no_room_the_pictures_that_matter_least_go():
    asked = choose_pictures(explored(12), {})
    sides = set()

    def draw(drawings):
        sides.update(drawing.long_side_px for drawing in drawings)
        return (Drawn(drawing, b"x" * 100_000) for drawing in drawings)

    drawn = draw_pictures(asked, draw)
    there = [one for one in drawn if one.source]
    assert sum(len(one.source) for one in there) <= MOST_BYTES < sum(len(one.source) for one in there) + 140_000
    assert [(one.taxon, one.kind) for one in there] == [
        ("A", "maxn"),
        *((f"B{number:02d}", "maxn") for number in range(6)),
    ]
    assert {one.why for one in drawn if not one.source} == {NO_ROOM}
    assert sides == {420}


def test_a_report_stands_without_pictures():
    def fail(drawings):
        yield Drawn(drawings[0], b"x")
        raise StoreError("No answer from the bucket")

    asked = choose_pictures(explored(), {})
    for draw, why in ((fail, "StoreError: No answer from the bucket"), (None, "pictures are not drawn here")):
        drawn = draw_pictures(asked, draw)
        assert [one.key for one in drawn] == [one.key for one in asked]
        assert common_reason(drawn) == why


def test_a_store_that_is_slow_does_not_hold_an_answer_up(monkeypatch):
    monkeypatch.setattr(pictures, "MOST_SECONDS", -1.0)
    drawn = draw_pictures(
        choose_pictures(explored(), {}), lambda drawings: (Drawn(drawing, b"x") for drawing in drawings)
    )
    assert common_reason(drawn) == NO_TIME


@pytest.fixture(scope="module")
def page(store, demo_models, scenes, bad, tmp_path_factory):
    """A report of the demo's images under hostile names, on disk."""
    from pipeline import make_pipeline

    folder = tmp_path_factory.mktemp("report")
    taxa = {"Chromis chromis": {"scientific_name": HOSTILE}, "Coris julis": {"conf": 0.33}}
    stay = {"camera": "IPC608", "name": "trap", "start": "2026-05-30T00:00:00Z", "captureMethod": "activityDetection"}
    pipeline = make_pipeline(store, {"v1": demo_models["v1"]}, folder, taxa=taxa, deployments=[stay])
    pipeline.put_scenes(scenes[:8])
    for file in bad:
        pipeline.put(file.key, file.data)
    plan = pipeline.plan()
    pipeline.infer(plan)
    from shoal.summary.summarize import summarize_run

    layout = pipeline.stores.layout.variant(plan.variant.directory)
    done = summarize_run(pipeline.stores, layout, plan.run_key, with_pictures=True)
    path = folder / "report.html"
    path.write_bytes(pipeline.stores.results.read_bytes(done.stored.named["report.html"].key))
    return path


def test_it_is_one_file_with_every_picture_and_script_in_it(page):
    html = page.read_text(encoding="utf-8")
    assert len(html) < 3_000_000
    assert re.findall(r"<script[^>]*>", html) == [
        '<script type="application/json" id="explore">',
        *["<script>"] * len(SCRIPTS),
    ]
    assert all(script in html for script in SCRIPTS)
    outside = html
    for script in SCRIPTS:
        outside = outside.replace(script, "")
    assert not re.search(r"(?:src|href)=\"(?!data:image/jpeg;base64,|#|[a-z-]+\.csv\")", outside)
    assert "http:" not in outside
    assert f"script-src {SCRIPT_SOURCES};" in unescape(html)
    assert outside.count('src="data:image/jpeg;base64,') >= 3
    assert "document.title" in unescape(outside), "the hostile name stands there as text"


ACROSS = """() => {
    const at = document.querySelector('#scores .mark-rule.role-mark line').getBoundingClientRect(), x = (at.left + at.right) / 2;
    const bars = [...document.querySelectorAll('#scores .mark-rect.role-mark path')].map((bar) => bar.getBoundingClientRect());
    return bars.length > 5 ? bars.filter((bar) => bar.left < x - 2 && bar.right > x + 2).length : -1;
}"""
"""How many bars of the histogram lie on both sides of the threshold."""


@pytest.mark.parametrize("width", [390, 1280])
def test_a_browser_draws_it_asks_nobody_and_nothing_hangs_over_the_edge(page, width):
    with page_by_itself(page, width) as shown:
        shown.locator(".chart svg").nth(5).wait_for(timeout=60_000)
        assert shown.evaluate("document.querySelectorAll('#events .mark-symbol path').length") == 3
        shown.locator("#scored").select_option(label="Coris julis")
        shown.locator("#scores[aria-label*='Coris julis']").wait_for(timeout=60_000)
        shown.locator("#scores svg:has-text('in use: 0.33')").wait_for(timeout=60_000)
        assert shown.evaluate(ACROSS) == 0, "a bar of scores counts, or does not"
        lines = "document.querySelectorAll('#series .mark-line path').length"
        assert shown.evaluate(lines) == 3
        shown.locator("#taxon-0").uncheck()
        shown.locator("#series .mark-line path").nth(2).wait_for(state="detached", timeout=60_000)
        assert shown.evaluate("document.documentElement.scrollWidth") == width
        assert shown.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
        assert shown.title() != "run"


@pytest.mark.skipif(not os.environ.get("SHOAL_WIDE"), reason="to bundle the script again takes seconds: make test-wide")
def test_the_script_is_the_one_that_the_bundler_makes():
    assert BUNDLE.read_text(encoding="utf-8") == bundle()


def test_events_are_told_of_cameras_and_deployments_that_have_any_and_stand_in_the_report():
    series = [
        {
            "camera": camera,
            "deployment": stay,
            "taxon": name,
            "mean_maxn_of_events": mean,
            "events_with": 2,
            "events": 4,
        }
        for camera, stay, name, mean in (
            ("C1", "trap", "A", 1.5),
            ("C1", "trap", "left out", 9.0),
            ("C1", None, "A", None),
            ("C2", None, "A", 0.0),
            ("of few images", None, "A", 1.0),
        )
    ]
    explore = {"taxa": [{"taxon": "B"}, {"taxon": "A"}], "cameras": [{"camera": "C1"}, {"camera": "C2"}]}
    assert event_data({"series": series}, explore) == {
        "places": ["C1 · trap", "C2"],
        "left_out": 0,
        "rows": [[0, 1, 1.5, 2, 4], [1, 1, 0.0, 2, 4]],
    }


def test_explore_as_it_was_first_stored_is_read_by_every_later_release():
    """tests/fixtures/explore.json is never written again: what is stored in buckets stays as it is."""
    stored = json.loads((Path(__file__).parents[2] / "fixtures/explore.json").read_text(encoding="utf-8"))
    drawn = script_data(stored)
    assert [taxon["name"] for taxon in drawn["taxa"]] == ["Coris julis", "Chromis chromis"]
    assert [camera["name"] for camera in drawn["cameras"]] == ["C1", "C2"]
    coris = drawn["taxa"][0]
    assert coris["series"][0]["day"] == [3, 6, 9, 3, 6, 9, 3, 6, 9, 3]
    asked = choose_pictures(stored, {})
    assert {one.kind for one in asked} == {"maxn", "typical", "doubtful", "failed"}


@pytest.mark.parametrize(
    ("used", "undated", "why"),
    [
        pytest.param(7, 5, "A camera with less than ten days of images cannot show much.", id="images have times"),
        pytest.param(0, 0, "A camera with less than ten days of images cannot show much.", id="no images"),
        pytest.param(
            0,
            5,
            "The answer counts no image, as 5 images have no usable time - say in clock how names tell it: "
            "python -m shoal clock reef --propose.",
            id="no image has a time",
        ),
    ],
)
def test_no_trouble_found_says_why_that_may_be(used, undated, why):
    assert tell_none({"dataset": "reef", "balance": {"used": used, "undated": undated}}) == why
