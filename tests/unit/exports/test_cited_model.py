"""What a model's card says of licence and citation stands in the report and in each package that has a place for it."""

import json
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import pytest

from field import open_with
from shoal.exports.camtrap_dp.package import CAMTRAP_DP
from shoal.exports.coco import COCO
from shoal.exports.darwin_core.archive import DARWIN_CORE
from shoal.exports.ifdo import IFDO
from shoal.exports.report import environment
from shoal.results.stored_plan import StoredPlan

CITED = {"citation": 'Varini, F. et al. (2026).\nFish <&> "more". https://doi.org/10.1/x', "licence": "CC-BY-4.0"}
WORDS = 'cite the model as: Varini, F. et al. (2026). Fish <&> "more". https://doi.org/10.1/x; licence of the model: CC-BY-4.0'


def with_plan(reef, **said):
    plan = StoredPlan.parse({**reef.run.plan.json, **said})
    return replace(reef, run=replace(reef.run, plan=plan))


def files(folder):
    found = {}
    for path in sorted(folder.iterdir()):
        if path.suffix == ".zip":
            with ZipFile(path) as archive:
                found |= {name: archive.read(name) for name in archive.namelist()}
        else:
            found[path.name] = path.read_bytes()
    return found


@pytest.fixture(scope="module")
def cited(reef):
    return with_plan(reef, cited=CITED)


def written(reef, export, folder):
    reef.write(export, folder)
    return files(folder)


def test_camtrap_dp_has_it_among_its_references_and_stays_valid(cited, tmp_path):
    package = json.loads(written(cited, CAMTRAP_DP, tmp_path / "a")["datapackage.json"])
    assert package["references"] == [WORDS]
    assert open_with("camtrap_dp", tmp_path / "a")["errors"] == []


def test_darwin_core_has_it_among_the_references_of_the_identification(cited, tmp_path):
    found = written(cited, DARWIN_CORE, tmp_path / "a")
    (occurrences,) = [data.decode() for name, data in found.items() if name.startswith("occurrence")]
    assert f" | {WORDS}".replace('"', '""') in occurrences


def test_ifdo_has_it_beside_the_name_of_the_annotator(cited, tmp_path):
    header = json.loads(written(cited, IFDO, tmp_path / "a")["ifdo.json"])["image-set-header"]
    assert header["image-annotation-creators"][0]["name"].endswith(f", a machine; {WORDS}")


def test_coco_has_it_in_its_description(cited, tmp_path):
    info = json.loads(written(cited, COCO, tmp_path / "a")["coco.json"])["info"]
    assert info["description"].endswith(f"; {WORDS}")


def provenance(**said):
    """Where a report comes from, in its own words."""
    text = Path(environment.__file__).with_name("report.html.j2").read_text(encoding="utf-8")
    part = text[text.index('<h2 id="provenance">') : text.index("Data: ")]
    model = {"name": "fish", "version": "v1", "sha256": "ab"}
    result = {"dataset": "reef", "model": model, "conf": 0.1}
    given = {"result": result, "explore": {"stored_conf": 0.25}, "cited": {}, "drops_below": None, **said}
    return environment.environment().from_string(part).render(**given)


def test_a_report_says_where_its_model_comes_from():
    html = provenance(cited=CITED)
    assert "The model is cited as: Varini, F. et al. (2026).\nFish &lt;&amp;&gt; &#34;more&#34;." in html
    assert "Licence of the model: CC-BY-4.0." in html
    assert provenance(cited={"licence": "MIT"}).count("cited as") == 0
    assert html.startswith(provenance().removesuffix("<p>"))


def test_a_report_says_what_the_model_file_drops_and_its_scores_begin_there(reef):
    said = (
        "Boxes below 0.25 are not in them: the model file drops these itself, so a lower confidence shows nothing more."
    )
    assert said in provenance(drops_below=0.25)
    assert "drops" not in provenance()
    assert reef.run.plan.least_score == 0.05
    assert with_plan(reef, drops_below=0.25).run.plan.least_score == 0.25
    assert with_plan(reef, drops_below=0.01).run.plan.least_score == 0.05


def test_one_of_the_two_stands_alone(reef):
    assert with_plan(reef, cited={"licence": "MIT"}).run.plan.cite_model == "licence of the model: MIT"
    assert with_plan(reef, cited={"citation": "Ana (2026)"}).run.plan.cite_model == "cite the model as: Ana (2026)"


@pytest.mark.parametrize("export", [CAMTRAP_DP, DARWIN_CORE, IFDO, COCO], ids=lambda export: export.name)
def test_a_model_without_a_card_changes_no_byte(reef, cited, tmp_path, export):
    before = written(reef, export, tmp_path / "before")
    assert written(with_plan(reef, cited={}), export, tmp_path / "after") == before
    assert written(cited, export, tmp_path / "cited") != before
    assert not any(b"cite the model" in data or b"licence of the model" in data for data in before.values())


def test_of_two_models_in_a_row_each_is_cited_and_each_is_an_annotator_of_ifdo(reef, tmp_path):
    second = {**reef.run.plan.json["model"], "name": "species", "sha256": "ab" * 32, "names": [], "first_classes": 0}
    both = with_plan(reef, cited={"licence": "MIT"}, then={**second, "cited": {"citation": "Ana (2026)"}})
    said = ("licence of the model: MIT", "cite the second model as: Ana (2026)")
    assert both.run.plan.cite_model == "; ".join(said)
    header = json.loads(written(both, IFDO, tmp_path / "a")["ifdo.json"])["image-set-header"]
    creators = header["image-annotation-creators"]
    assert [one["name"].partition(", a machine; ")[2] for one in creators] == list(said)
    assert creators[1]["id"] == f"sha256:{'ab' * 32}"
