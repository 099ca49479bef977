"""What pages count anew is what the answer's own tables and the object `explore` say, whatever is asked for."""

from collections import Counter
from dataclasses import replace

import pytest

from hostile_answer import HOSTILE_TAXON
from shoal.answers import open_answer
from shoal.answers.answer_cache import AnswerCache
from shoal.answers.explored import Asked, list_cameras, list_taxa, read_explored
from shoal.answers.find import find_run
from shoal.answers.kept_files import KeptFiles
from shoal.answers.looked_tables import need_looked
from shoal.contract.errors import ConfigError


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """What is asked here is no matter of time."""
    monkeypatch.setattr(open_answer, "DEADLINE_S", 60)


@pytest.fixture(scope="module")
def run(hostile):
    return find_run(hostile.results, hostile.layout)


@pytest.fixture(scope="module")
def answer(hostile, run, tmp_path_factory):
    cache = AnswerCache(KeptFiles(tmp_path_factory.mktemp("kept"), 1024**3))
    answer = cache.open(hostile.results, run.summary, wait_s=60)
    need_looked(answer, run)
    yield answer
    cache.close()


@pytest.fixture(scope="module")
def explore(hostile, run):
    return hostile.results.read_json(run.summary.named["explore.json"].key)


def all_cameras(database):
    return tuple(one.camera for one in list_cameras(database))


def test_each_taxon_has_the_detections_effort_scores_and_hours_that_the_answer_tells(answer, run, explore):
    with answer.session() as database:
        cameras = all_cameras(database)
        assert sum(one.images for one in list_cameras(database)) == run.summary.uses["used"]
        for told in explore["taxa"]:
            found = read_explored(database, Asked(told["taxon"], cameras))
            assert (found.counted, found.images_with) == (told["detections"], told["images_with"])
            assert (list(found.scores), list(found.best_scores)) == (told["scores"], told["best_scores"])
            assert found.at == [(at["conf"], at["detections"], at["images_with"]) for at in told["at"]]
            hours = {one["camera"]: one["hour_of_day"] for one in told["series"]}
            for of_camera in (one for one in found.cameras if one.camera in hours):
                assert [seen for _, seen in of_camera.hours] == hours[of_camera.camera]
                days = database.run(
                    "SELECT local_day(bin_start), sum(images), sum(detections) FROM counts_day WHERE camera = ? AND taxon = ? "
                    "GROUP BY 1", [of_camera.camera, told["taxon"]],
                ).fetchall()  # fmt: skip
                assert {(day, one.images, one.detections) for day, one in of_camera.days.items()} == set(days)
        taxa = {one.taxon: (one.detections, one.images_with) for one in list_taxa(database, Asked("", cameras))}
    assert taxa == {one["taxon"]: (one["detections"], one["images_with"]) for one in run.summary.result["species"]}


@pytest.mark.parametrize("conf", [0.05, 0.1, 0.35, 0.501, 1.0])
def test_from_another_score_on_each_box_counts_that_has_it(answer, conf):
    boxes = (
        "SELECT camera, local_day(captured_at) FROM (FROM detections UNION ALL FROM below) "
        "WHERE use = 'used' AND role = 'count' AND taxon = ? AND confidence >= ?::FLOAT"
    )
    with answer.session() as database:
        found = read_explored(database, Asked(HOSTILE_TAXON, all_cameras(database), conf=conf))
        truth = Counter(database.run(boxes, [HOSTILE_TAXON, conf]).fetchall())
    counted = {(one.camera, day): seen.detections for one in found.cameras for day, seen in one.days.items()}
    assert {at: count for at, count in counted.items() if count} == truth
    assert found.counted == truth.total()


def test_a_part_is_of_its_days_and_cameras_alone(answer):
    with answer.session() as database:
        first = min(one.first for one in list_cameras(database) if one.camera == "A")
        days = read_explored(database, Asked(HOSTILE_TAXON, ("A",))).cameras[0].days
        later = sorted(days)[1]
        part = read_explored(database, Asked(HOSTILE_TAXON, ("A",), first, later))
        assert [one.camera for one in part.cameras] == ["A"]
        assert dict(part.cameras[0].days) == {first: days[first]}
        assert sum(images for images, _ in part.cameras[0].hours) == days[first].images
        with pytest.raises(ConfigError, match=r"No taxon 'Sauce' in this answer - there are: "):
            read_explored(database, Asked("Sauce", ("A",)))


def test_an_answer_without_tables_has_taxa_and_nothing_of_them(hostile, run, tmp_path):
    nothing = replace(run, summary=replace(run.summary, files=()))
    cache = AnswerCache(KeptFiles(tmp_path / "kept", 1024**3))
    answer = cache.open(hostile.results, nothing.summary, wait_s=60)
    need_looked(answer, nothing)
    with answer.session() as database:
        assert list_cameras(database) == []
        found = read_explored(database, Asked(HOSTILE_TAXON, ()))
        assert (found.cameras, found.counted, sum(found.scores)) == ((), 0, 0)
    cache.close()
