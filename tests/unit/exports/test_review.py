"""`reviewer`: a number of a paper that anybody can test offline, clicked through in a browser, and what it says when edited."""

import hashlib
import io
import json
import random
import re
from contextlib import redirect_stdout
from dataclasses import asdict, replace

import pytest
from PIL import Image, ImageDraw

from axe import find_faults
from browser import page_by_itself
from hostile_answer import reef_of
from planted_boxes import write_boxes
from shoal.answers.find import find_run
from shoal.contract.errors import ConfigError
from shoal.evidence.review.design import Review, Wish, draw_review
from shoal.evidence.review.images import ReviewImage
from shoal.evidence.review.judge import describe, judge
from shoal.evidence.review.published import Asked, Published
from shoal.evidence.review.saved import SavedImage, hash_of
from shoal.exports.review.page import MOST_BYTES, RULES, make_page
from shoal.pictures.drawing import Drawing, Drawn
from shoal.tables.session import open_database
from show_command import ask_labels, ask_reviewer

HOSTILE = '</script><script>document.title="run"</script><!--'
DIPLODUS, CHROMIS, CORIS = 0, 1, 2
IMAGES = 44


def photo(number):
    """A picture with as many dark discs as its number by four leaves: a person counts them, whatever the model says."""
    image = Image.new("RGB", (1000, 700), (30, 90 + number, 140))
    pen = ImageDraw.Draw(image)
    for disc in range(number % 4):
        pen.ellipse((100 + 280 * disc, 200, 300 + 280 * disc, 360), fill=(20, 20, 20))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def key_of(number):
    return f"""A/{'<img src=x onerror="document.title=1">' if number == 5 else number}20260601-{number // 60 + 10:02}{number % 60:02}00-A.jpg"""


PHOTOS = {key_of(number): photo(number) for number in range(IMAGES)}
SETTINGS = {
    "clock": {"pattern": r"(?P<time>\d{8}-\d{6})-(?P<camera>A)"},
    "taxa": {"Diplodus vulgaris": {"scientific_name": HOSTILE}, "Coris julis": {"role": "human"}},
}


@pytest.fixture(scope="module")
def reef(demo_models, tmp_path_factory):
    """44 photos; the model sees one animal in each that has any, a person in two; then one photo goes, and one is another."""
    with reef_of(tmp_path_factory.mktemp("review"), demo_models["v1"], PHOTOS, SETTINGS) as pipeline:
        plan = pipeline.plan()
        boxes = {
            key: [(DIPLODUS, 0.9, (100, 200, 300, 360))] if number % 4 else [] for number, key in enumerate(PHOTOS)
        }
        for number in (7, 8):
            boxes[key_of(number)].append((CORIS, 0.2, (10, 10, 50, 50)))
        shas = " ".join(f"WHEN '{key}' THEN '{hashlib.sha256(data).hexdigest()}'" for key, data in PHOTOS.items())
        write_boxes(pipeline, plan, boxes, content_sha256=f"CASE manifest.key {shas} END", width="1000", height="700")
        pipeline.summarize(plan)
        yield pipeline


@pytest.fixture
def ask(reef, monkeypatch, capsys):
    return lambda *words: ask_reviewer(monkeypatch, capsys)(reef, *map(str, words))


@pytest.fixture
def ask_for_labels(reef, monkeypatch, capsys):
    return lambda *words: ask_labels(monkeypatch, capsys)(reef, *words)


@pytest.fixture(scope="module")
def page(reef, tmp_path_factory):
    """A page of every image, and what was said of it."""
    path, said = tmp_path_factory.mktemp("page") / "review.html", io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said):
        ask_reviewer(patch, None)(reef, "--html", str(path), "--number", "total", "-n", "60", "--taxon", HOSTILE)
    return path, said.getvalue()


def data_of(path):
    return json.loads(re.search(r'id="review-data">(.*?)</script>', path.read_text(encoding="utf-8"))[1])


def test_the_design_is_stored_first_and_the_same_again(reef, page, ask, tmp_path):
    path, said = page
    stored = reef.stores.results.read_json(reef.stores.layout.evidence_file("reviews", data_of(path)["design"], "json"))
    data = data_of(path)
    assert stored["frame"]["images"] == data["frame"]["images"] == IMAGES - 2, "people are nobody's to look at"
    assert stored["published"]["value"] == data["published"]["value"] == 32
    assert data["published"]["of_all"] == 33
    assert "left out because they show people: 2 images" in said
    assert not {key_of(7), key_of(8)} & {one["key"] for one in data["images"]}
    assert f"sha256   {hashlib.sha256(path.read_bytes()).hexdigest()}" in said
    ask("--html", tmp_path / "again.html", "--number", "total", "-n", "60", "--taxon", HOSTILE)
    assert (tmp_path / "again.html").read_bytes() == path.read_bytes(), "whoever asks again gets the same page"
    assert ask("--check", path)[:1] == (0,)


def test_a_person_tests_the_number_by_keyboard_saves_and_an_edit_is_noticed(reef, page, ask, ask_for_labels, tmp_path):
    path, _ = page
    images = data_of(path)["images"]
    truth = {one["number"]: list(PHOTOS).index(one["key"]) % 4 for one in images}
    with page_by_itself(path, 390) as browser:
        assert browser.evaluate("document.documentElement.scrollWidth") == 390
        assert browser.locator("#result").is_hidden()
        assert browser.locator("#boxes rect").count() == 0
        assert find_faults(browser) == []
        for one in images:
            browser.keyboard.type(str(truth[one["number"]])) if one["number"] > 1 else browser.fill(
                "#count", str(truth[1])
            )
            browser.keyboard.press("Enter")
        assert "42 of 42 images labelled" in browser.inner_text("#progress")
        browser.fill("#reviewer", "R. 2")
        browser.click("#finish")
        assert browser.inner_text("#verdict") == "Your labels contradict the published number."
        assert re.match(
            "You labelled every image there is: 63 individuals of .* in all images. Published is 32.",
            browser.inner_text("#meaning"),
        )
        assert find_faults(browser) == []
        browser.locator("#all button").nth(next(i for i, one in enumerate(images) if one["predicted"])).click()
        assert browser.locator("#boxes rect").count() == 2
        with browser.expect_download() as download:
            browser.click("#save")
        download.value.save_as(tmp_path / "saved.json")
        whole = json.loads((tmp_path / "saved.json").read_text(encoding="utf-8"))
        for edit in ({"finished": False}, {"images": [{**whole["images"][0], "individuals": 9}]}):
            browser.set_input_files(
                "#load",
                {"name": "x.json", "mimeType": "application/json", "buffer": json.dumps({**whole, **edit}).encode()},
            )
            browser.get_by_text("That file was edited after a page saved it").wait_for()
            browser.evaluate("document.getElementById('save-said').textContent = ''")
        browser.set_input_files("#load", tmp_path / "saved.json")
        browser.get_by_text("42 images taken from the file.").wait_for()
        assert browser.title() != "run"
        browser.emulate_media(color_scheme="dark")
        assert find_faults(browser) == []
    status, said = ask("--check", tmp_path / "saved.json")
    assert status == 0
    assert "contradicted: total of" in said
    saved = json.loads((tmp_path / "saved.json").read_text(encoding="utf-8"))
    assert {one["number"]: one["individuals"] for one in saved["images"]} == truth
    saved["images"][3]["individuals"] += 1
    (tmp_path / "edited.json").write_text(json.dumps(saved), encoding="utf-8")
    status, said = ask("--check", tmp_path / "edited.json")
    assert (status, said) == (
        1,
        "deviates it was edited after the page saved it: its sha256 is not that of what it says\n",
    )
    with pytest.raises(
        ConfigError, match=r"saved\.json is a reviewer's: .* so it is no label - python -m shoal reviewer"
    ):
        ask_for_labels(str(tmp_path / "saved.json"))


EDITS = {
    "the number": (lambda data: data["published"].update(value=60), "the published number was edited: value"),
    "of another dataset": (
        lambda data: data.update(design="0" * 16),
        "design 0000000000000000 is none that is stored of dataset reef",
    ),
    "an image less": (
        lambda data: data["images"].pop(),
        "its images are not those that were drawn: 1 are missing, 0 are",
    ),
    "what the model says": (
        lambda data: data["images"][0].update(predicted=9),
        "pictures, boxes or predictions were edited",
    ),
}


@pytest.mark.parametrize("edit", EDITS)
def test_a_page_that_somebody_edited_is_told_from_what_was_written(edit, page, ask, tmp_path):
    path, _ = page
    html, data = path.read_text(encoding="utf-8"), data_of(path)
    EDITS[edit][0](data)
    (tmp_path / "other.html").write_text(
        re.sub(r'(id="review-data">).*?(</script>)', lambda found: found[1] + json.dumps(data).replace("<", "\\u003c") + found[2], html),
        encoding="utf-8",
    )  # fmt: skip
    status, said = ask("--check", tmp_path / "other.html")
    assert status == 1
    assert EDITS[edit][1] in said
    if edit == "the number":
        with page_by_itself(tmp_path / "other.html", 800) as browser:
            browser.locator("#edited").wait_for()
            assert "was changed after it was written" in browser.inner_text("#edited")
            assert browser.locator("#finish").is_disabled()
        (tmp_path / "script.html").write_text(html.replace("rules.fewest", "rules.most"), encoding="utf-8")
        assert "the page around them is not" in ask("--check", tmp_path / "script.html")[1]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        pytest.param(["--taxon", "Squid"], "--taxon 'Squid': the run counts no such taxon - there are:", id="an unknown taxon"),
        pytest.param([], "A review is of one taxon - add --taxon NAME, there are:", id="no taxon"),
        pytest.param(["--taxon", HOSTILE, "-n", "5"], "-n 5 images - ask for 10 to 300", id="too few images"),
        pytest.param(["--taxon", HOSTILE, "--seed", "x'y"], "--seed .* write at most 100 letters", id="a seed that is SQL"),
        pytest.param(["--taxon", HOSTILE, "--estimate", "0" * 16], "has no such estimate - make one: python", id="no estimate"),
    ],
)  # fmt: skip
def test_what_cannot_be_tested_says_so_in_one_line(words, why, ask, tmp_path):
    with pytest.raises(ConfigError, match=why):
        ask("--html", tmp_path / "no.html", *words)
    assert not (tmp_path / "no.html").exists()


def test_a_run_that_is_not_complete_is_not_tested(reef):
    run = find_run(reef.stores.results, reef.stores.layout)
    part = replace(run, summary=replace(run.summary, complete=False))
    with pytest.raises(ConfigError, match="is not complete, what it counts is not what its images hold"):
        draw_review(None, reef.stores.layout, part, Wish(Asked(HOSTILE, "share")), {})


def test_an_image_that_is_gone_stays_drawn_without_a_picture_and_none_waits_for_it(
    reef, ask, monkeypatch, capsys, tmp_path
):
    gone, changed = key_of(11), key_of(12)
    reef.stores.source.delete([gone])
    reef.put(changed, PHOTOS[key_of(13)])
    try:
        _, said = ask("--html", tmp_path / "gone.html", "-n", "60", "--taxon", HOSTILE, "--seed", "of the journal 1")
    finally:
        reef.put(gone, PHOTOS[gone])
        reef.put(changed, PHOTOS[changed])
    images = {one["key"]: one for one in data_of(tmp_path / "gone.html")["images"]}
    assert len(images) == IMAGES - 2
    assert data_of(tmp_path / "gone.html")["seed_given"] is True
    assert "no picture of 1 image: it is gone from the bucket" in said
    assert "no picture of 1 image: it has changed since the run looked at it" in said
    assert {images[key]["picture"] for key in (gone, changed)} == {None}
    (tmp_path / "saved.json").write_text(json.dumps(saved_of(tmp_path / "gone.html")), encoding="utf-8")
    status, said = ask("--check", tmp_path / "saved.json")
    assert (status, "2 drawn images had no picture: in no number here" in said) == (0, True)
    _, judged = ask("--check", tmp_path / "saved.json", "--json")
    found = json.loads(judged)["judged"]
    assert [found[name] for name in ("labels", "passed_over", "no_picture", "unused")] == [40, 0, 2, 0]

    taxa = {**reef.dataset.taxa, "Diplodus vulgaris": reef.dataset.taxa["Coris julis"]}
    later = replace(reef, dataset=reef.dataset.model_copy(update={"taxa": taxa}))
    status, said = ask_reviewer(monkeypatch, capsys)(later, "--check", str(tmp_path / "saved.json"))
    assert "32 drawn images would not be shown any more" in said
    _, judged = ask_reviewer(monkeypatch, capsys)(later, "--check", str(tmp_path / "saved.json"), "--json")
    assert json.loads(judged)["judged"] == found, "who is a person now changes nothing that was said"


def saved_of(path):
    """What the page saves of somebody who counts well in every picture that it shows."""
    data = re.search(r'id="review-data">(.*?)</script>', path.read_text(encoding="utf-8"))[1]
    images = [
        SavedImage(one["number"], one["key"], one["content_sha256"], list(PHOTOS).index(one["key"]) % 4, after_boxes=False)
        for one in json.loads(data)["images"] if one["picture"]
    ]  # fmt: skip
    head = {
        "design": json.loads(data)["design"], "data_sha256": hashlib.sha256(data.encode()).hexdigest(), "reviewer": "",
        "saved_at": "2026-06-01T00:00:00Z",
    }  # fmt: skip
    sha256 = hash_of(list(head.values()), images, finished=True)
    return {"shoal_review": 1, **head, "finished": True, "images": [asdict(one) for one in images], "sha256": sha256}


@pytest.mark.parametrize("missing", [0.0, 0.06, 0.1, 0.5])
def test_images_without_a_picture_cost_no_label(missing):
    drawn = [ReviewImage(i + 1, "", "", 0.02, 0.02 * i / 200, i % 2) for i in range(200)]
    undrawn = {one.number for one in drawn if one.number % 100 < missing * 100}
    said = {one.number: one.predicted for one in drawn if one.number not in undrawn}
    found = judge(Published("x", "share", 0.5, None, None, None, 5000), 10000, drawn, said, undrawn)
    assert (found.labels, found.passed_over, found.no_picture, found.unused) == (
        200 - len(undrawn), 0, len(undrawn), 0
    )  # fmt: skip
    assert found.verdict == "not contradicted"


def test_a_seed_of_nobodys_moves_with_no_label_and_one_that_is_given_is_named(reef, page):
    run, layout = find_run(reef.stores.results, reef.stores.layout), reef.stores.layout
    with open_database(reef.stores.results) as database:
        other = replace(run, summary=replace(run.summary, result_sha256="f" * 64))
        wish = Wish(Asked(HOSTILE, "share"), 20)
        first, second = (draw_review(database, layout, one, wish, reef.dataset.taxa) for one in (run, other))
    assert first.json["seed"] == second.json["seed"] == data_of(page[0])["seed"]
    assert data_of(page[0])["seed_given"] is first.json["seed_given"] is False


@pytest.mark.parametrize(
    ("bytes_of", "side"),
    [pytest.param({800: 300_000, 640: 90_000}, 640, id="smaller ones fit"), pytest.param(dict.fromkeys((800, 640, 480), 300_000), None, id="none fit")],
)  # fmt: skip
def test_pictures_are_as_large_as_fifteen_megabytes_allow(bytes_of, side, page):
    data = data_of(page[0])
    stored = {**{name: data[name] for name in ("dataset", "run_key", "result_sha256", "model", "n", "probability", "seed", "salt")},
              "drawn_at": data["drawn_at"], "frame": data["frame"], "published": {**data["published"]}}  # fmt: skip
    drawn = [ReviewImage(n, f"k{n}", "", 1.0, 0.0, 0, drawing=Drawing(f"k{n}", "", 1)) for n in range(1, 101)]

    def draw(asked):
        return (Drawn(one, b"x" * bytes_of[one.long_side_px], 10, 10) for one in asked)

    review = Review("0" * 16, "0" * 64, stored)
    if side is None:
        with pytest.raises(ConfigError, match="bytes with pictures of 480 px, at most 15000000 - ask for fewer images"):
            make_page(review, drawn, draw)
    else:
        made = make_page(review, drawn, draw)
        assert (made.side_px, made.pictures, len(made.html) < MOST_BYTES) == (side, 100, True)


def random_cases(count):
    """Cases of every way in which an interval is found, with images that nobody can tell, and reviewers who stop half-way."""
    dice = random.Random(21)
    for _ in range(count):
        n, rate, skill = (
            dice.choice([12, 40, 100, 300]),
            dice.choice([0.02, 0.3, 3.0]),
            dice.choice([0.0, 0.5, 0.9, 1.0]),
        )
        images = n if dice.random() < 0.1 else n * dice.choice([2, 50])
        there = [sum(dice.random() < rate / 6 for _ in range(6)) for _ in range(n)]
        seen = [sum(dice.random() < skill for _ in range(one)) + (dice.random() < 0.1 * (1 - skill)) for one in there]
        order = sorted(dice.random() * n / images for _ in range(n))
        drawn = [ReviewImage(i + 1, "", "", n / images, order[i], seen[i]) for i in range(n)]
        stop = dice.choice([n, n, n // 2])
        said = {i + 1: None if dice.random() < 0.02 else there[i] for i in range(stop)}
        number = dice.choice(["total", "mean", "share"])
        true = (
            sum(min(one, 1) if number == "share" else one for one in there) * (images if number == "total" else 1) / n
        )
        value, ends = true * dice.choice([0.5, 1, 1.3]), (None, None)
        if dice.random() < 0.5:
            ends = (value * 0.8, value * 1.2)
        undrawn = {one.number for one in drawn if dice.random() < dice.choice([0, 0, 0.1])}
        yield Published("x", number, value, *ends, None, round(sum(seen) * images / n)), images, drawn, said, undrawn


def test_the_page_computes_what_python_does_to_nine_digits(page):
    cases = list(random_cases(150))
    asked = [
        [published.to_json(), images, [
            {"probability": one.probability, "u": one.u, "predicted": one.predicted, "picture": None if one.number in undrawn else ""}
            for one in drawn
        ], [said.get(one.number) for one in drawn]]
        for published, images, drawn, said, undrawn in cases
    ]  # fmt: skip
    with page_by_itself(page[0], 800) as browser:
        found = browser.evaluate("([cases, rules]) => cases.map(one => estimator.judge(...one, rules))", [asked, RULES])
        odd = ["ü🐟", "\ud800x", "y" * 119]
        assert browser.evaluate("texts => texts.map(estimator.sha256)", ["ü🐟", "y" * 119]) == [
            hashlib.sha256(one.encode("utf-8", "surrogatepass")).hexdigest() for one in odd if one != "\ud800x"
        ]
        assert (
            browser.evaluate("estimator.sha256('\\ud800x')")
            == hashlib.sha256(odd[1].encode("utf-8", "surrogatepass")).hexdigest()
        )
    for (published, *case), here in zip(cases, found, strict=True):
        expected = describe(judge(published, *case), published)
        numbers = ("value", "low", "high")
        assert {name: here[name] for name in here if name not in numbers} == {
            name: value for name, value in expected.items() if name not in numbers
        }
        for name in numbers:
            assert here[name] == (
                None if expected[name] is None else pytest.approx(expected[name], rel=1e-9, abs=1e-12)
            )
    ways = {describe(judge(*case), case[0])["how"] for case in cases}
    assert ways == {"regression", "disagreements", "positives", "counted", "none"}
