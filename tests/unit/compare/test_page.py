"""`compare --html`: one page that asks nobody, with both sets of boxes, whatever names and images are."""

import hashlib
import json
import re
from datetime import date
from html import unescape

import pytest

from browser import page_by_itself
from pipeline import make_pipeline
from planted_boxes import write_boxes
from shoal.compare import series
from shoal.compare.series import read_series
from shoal.contract.errors import ConfigError
from shoal.exports.report.policy import COMPARISON_SCRIPTS, POLICY
from shoal.tables.session import open_database
from show_command import ask_compare

HOSTILE = '</script><script>document.title="run"</script><!--'
DIPLODUS, CHROMIS, CORIS, SARPA = range(4)
HERE, THERE = (100, 100, 300, 250), (700, 400, 900, 560)
DRAWN, GONE, CHANGED, PERSON, AGREED = (
    f"C1/{name}202606{day:02d}-120000-C1.jpg"
    for day, name in enumerate(('<b>"&\u202e', "gone ", "changed ", "person ", "agreed "), 1)
)
LOST_AND_GAINED = [(DIPLODUS, 0.9, HERE)], [(DIPLODUS, 0.8, THERE)]
SEEN = {
    DRAWN: ([*LOST_AND_GAINED[0], (CHROMIS, 0.7, (10, 10, 60, 60))], [*LOST_AND_GAINED[1], (CHROMIS, 0.6, (11, 11, 61, 61))]),
    GONE: LOST_AND_GAINED,
    CHANGED: LOST_AND_GAINED,
    PERSON: ([*LOST_AND_GAINED[0], (CORIS, 0.1, HERE)], LOST_AND_GAINED[1]),
    AGREED: (LOST_AND_GAINED[0], [*LOST_AND_GAINED[0], (SARPA, 0.9, THERE)]),
}  # fmt: skip


@pytest.fixture(scope="module")
def compared(store, demo_models, scenes, tmp_path_factory):
    """Two versions, with what each saw planted in real photos; since then one is gone, one is another, and a class is people."""
    names = {"Chromis chromis": {"scientific_name": HOSTILE}}
    pipeline = make_pipeline(store, demo_models, tmp_path_factory.mktemp("page"), taxa=names)
    photos = dict(zip(SEEN, (scene.jpeg for scene in scenes), strict=False))
    for key, jpeg in photos.items():
        pipeline.put(key, jpeg)
    shas = " ".join(
        f"WHEN '{key}' THEN '{hashlib.sha256(jpeg).hexdigest()}'".replace("\u202e", "' || chr(8238) || '")
        for key, jpeg in photos.items()
    )
    for number, version in enumerate(("v1", "v2")):
        plan = pipeline.plan(model_version=version)
        boxes = {key: both[number] for key, both in SEEN.items()}
        write_boxes(pipeline, plan, boxes, content_sha256=f"CASE manifest.key {shas} END", width="1280", height="720")
        pipeline.summarize(plan)
    pipeline.stores.source.delete([GONE])
    pipeline.put(CHANGED, photos[DRAWN])
    return pipeline.with_settings(taxa={**names, "Coris julis": {"role": "human"}})


@pytest.fixture(scope="module")
def page(compared, tmp_path_factory):
    """The page as the command writes it, and what that printed."""
    path = tmp_path_factory.mktemp("written") / "changes.html"
    with pytest.MonkeyPatch.context() as patch:
        ask_compare(patch)(compared, "v1", "v2", "--html", str(path))
    return path


def test_it_is_one_file_with_every_picture_and_script_in_it(page):
    html = page.read_text(encoding="utf-8")
    assert len(html) < 3_000_000
    assert re.findall(r"<script[^>]*>", html) == [
        '<script type="application/json" id="comparison">',
        *["<script>"] * len(COMPARISON_SCRIPTS),
    ]
    assert POLICY in unescape(html)
    assert "Agreement, not accuracy." in html
    for script in COMPARISON_SCRIPTS:
        html = html.replace(script, "")
    assert "http:" not in html
    assert set(re.findall(r"(?:src|href)=\"([^\"]{0,23})", html)) == {"data:image/jpeg;base64,"}
    assert "\u202e" not in html


def test_each_species_has_its_difference_ratio_and_boxes_kept_lost_and_gained(page):
    html = unescape(page.read_text(encoding="utf-8"))
    rows = {
        name: [re.sub("<.*?>", "", cell) for cell in re.findall(r"<td class=\"n\">(.*?)</td>", cells)]
        for name, cells in re.findall(r"<tr><th scope=\"row\"><i>([^\n]*?)</i></th>(<td class=\"n\">\d+</td><td.*?)</tr>", html, re.DOTALL)
    }  # fmt: skip
    assert rows["Diplodus vulgaris"][:8] == ["5", "5", "+0", "1.000", "1", "4", "4", "+0.0000"]
    assert rows[HOSTILE][:8] == ["1", "1", "+0", "1.000", "1", "0", "0", "+0.0000"]
    assert "Only the second one knows <i>Sarpa salpa</i>: not compared." in html
    assert "Not compared, as the dataset file says that they are people: <i>Coris julis</i>." in html
    assert "Coris julis" not in rows


def test_a_picture_that_cannot_be_made_says_why_and_people_are_in_none(page):
    html = unescape(page.read_text(encoding="utf-8"))
    figures = {key: figure for figure in re.findall(r"<figure.*?</figure>", html, re.DOTALL) for key in re.findall("<code>(.*?)</code>", figure)}  # fmt: skip
    why = {key.rpartition("/")[2].partition("2026")[0].strip(): figure for key, figure in figures.items()}
    assert set(why) == {'<b>"&\\u202e', "gone", "changed"}
    assert "it is gone from the bucket since the run looked at it" in why["gone"]
    assert "it has changed since the run looked at it" in why["changed"]
    assert 'src="data:image/jpeg;base64,' in why['<b>"&\\u202e']
    assert "1 lost, 1 gained</strong>, 1 kept" in why['<b>"&\\u202e']
    assert "1 image on which the two differ shows a person and is not shown." in html
    assert "person 2026" not in html


@pytest.mark.parametrize("width", [390, 1280])
def test_a_browser_draws_it_asks_nobody_and_nothing_hangs_over_the_edge(page, width):
    with page_by_itself(page, width) as shown:
        shown.locator(".chart svg").nth(1).wait_for(timeout=60_000)
        assert shown.evaluate("document.querySelectorAll('#compared-series .mark-line path').length") == 2
        shown.locator("#compared-taxon").select_option("1")
        shown.locator("#compared-series[aria-label*='document.title']").wait_for(timeout=60_000)
        assert shown.evaluate("document.documentElement.scrollWidth") == width
        assert shown.title() != "run"


def test_where_the_page_cannot_be_written_one_line_says_so_before_anything_is_computed(
    compared, page, monkeypatch, tmp_path
):
    ask = ask_compare(monkeypatch)
    with pytest.raises(
        ConfigError, match=r"changes\.html is there already - write another name with --html, or remove"
    ):
        ask(compared, "v1", "v7", "--html", str(page))
    with pytest.raises(ConfigError, match=r"cannot be written: there is no folder .*/no - make it"):
        ask(compared, "v1", "v7", "--html", str(tmp_path / "no" / "page.html"))


def test_beside_json_the_page_is_told_of_elsewhere(compared, monkeypatch, capsys, tmp_path):
    ask_compare(monkeypatch)(compared, "v1", "v2", "--json", "--html", str(tmp_path / "page.html"))
    printed = capsys.readouterr()
    told = json.loads(printed.out)
    assert told["what"] == "agreement, not accuracy"
    assert told["people"] == ["Coris julis"]
    numbers = {one["taxon"] for name in ("taxa", "months") for one in told[name]}
    assert numbers == {"Diplodus vulgaris", HOSTILE}, (
        "people of today are in no number, whatever the run counted them as"
    )
    assert "page.html" in printed.err


def test_a_series_too_long_for_days_is_told_in_months_and_the_latest_ones(monkeypatch):
    with open_database(None) as database:
        database.run(
            "CREATE TABLE common_images AS SELECT 'k' || n AS key, DATE '2026-01-01' + n::INTEGER AS day FROM range(90) AS r(n)"
        )
        database.run(
            "CREATE TABLE compared_counts AS SELECT key, 'fish' AS taxon, 1::BIGINT AS first_detections, "
            "2::BIGINT AS second_detections FROM common_images WHERE day >= DATE '2026-02-15'"
        )
        assert read_series(database, ["fish"]).width == "day"
        monkeypatch.setattr(series, "MOST_CELLS", 4)
        found = read_series(database, ["fish"])
    assert (found.width, found.starts, found.left_out) == ("month", (date(2026, 2, 1), date(2026, 3, 1)), 1)
    assert (found.images, found.counts["fish"]) == ((28, 31), ((14, 31), (28, 62)))
