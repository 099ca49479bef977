"""explore: what a person looks through first. Numbers are written by hand; suns are those of almanacs."""

from datetime import datetime, timedelta

import pytest

from shoal.exports import explore as module
from shoal.exports import explored_taxa
from shoal.exports.explore import write_explore
from shoal.exports.explored_bins import MOST_DAYS
from shoal.tables.session import open_database
from written_boxes import explore_of

JUNE = datetime(2026, 6, 1)
CORIS = "Coris julis"


def shot(day=0, hour=0, *boxes, **more):
    return {"at": JUNE + timedelta(days=day, hours=hour), "boxes": [(CORIS, score) for score in boxes], **more}


def only(explore, kind="taxa"):
    [one] = explore[kind]
    return one


def test_scores_are_told_by_hundredths_and_counts_at_other_thresholds_follow_from_them():
    """0.35 as a FLOAT is a little less than 0.35, and a threshold of 0.35 counts it; the FLOAT below it does not reach it."""
    taxon = only(
        explore_of([shot(0, 0, 0.06, 0.24, 0.25), shot(1, 0, 0.35, 0.34999990), shot(2, 0, 0.9, 1.0), shot(3)])
    )
    assert {step: boxes for step, boxes in enumerate(taxon["scores"]) if boxes} == {
        6: 1,
        24: 1,
        25: 1,
        34: 1,
        35: 1,
        90: 1,
        100: 1,
    }
    assert {step: images for step, images in enumerate(taxon["best_scores"]) if images} == {25: 1, 35: 1, 100: 1}
    at = {entry["conf"]: (entry["detections"], entry["images_with"]) for entry in taxon["at"]}
    assert (at[0.1], at[0.25], at[0.3], at[0.4], at[0.9]) == ((6, 3), (5, 3), (4, 2), (2, 1), (2, 1))
    assert (taxon["conf"], taxon["detections"], taxon["images_with"], taxon["images"]) == ([0.25], 5, 3, 4)


def test_no_bin_means_that_nobody_looked_and_0_that_somebody_did():
    explore = explore_of([shot(0, 0, 0.9, 0.8), shot(0, 6), shot(1, 0), shot(4, 0, 0.7)])
    days = only(explore, "cameras")["day"]
    assert (days["start"], days["images"]) == (["2026-06-01", "2026-06-02", "2026-06-05"], [2, 1, 1])
    assert only(only(explore), "series")["day"] == [2, 0, 1]


def test_days_and_months_begin_where_the_report_s_zone_has_them():
    explore = explore_of([shot(0, 23), shot(30, 0)], zone="Europe/Madrid")
    camera = only(explore, "cameras")
    assert camera["day"]["start"] == ["2026-06-02", "2026-07-01"]
    assert camera["month"]["start"] == ["2026-06-01", "2026-07-01"]


def test_brightness_and_sharpness_are_medians_that_one_odd_image_does_not_move():
    shots = [shot(0, hour, luma=luma, sharpness=30 + hour) for hour, luma in enumerate((80, 82, 255))]
    days = only(explore_of(shots), "cameras")["day"]
    assert (days["luma"], days["sharpness"]) == ([82.0], [31.0])


HERE = {"latitude": 41.22, "longitude": 1.73}


@pytest.mark.parametrize(
    ("at", "place", "night"),
    [
        pytest.param("2026-06-21 04:00", (41.22, 1.73), True, id="Vilanova, 17 minutes before sunrise on Midsummer"),
        pytest.param("2026-06-21 04:35", (41.22, 1.73), False, id="18 minutes after it"),
        pytest.param("2026-06-21 19:10", (41.22, 1.73), False, id="18 minutes before sunset"),
        pytest.param("2026-06-21 19:45", (41.22, 1.73), True, id="17 minutes after it"),
        pytest.param("2026-12-21 07:00", (41.22, 1.73), True, id="13 minutes before sunrise in December"),
        pytest.param("2026-12-21 07:30", (41.22, 1.73), False, id="17 minutes after it"),
        pytest.param("2026-06-21 23:00", (69.65, 18.96), False, id="the midnight sun of Tromsø"),
        pytest.param("2026-12-21 11:00", (69.65, 18.96), True, id="the polar night of Tromsø at noon"),
        pytest.param("2026-03-20 00:00", (-17.7, 178.0), False, id="Fiji, where it is noon at midnight UTC"),
        pytest.param("2026-03-20 12:00", (0.0, -179.9), True, id="beyond the date line at noon UTC"),
    ],
)
def test_it_is_night_while_the_sun_is_below_the_horizon(at, place, night):
    with open_database(None) as database:
        database.run_file("sun")
        assert database.value("SELECT is_night(?::TIMESTAMP, ?, ?)", [at, *place]) is night


def test_hours_are_the_sun_s_where_every_deployment_says_where_it_is():
    far = {"name": "far", "start": "2026-06-01T00:00:00Z", "latitude": -10.0, "longitude": 90.0}
    explore = explore_of([shot(0, 6, 0.9), shot(0, 18)], [far])
    hours = only(explore, "cameras")["hour_of_day"]
    assert hours["clock"] == "sun"
    assert [hour for hour, images in enumerate(hours["images"]) if images] == [0, 12]
    assert [hour for hour, images in enumerate(hours["night_images"]) if images] == [0]
    assert [hour for hour, seen in enumerate(only(only(explore), "series")["hour_of_day"]) if seen] == [12]


def test_hours_are_those_of_the_report_s_zone_where_one_deployment_does_not():
    stays = [
        {"name": "known", "start": "2026-06-01T00:00:00Z", "end": "2026-06-02T00:00:00Z", **HERE},
        {"name": "unknown", "start": "2026-06-02T00:00:00Z"},
    ]
    hours = only(explore_of([shot(0, 6), shot(1, 6)], stays, zone="Europe/Madrid"), "cameras")["hour_of_day"]
    assert (hours["clock"], hours["night_images"]) == ("zone", None)
    assert [hour for hour, images in enumerate(hours["images"]) if images] == [8]


def keys_of(taxon, kind):
    return [picture["key"] for picture in taxon["pictures"] if picture["kind"] == kind]


def test_pictures_are_the_earliest_maxn_the_middle_scores_and_those_nearest_to_the_threshold():
    shots = [
        shot(0, 0, 0.9, 0.9), shot(0, 1, 0.9, 0.9),  # MaxN twice: the earlier one
        shot(1, 0, 0.6), shot(2, 0, 0.62), shot(3, 0, 0.61),
        shot(4, 0, 0.26), shot(4, 1, 0.255),  # two of one day: the nearer one
        shot(5, 0, 0.24), shot(6, 0, 0.1),  # below it: one
    ]  # fmt: skip
    taxon = only(explore_of(shots))
    assert keys_of(taxon, "maxn") == ["000000.jpg"]
    assert keys_of(taxon, "typical")[0] == "000002.jpg"
    assert keys_of(taxon, "doubtful") == ["000006.jpg", "000002.jpg", "000007.jpg"]
    [undercounted] = [picture for picture in taxon["pictures"] if picture["key"] == "000007.jpg"]
    [box] = undercounted["boxes"]
    assert box == {
        "taxon": CORIS,
        "class_id": 0,
        "confidence": 0.24,
        "x1": 10.0,
        "y1": 20.0,
        "x2": 110.0,
        "y2": 80.0,
        "counted": False,
    }


@pytest.mark.parametrize("score", [0.9, 0.06], ids=["counted", "hardly a person"])
def test_an_image_with_a_person_in_it_is_never_a_picture(score):
    with_person = {**shot(0, 0, 0.9, 0.9, 0.9), "boxes": [*[(CORIS, 0.9)] * 3, ("diver", score)]}
    explore = explore_of([with_person, shot(1, 0, 0.9)], roles={"diver": "human"})
    assert {picture["key"] for picture in only(explore)["pictures"]} <= {"000001.jpg"}
    assert keys_of(only(explore), "maxn") == [], "the image of MaxN shows one, and no other stands for it"


def test_images_that_failed_are_not_shown_where_people_may_be_in_them():
    bad = [shot(), shot(1, use="failed", reason="truncated"), shot(2, use="unusable", luma=1)]
    told = {entry["reason"]: entry["example"] and entry["example"]["key"] for entry in explore_of(bad)["failures"]}
    assert told == {"truncated": "000001.jpg", "too dark": "000002.jpg"}
    told = {
        entry["reason"]: entry["example"] and entry["example"]["key"]
        for entry in explore_of(bad, roles={"diver": "human"})["failures"]
    }
    assert told == {"truncated": None, "too dark": "000002.jpg"}


def test_a_camera_that_begins_to_look_twice_as_often_is_marked():
    shots = [shot(day, hour) for day in range(30) for hour in (0, 12)] + [
        shot(day, hour) for day in range(30, 60) for hour in (0, 6, 12, 18)
    ]
    assert only(explore_of(shots), "cameras")["sampling_changes"] == [
        {"from": "2026-07-01", "before_per_day": 2, "per_day": 4}
    ]


def test_it_stays_small(monkeypatch):
    monkeypatch.setattr(module, "MOST_TAXA", 2)
    monkeypatch.setattr(module, "MOST_CAMERAS", 1)
    names = [f"Species {number}" for number in range(3)]
    shots = [
        {"at": JUNE + timedelta(days=day), "boxes": [(name, 0.9) for name in names[: 1 + day % 3]]}
        for day in range(500)
    ]
    shots += [{"at": JUNE, "camera": "C2"}]
    explore = explore_of(shots, taxa=names)
    assert [taxon["taxon"] for taxon in explore["taxa"]] == names[:2]
    assert (explore["left_out"]["taxa"], explore["left_out"]["cameras"]) == (1, 1)
    days = only(explore, "cameras")["day"]
    assert len(days["start"]) == MOST_DAYS
    assert explore["left_out"]["since"] == {"day": f"{days['start'][0]}T00:00:00Z", "month": None}
    assert sum(only(explore, "cameras")["month"]["images"]) == 500


@pytest.mark.parametrize("shots", [[], [{"at": None}], [shot(0, 0)]], ids=["no image", "no time", "nothing seen"])
def test_it_tells_of_little(shots):
    explore = explore_of(shots)
    assert write_explore(explore)
    assert only(explore)["pictures"] == []


def test_shapes_that_have_no_room_are_left_out_box_by_box_and_corners_of_turned_ones_fit(monkeypatch):
    monkeypatch.setattr(explored_taxa, "MOST_MASK_CHARACTERS", 5)
    monkeypatch.setattr(explored_taxa, "MOST_POINT_NUMBERS", 9)
    shared = [{"x1": 1.0, "mask": "abcd", "keypoints": [1.0] * 6}, {"x1": 2.0, "mask": "e", "keypoints": [2.0] * 3}]
    told = explored_taxa._with_shapes_in_room([{"pictures": [{"boxes": shared}, {"boxes": shared}]}])
    first, second = (picture["boxes"] for picture in told[0]["pictures"])
    assert first == shared
    assert [(box["x1"], box["mask"], box["keypoints"]) for box in second] == [(1.0, None, None), (2.0, None, None)]
    monkeypatch.undo()
    pictures = module.MOST_TAXA + 2 * module.OF_KIND * module.COMMONEST
    assert 12 * explored_taxa.MOST_BOXES * pictures <= explored_taxa.MOST_POINT_NUMBERS
