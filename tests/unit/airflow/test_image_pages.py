"""The pages of images, asked of the real application over a real store: grid, one image, failures, pictures."""

import asyncio
import hashlib
import json
import re
from dataclasses import dataclass, replace
from html import unescape
from pathlib import Path
from urllib.parse import urlencode

import pytest
import yaml
from fastapi import HTTPException

from asked_pages import Answered, AskedPages, asked_pages
from pipeline import Pipeline, make_pipeline
from planted_boxes import answer, write_boxes
from shoal.airflow.pages.sending import Sending
from shoal.plan.document import Plan
from shoal.settings.results_place import ResultsPlace

HOSTILE = 'IPC608/<b>"海"&amp;\u202e20260601-090000-IPC608.jpg'
"""A key with marks of HTML, of another script, and one that turns what follows."""

LATER = "IPC608/20260702-100000-IPC608.jpg"
BOX = (100.0, 80.0, 300.0, 200.0)
DIPLODUS, CHROMIS, CORIS = 0, 1, 2
AIRFLOW = "https://airflow.example.org/sub"


@dataclass(frozen=True)
class Seen:
    """A complete run of 32 images, 2 of which failed, whose boxes are planted."""

    pages: AskedPages
    pipeline: Pipeline
    plan: Plan
    file: Path
    names: tuple[str, ...]
    versions: dict[str, str]
    other: str
    """Run key of the other version's."""

    def get(self, page: str, file: str = "", /, headers: dict[str, str] | None = None, **asked: object) -> Answered:
        place = f"reanalyse_{self.pipeline.dataset.name}/{self.plan.variant.directory}/{self.plan.run_key}{file and '/'}{file}"
        return self.pages.get(
            f"/{page}/{place}?{urlencode({name.rstrip('_'): value for name, value in asked.items()})}", headers=headers
        )

    def compare(self, below: str = "", /, **asked: object) -> Answered:
        two = {"first": self.plan.run_key, "second": self.other}
        path = f"/compare/reanalyse_{self.pipeline.dataset.name}{below}?{urlencode(two | asked)}"
        while (got := self.pages.get(path)).status == 202:
            assert "are compared once" in got.body
        return got

    def image(self, key: str, page: str = "image", /, **asked: object) -> Answered:
        return self.get(page, key=key, version=self.versions[key], **asked)


@pytest.fixture(scope="module")
def seen(store, demo_models, scenes, tmp_path_factory):
    folder = tmp_path_factory.mktemp("datasets")
    pipeline = make_pipeline(store, demo_models, folder, report={"pages_url": f"{AIRFLOW}/"})
    photos = {scene.key: scene.jpeg for scene in scenes[:29]} | {HOSTILE: scenes[30].jpeg}
    photos |= {"IPC710/20260609-100000-IPC710.jpg": b"", "IPC710/20260609-110000-IPC710.jpg": scenes[31].jpeg[:5000]}
    for key, data in photos.items():
        pipeline.put(key, data)
    names = tuple(sorted(photos))
    place = {f"shoal_results_{pipeline.dataset.name}": str(ResultsPlace.of(pipeline.dataset))}
    boxes = {
        key: [(CHROMIS, 0.9 - n / 100, BOX), *[(CORIS, 0.6, BOX)] * (n % 4), (CORIS, 0.1, BOX)]
        for n, key in enumerate(names)
    }
    boxes[HOSTILE] += [(DIPLODUS, 0.5, BOX)]
    failed = " WHEN ".join(f"'{key}' THEN 'truncated'" for key in list(photos)[-2:])
    sums = " WHEN ".join(f"'{key}' THEN '{hashlib.sha256(data).hexdigest()}'" for key, data in photos.items())
    with asked_pages(store, "test", folder, tmp_path_factory.mktemp("home"), place) as pages:
        # The other version looked at another photo of one name, and not at one of another; it knows a later month, too.
        pipeline.put(names[4], photos[names[5]])
        pipeline.stores.source.delete([names[5]])
        pipeline.put(LATER, photos[names[5]])
        other = answer(pipeline, "v2", {names[3]: [(CORIS, 0.8, BOX)] * 7, names[4]: [(CORIS, 0.8, BOX)]})
        for key in names[4:6]:
            pipeline.put(key, photos[key])
        pipeline.stores.source.delete([LATER])
        plan = pipeline.plan(model_version="v1")
        write_boxes(
            pipeline, plan, boxes, content_sha256=f"CASE key WHEN {sums} END", reason=f"CASE key WHEN {failed} END", width="1280", height="720",
            status=f"if((CASE key WHEN {failed} END) IS NULL, 'processed', 'failed')",
        )  # fmt: skip
        pipeline.summarize(plan)
        versions = {one.key: one.object_version for one in pipeline.stores.source.list_objects("")}
        yield Seen(
            pages, pipeline, plan, folder / f"{pipeline.dataset.name}.yaml", names, versions, other.stored.run_key
        )


def captions(got: Answered) -> list[str]:
    found = re.findall(r"<figcaption>(.*?)</figcaption>", got.body, re.DOTALL)
    return [unescape(" ".join(re.sub(r"<[^>]*>", " ", one).split())) for one in found]


def versions_in(got: Answered) -> list[tuple[str, str, str]]:
    of_row = r"<tr><th scope=\"row\">demo-fish (v\d).*?data-label=\"Fate\">([^<]*)<.*?data-label=\"Boxes\">([^<]*)<"
    return re.findall(of_row, got.body)


def test_a_grid_counts_boxes_and_goes_on_page_by_page(seen):
    first = seen.get("images", taxon="Coris julis")
    assert "22 images with Coris julis · boxes as the run counted them (from 0.25) · most boxes first<" in first.body
    assert len(captions(first)) == 22
    everything = seen.get("images")
    assert (len(captions(everything)), "30 images · " in everything.body) == (24, True)
    second = seen.pages.get(re.search(r'href="/shoal([^"]*page=2)" rel="next"', unescape(everything.body))[1])
    assert (len(captions(second)), "page 2 of 2" in second.body) == (6, True)
    assert re.findall("3 Coris julis, 1 Chromis chromis", captions(everything)[0])


def test_species_and_pictures_of_the_report_lead_to_the_very_pages_of_its_run(seen):
    report = seen.get("report", "report.html").body
    links = re.findall(rf'<a href="{AIRFLOW}/shoal(/images?/[^"]*)"><(?:i|code)>(.*?)</(?:i|code)></a>', report)
    of_images = {unescape(text): href for href, text in links if href.startswith("/images/")}
    assert set(of_images) == {"Diplodus vulgaris", "Chromis chromis", "Coris julis"}
    assert "22 images with Coris julis" in seen.pages.get(unescape(of_images["Coris julis"])).body
    of_one = {text: unescape(href) for href, text in links if href.startswith("/image/")}
    [hostile] = [
        text for text, href in of_one.items() if urlencode({"key": HOSTILE, "version": seen.versions[HOSTILE]}) in href
    ]
    got = seen.pages.get(of_one[hostile])
    assert (got.status, f"<title>Image {hostile} " in got.body) == (200, True), got.body[:400]


def test_a_lower_threshold_shows_more_boxes_and_infers_nothing(seen):
    key = seen.names[2]
    for asked, said in (
        ({}, "2 Coris julis, 1 Chromis chromis"),
        ({"conf": "0,1"}, "3 Coris julis, 1 Chromis chromis"),
        ({"conf": 0.7}, "1 Chromis chromis"),
    ):
        got = seen.image(key, **asked)
        assert f": {said}. Detections, never individuals." in got.body
    assert "30 images with Coris julis · boxes from 0.1 on" in seen.get("images", taxon="Coris julis", conf=0.1).body


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        pytest.param({"camera": "IPC608", "from_": "2026-06-01", "to": "2026-06-02"}, None, id="a camera and a day"),
        pytest.param({"use": "failed"}, "2 images", id="failed"),
        pytest.param({"use": "any", "order": "random", "seed": 7}, "32 images", id="any, at random"),
        pytest.param({"order": "doubt"}, "least sure first", id="least sure"),
        pytest.param({"conf": 0.8}, "30 images · boxes from 0.8 on · most boxes first", id="those without boxes, too"),
        pytest.param(
            {"conf": 0.8, "order": "doubt", "page": 2}, "<br>no boxes</figcaption>", id="those without boxes last"
        ),
    ],
)
def test_a_part_is_shown_as_it_is_asked_for(seen, asked, said):
    got = seen.get("images", **asked)
    assert got.status == 200
    assert said is None or said in got.body
    if said is None:
        assert all(one.startswith("IPC608 2026-06-01 ") for one in captions(got))
        assert captions(got)


WRONG = {
    "conf above one": ("images", {"conf": "7"}, 400, "Confidence 7 is none: boxes are stored from 0.05 to 1"),
    "no number": ("images", {"conf": "high"}, 400, "Confidence 'high': no number - write a number from 0.05 to 1"),
    "no taxon": ("images", {"taxon": "<script>"}, 404, "No taxon '<script>' in the answer of run"),
    "no camera": ("images", {"camera": "'; DROP TABLE pics; --"}, 404, "No camera \"'; DROP TABLE pics; --\" in the answer"),
    "far behind": ("images", {"page": "999999999"}, 404, "There is no page 999,999,999: 30 images are 2 pages"),
    "a huge page": ("images", {"page": "9" * 400}, 400, "is no whole number of up to 9 digits - write page=1"),
    "page 0": ("images", {"page": "0"}, 400, "Pages are counted from 1"),
    "no order": ("images", {"order": "n; DROP"}, 400, "There is no order 'n; DROP' - write one of most, doubt"),
    "no fate": ("images", {"use": "x"}, 400, "There is no use 'x' - write one of used"),
    "no day": ("images", {"from": "yesterday"}, 400, "from=yesterday is no moment - write 2026-06-01"),
    "no image": ("image", {"key": "../secret", "version": ""}, 404, "No image '../secret' among the 32 that run"),
    "another version": ("image", {"key": "{first}", "version": "0" * 32}, 404, "was another one when run"),
    "no reason": ("failures", {"reason": "x"}, 404, "Nothing failed as 'x' - what failed is: truncated"),
    "no original": ("original", {"key": "a", "version": "b"}, 404, "no such image in run"),
}  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG)
def test_bad_input_is_told_in_one_line(seen, wrong):
    page, asked, status, said = WRONG[wrong]
    got = seen.get(page, **{name: value.format(first=seen.names[0]) for name, value in asked.items()})
    assert (got.status, "\n" in got.detail) == (status, False)
    assert said in got.detail


def test_an_image_has_its_boxes_its_neighbours_and_what_each_version_saw(seen):
    got = seen.image(seen.names[3])
    assert "M100 80H300V200H100Z" in got.body
    assert 'rel="prev"' in got.body
    assert 'rel="next"' in got.body
    told = [("v1", "used", "3 Coris julis, 1 Chromis chromis"), ("v2", "used", "7 Coris julis")]
    assert versions_in(got) == told
    assert versions_in(seen.image(seen.names[3], conf=0.7)) == told
    assert versions_in(seen.image(seen.names[4]))[1] == ("v2", "another version of the photo", "-")
    assert versions_in(seen.image(seen.names[5]))[1] == ("v2", "not found in its month", "-")


def test_a_name_is_text_wherever_it_stands(seen):
    got = seen.image(HOSTILE)
    assert got.status == 200
    assert "<b>" not in got.body
    assert "\u202e" not in got.body
    assert seen.image(HOSTILE, "picture").headers["content-type"] == "image/jpeg"
    assert "%E6%B5%B7" in seen.image(HOSTILE, "original").headers["content-disposition"]


def test_a_picture_is_a_scaled_jpeg_that_the_browser_keeps_and_asks_for_again(seen):
    got = seen.image(seen.names[0], "picture", side=360)
    assert (got.status, got.headers["content-type"]) == (200, "image/jpeg")
    assert int(got.headers["content-length"]) < 40_000
    assert got.headers["cache-control"] == "private, no-cache"
    had = {"If-None-Match": f'"other", W/{got.headers["etag"]}'}
    again = seen.image(seen.names[0], "picture", side=360, headers=had)
    assert (again.status, again.body, again.headers["etag"]) == (304, "", got.headers["etag"])
    assert seen.image(seen.names[1], "picture", side=360, headers=had).status == 200
    assert got.headers["x-content-type-options"] == "nosniff"
    assert seen.image(seen.names[0], "picture", side=9999).status == 404


def test_an_image_that_is_another_one_now_or_gone_is_told_in_place_of_its_picture(seen):
    changed, gone = seen.names[10], seen.names[11]
    before = {key: seen.pipeline.stores.source.read_bytes(key) for key in (changed, gone)}
    seen.pipeline.put(changed, before[gone])
    seen.pipeline.stores.source.delete([gone])
    try:
        for key, said in ((changed, "it has changed since the run looked at it"), (gone, "it is gone from the bucket")):
            assert re.search(rf'<p class="message">No picture: {said}', seen.image(key).body)
            picture = seen.image(key, "picture")
            assert (picture.status, picture.headers["content-type"]) == (404, "image/svg+xml")
            assert said in " ".join(re.findall(r"<tspan[^>]*>([^<]*)", picture.body))
            assert said in seen.image(key, "original").detail
    finally:
        for key, data in before.items():
            seen.pipeline.put(key, data)


def test_a_key_that_no_table_of_the_run_has_is_no_picture_though_it_lies_in_the_bucket(seen):
    seen.pipeline.put("IPC608/20260701-100000-IPC608.jpg", b"x")
    version = next(one.object_version for one in seen.pipeline.stores.source.list_objects("IPC608/20260701"))
    got = seen.get("picture", key="IPC608/20260701-100000-IPC608.jpg", version=version)
    assert (got.status, "no such image in run" in got.body) == (404, True)


def test_failures_are_told_by_reason_with_the_way_to_infer_them_again(seen):
    got = seen.get("failures", reason="truncated")
    assert [one.split()[0] for one in captions(got)] == sorted(seen.names)[-2:]
    assert unescape(re.search(r"Or <code[^>]*>(.*?)</code>", got.body)[1]) == (
        f"airflow dags trigger reanalyse_{seen.pipeline.dataset.name} --conf '"
        + json.dumps({"retry_failed": ["truncated"], "model_version": "v1"})
        + "'"
    )
    assert "field <em>Retry failed</em>: truncated; field <em>Model version</em>: v1." in got.body
    why = seen.image("IPC710/20260609-110000-IPC710.jpg", "picture")
    assert "truncated" in " ".join(re.findall(r"<tspan[^>]*>([^<]*)", why.body))


def test_of_a_run_that_is_not_complete_only_the_failures_are_shown(seen):
    seen.pipeline.put("IPC608/20260611-100000-IPC608.jpg", b"x")
    left = seen.pipeline.plan(model_version="v1")
    assert not seen.pipeline.summarize(left).balance.complete
    stopped = replace(seen, plan=left)
    assert "is not complete, and its images would pass for all of them" in stopped.get("images").detail
    got = stopped.get("failures")
    assert "IPC608/20260611-100000-IPC608.jpg unsettled 1 bytes" in captions(got)
    assert "The next run looks at them: see the log of the infer tasks" in got.body


def pairs(got: Answered) -> dict[str, str]:
    found = re.findall(r"<li><figure>\n(<div class=\"pair\">.*?)</figure>", got.body, re.DOTALL)
    return {unescape(re.search("<strong>(.*?)</strong>", one)[1]): one for one in found}


def test_images_on_which_two_versions_differ_most_are_shown_as_each_saw_them(seen):
    told = pairs(seen.compare())
    assert len(told) == 12
    key = seen.names[3]
    assert "both: 3 · v1 alone: 1 Chromis chromis · v2 alone: 4 Coris julis" in told[key]
    first, second = re.findall(r'<a class="shot" href="(.*?)".*?</a>', told[key], re.DOTALL)
    for href, run_key in ((first, seen.plan.run_key), (second, seen.other)):
        got = seen.pages.get(unescape(href).removeprefix("/shoal"))
        assert (got.status, f"run {run_key}" in got.body, f"<h1>{key}</h1>" in got.body) == (200, True, True)
    of_first, of_second = told[key].split("</a>")[:2]
    one_box = "M100 80H300V200H100Z"
    thin, thick = 1, 2  # one line, and one on a darker one
    assert (of_first.count(f'"{one_box * 3}"'), of_first.count(f'"{one_box}"')) == (thin, thick)
    assert (of_second.count(f'"{one_box * 3}"'), of_second.count(f'"{one_box * 4}"')) == (thin, thick)
    [source] = set(re.findall(r'<img src="/shoal(.*?)"', told[key]))
    had = seen.pages.get(unescape(source))
    assert (had.status, had.headers["content-type"], had.headers["cache-control"]) == (
        200,
        "image/jpeg",
        "private, no-cache",
    )
    again = seen.pages.get(unescape(source), headers={"If-None-Match": had.headers["etag"]})
    assert (again.status, again.body) == (304, "")


def test_no_picture_is_shown_but_of_images_on_which_two_versions_differ_most(seen):
    agreed = next(name for name in seen.names if name not in pairs(seen.compare()))
    got = seen.compare("/picture", key=agreed, version=seen.versions[agreed])
    assert (got.status, got.headers["content-type"]) == (404, "image/svg+xml")
    assert "no such image among those" in " ".join(re.findall(r"<tspan[^>]*>([^<]*)", got.body))
    assert seen.compare("/picture", key=agreed, version=seen.versions[agreed], side=9999).status == 404
    assert "There is no such page" in seen.compare("/picture").detail


def test_images_of_people_are_never_shown_also_of_whom_the_dataset_file_says_so_today(seen):
    written = seen.file.read_text(encoding="utf-8")
    key = seen.names[0]
    had = {"If-None-Match": seen.image(key, "picture").headers["etag"]}
    try:
        # That one class more is merged into people changes no role.
        for merged in ({}, {"merge_into": "diver"}):
            taxa = {"diver": {"role": "human"}, "Chromis chromis": merged}
            seen.file.write_text(yaml.safe_dump(yaml.safe_load(written) | {"taxa": taxa}), encoding="utf-8")
            assert seen.image(key, "picture", headers=had).status == (404 if merged else 304)
        got = seen.get("images", use="used", order="time")
        assert ("0 images" in got.body, "30 more are not shown: images with people never are" in got.body) == (
            True,
            True,
        )
        assert "<img" not in seen.compare().body
        assert seen.compare("/picture", key=key, version=seen.versions[key]).status == 404
        of_taxon = seen.get("images", taxon="Coris julis").body
        assert "0 images with Coris julis" in of_taxon
        assert "30 more, with or without Coris julis, are not shown" in of_taxon
        assert "is not shown: it shows people" in seen.image(key).detail
        for page in ("picture", "original"):
            assert seen.image(key, page).status == 404
        assert "nobody knows whom it shows" in seen.get("failures").body
        assert "<img" not in seen.get("failures").body
    finally:
        seen.file.write_text(written, encoding="utf-8")


def test_a_summary_of_a_later_format_is_told_in_one_line(seen):
    results = seen.pipeline.stores.results
    key = seen.pipeline.stores.layout.variant(seen.plan.variant.directory).run(seen.plan.run_key).summary
    stored = results.read_bytes(key)
    results.write_bytes(key, json.dumps(json.loads(stored) | {"format_version": 99}).encode())
    try:
        for page in ("images", "failures"):
            assert "99" in seen.get(page).detail
        picture = seen.image(seen.names[0], "picture")
        assert (picture.status, picture.headers["content-type"]) == (404, "image/svg+xml")
        assert "format_version 99" in " ".join(re.findall(r"<tspan[^>]*>([^<]*)", picture.body))
    finally:
        results.write_bytes(key, stored)


def test_few_originals_are_held_until_they_have_been_sent_or_nobody_takes_them():
    async def ask() -> None:
        sending, refused = Sending(1), []

        async def read() -> bytes:
            return b"x"

        async def hang_up(message: object) -> None:
            with pytest.raises(HTTPException, match="1 originals are being sent to others") as err:
                await sending.send(read, {})
            refused.append(err.value.status_code)
            raise OSError(message)

        async def fail() -> bytes:
            raise OSError("no original")

        for _ in range(2):
            with pytest.raises(OSError, match=r"http\.response\.start"):
                await (await sending.send(read, {}))({"type": "http"}, None, hang_up)
            with pytest.raises(OSError, match="no original"):
                await sending.send(fail, {})
            await sending.send(read, {})  # nobody takes it
        assert refused == [503, 503]

    asyncio.run(ask())
