"""A proposed clock before the conventions of real cameras: the right time and camera, or none; a choice is shown as one."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conventions import CONVENTIONS
from shoal.bucket.clock_proposal import propose_clock
from shoal.bucket.clock_shapes import find_shapes
from shoal.bucket.sampled_keys import fill_listing
from shoal.settings.analysis import Clock
from shoal.stores.listed import ListedObject
from shoal.tables.capture_times import view_clocked
from shoal.tables.session import Database

SIBLINGS = 20
STEP = timedelta(hours=7, minutes=11, seconds=13)
DATE_AND_TIME = {
    "%Y%m%d": r"\d{8}", "%Y-%m-%d": r"\d{4}-\d\d-\d\d", "%Y_%m_%d": r"\d{4}_\d\d_\d\d", "%Y/%m/%d": r"\d{4}/\d\d/\d\d",
    "%d-%m-%Y": r"\d\d-\d\d-\d{4}", "%Y%j": r"\d{7}", "%Y_%j": r"\d{4}_\d{3}",
    "%m-%d-%Y": r"\d\d-\d\d-\d{4}", "%Y.%m.%d": r"\d{4}\.\d\d\.\d\d", "%Y %m %d": r"\d{4} \d\d \d\d",
    "%Y.%j": r"\d{4}\.\d{3}",
}  # fmt: skip
TIMES = ("%H%M%S", "%H-%M-%S", "%H:%M:%S", "%H.%M.%S", "%H/%M/%S", "%H/%M.%S", "%Hh%Mm%Ss", "%Hh%M", "%H_%M_%S", "%H;%M;%S", "%H%M", "%I.%M.%S %p")  # fmt: skip
NOT_TO_BE_TOLD = {
    "in2019_e01_BathymetryBackscatter_0p5m_EM710_SH51_DepthIntensity_20201214T052921Z.tif": (
        "a time of publication, written as others write that of the capture: only a person knows"
    ),
    "20080128191209!IRWaterCooler.jpg": (
        "a time of upload, written as others write that of the capture: only a person knows"
    ),
}


def listed(key, stored):
    return ListedObject(key, "e", 1, stored)


def written(key, moment):
    """How a key writes a moment of the camera's clock, as a template with the formats that were found; None where it does not."""
    template, found = key, False
    for form in sorted(DATE_AND_TIME, key=lambda form: (form != "%Y%m%d", -len(form))):
        if (text := moment.strftime(form)) in template:
            template, found = template.replace(text, form), True
    twelve = moment.strftime("%I.%M.%S %p").lstrip("0")
    if twelve in template:
        return template.replace(twelve, "%I.%M.%S %p")
    for form in TIMES:
        if found and (text := moment.strftime(form)) in template:
            return template.replace(text, form)
    for epoch in (str(int(moment.replace(tzinfo=UTC).timestamp())),):
        if epoch in template:
            return template.replace(epoch, "%s")
    return None


def filled(template, moment):
    seconds = str(int(moment.replace(tzinfo=UTC).timestamp()))
    text = template.replace("%I.%M.%S %p", moment.strftime("%I.%M.%S %p").lstrip("0")).replace("%s", seconds)
    for form in re.findall(r"%[A-Za-z]", text):
        text = text.replace(form, moment.strftime(form))
    return text


def siblings(row):
    """Twenty keys of a convention, each with its right time (UTC, None where none stands in it): only times and counters change."""
    zone, stored = ZoneInfo(row["zone"]), datetime.fromisoformat(row["last_modified"])
    if row["right_time"]:
        local = datetime.fromisoformat(row["right_time"]).astimezone(zone).replace(tzinfo=None)
        offset = re.search(r"([+-]\d\d):00\.jpg$", row["key"])
        local = local + timedelta(hours=int(offset[1])) if offset else local
        if template := written(row["key"].replace("240000", "000000"), local):
            for number in range(SIBLINGS):
                moment = local - number * STEP
                if "%S" not in template and "%s" not in template:
                    moment = moment.replace(second=0)
                instant = moment.replace(tzinfo=zone).astimezone(UTC)
                instant = instant - timedelta(hours=int(offset[1])) if offset else instant
                yield listed(filled(template, moment), stored - number * STEP), instant
            return
    counter = list(re.finditer(r"\d+", row["key"]))
    for number in range(SIBLINGS):
        key = row["key"]
        if counter:
            last = counter[-1]
            value = str(int(last[0]) + number).zfill(len(last[0]))
            key = key[: last.start()] + value + key[last.end() :]
        yield listed(key, stored + timedelta(days=1)), None


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """For every convention: `right`, `none`, `choice`, or what is wrong."""
    database, found = Database(None, tmp_path_factory.mktemp("clock")), {}
    for row in CONVENTIONS:
        family = list(siblings(row))
        proposal = propose_clock(database, [image for image, _ in family], row["zone"])
        if proposal.sure is None:
            found[row["key"]] = "choice" if proposal.offers else "none"
            continue
        clock = Clock.model_validate([entry.model_dump() for entry in proposal.sure.entries])
        read = read_clocked(database, clock, [image for image, _ in family])
        found[row["key"]] = judge(row, family, read)
    return found


def read_clocked(database, clock, images):
    fill_listing(database, images)
    view_clocked(database, clock, ())
    found = database.run("SELECT key, camera, captured_at FROM clocked").fetchall()
    return {key: (camera, at and at.replace(tzinfo=UTC)) for key, camera, at in found}


def judge(row, family, read):
    for image, right in family:
        camera, captured_at = read[image.key]
        if captured_at is None:
            continue
        if right is None:
            return f"no time stands in {image.key}, it reads {captured_at}"
        if abs(captured_at - right) >= timedelta(seconds=1):
            return f"{image.key} is of {right}, it reads {captured_at}"
        if camera not in {row["right_camera"], "camera"}:
            return f"{image.key} is of camera {row['right_camera']!r}, it reads {camera!r}"
    return "right"


@pytest.mark.parametrize("row", CONVENTIONS, ids=lambda row: row["key"])
def test_a_proposal_is_right_or_none_is_made(row, outcomes):
    if row["key"] in NOT_TO_BE_TOLD:
        return
    assert outcomes[row["key"]] in {"right", "none", "choice"}


def test_most_conventions_with_a_time_get_a_proposal(outcomes):
    made = {row["key"]: outcomes[row["key"]] for row in CONVENTIONS if row["right_time"]}
    right = [key for key, outcome in made.items() if outcome == "right"]
    assert len(right) >= 0.8 * len(made), [(key, outcome) for key, outcome in made.items() if outcome != "right"]


START, COPIED = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 8, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def propose(tmp_path_factory):
    """Proposes a clock for keys; a pair is a key and when it was stored."""
    database = Database(None, tmp_path_factory.mktemp("clock"))

    def of(keys):
        pairs = [key if isinstance(key, tuple) else (key, COPIED) for key in keys]
        return propose_clock(database, [listed(*pair) for pair in pairs], "Europe/Madrid")

    return of


def every(hours, form, count=30, **names):
    return [f"{START + number * timedelta(hours=hours):{form}}".format(n=number, **names) for number in range(count)]


def entries_of(proposal):
    return [(entry.pattern, entry.format, entry.zone) for entry in proposal.sure.entries]


def test_two_conventions_and_their_cameras_become_two_entries(propose):
    reef = [key for name in ("REEF1", "REEF2") for key in every(7, "%Y-%m-%d_%H-%M-%S_{name}.jpg", name=name)]
    proposal = propose([*reef, *every(5, "trap/RCNX{n:04}_%Y%m%d%H%M%S.jpg", 20), "map.jpg"])
    assert entries_of(proposal) == [
        (
            r"(?:^|\D)(?P<time>\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d)_(?P<camera>[^/]+?)(?:\.[^./]*)?$",
            "%Y-%m-%d_%H-%M-%S",
            "Europe/Madrid",
        ),
        (r"(?:^|\D)(?P<time>\d{14})(?:\D|$)", "%Y%m%d%H%M%S", "Europe/Madrid"),
    ]
    assert [image.key for image in proposal.sure.unread] == ["map.jpg"]


def test_day_and_month_that_the_keys_do_not_tell_are_a_choice(propose):
    proposal = propose(every(1, "%d-%m-%Y_%H.%M.%S.jpg", 60))
    assert proposal.sure is None
    assert [offer.choice for offer in proposal.offers] == [
        "'01-03-2026_00.00.00' of '01-03-2026_00.00.00.jpg' is 2026-03-01 00:00:00",
        "'01-03-2026_00.00.00' of '01-03-2026_00.00.00.jpg' is 2026-01-03 00:00:00",
    ]


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param(every(25, "%d-%m-%Y_%H.%M.%S.jpg", 20), id="a day after the 12th"),
        pytest.param(
            [(f"{at:%d-%m-%Y_%H.%M.%S}.jpg", at + timedelta(hours=1)) for at in (START + number * timedelta(hours=30) for number in range(8))],
            id="stored an hour after each",
        ),
    ],
)  # fmt: skip
def test_day_and_month_that_the_keys_or_their_age_tell_are_proposed(keys, propose):
    assert [form for _, form, _ in entries_of(propose(keys))] == ["%d-%m-%Y_%H.%M.%S"]


@pytest.mark.parametrize(
    ("keys", "doubt"),
    [
        pytest.param(every(24, "IMG_%Y%m%d_{n:04}.jpg"), "the four digits behind the date may be hour and minute, or a counter", id="four digits"),
        pytest.param([f"IMG_20260301_{n:06}.jpg" for n in range(1, 50)], "the digits behind the date may be a time just after midnight, or a counter", id="six digits from one on"),
        pytest.param([f"20260301/DSC_{n:06}.jpg" for n in range(4100, 4150)], "the digits of the name may be a time of the folder's day, or a counter", id="six digits in a dated folder"),
        pytest.param([f"{1772236849 + 3600 * n}.jpg" for n in range(20)], "the digits may be seconds since 1970, or a number of another kind", id="ten digits"),
    ],
)  # fmt: skip
def test_digits_that_may_be_a_counter_are_offered_with_that_doubt(keys, doubt, propose):
    proposal = propose(keys)
    assert proposal.sure is None
    assert {offer.choice for offer in proposal.offers} <= {doubt}


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("Snapshot_%Y-%m-%d_%I-%M-%S_%p.jpg", "%Y-%m-%d_%I-%M-%S_%p"),
        ("CAM1 %Y-%m-%d %I-%M-%S %p.jpg", "%Y-%m-%d %I-%M-%S %p"),
        ("CAM1_%Y%m%d_%I%M%S_%p.jpg", "%Y%m%d_%I%M%S_%p"),
        ("CAM1_%Y%m%d-%I%M%S%p.jpg", "%Y%m%d-%I%M%S%p"),
        ("CAM1_%Y%m%d_%I%M_%p.jpg", "%Y%m%d_%I%M_%p"),
        ("%Y-%m-%d/%I-%M-%S %p.jpg", None),
        ("%Y-%m-%d %Ih%M %p.jpg", None),
    ],
)
def test_half_of_the_day_is_read_or_nothing_is_proposed(form, expected, propose):
    proposal = propose(every(7, form))
    assert (proposal.sure and proposal.sure.entries[0].format) == expected
    assert all(offer.choice for offer in proposal.offers) or proposal.sure


def test_a_year_of_two_digits_that_may_be_one_of_four_is_a_choice(propose):
    at = datetime(2020, 3, 1, 8, tzinfo=UTC)
    keys = [f"{at + timedelta(days=day, minutes=5 * n):%y%m%d%H%M%S}.jpg" for day in range(12) for n in range(5)]
    proposal = propose(keys)
    assert proposal.sure is None
    assert {offer.entries[0].format for offer in proposal.offers} == {"%y%m%d%H%M%S", "%Y%m%d%H%M"}
    alone = propose([f"CAM_{at.replace(year=2019) + number * STEP:%y%m%d%H%M%S}.jpg" for number in range(20)])
    assert (alone.sure, [offer.entries[0].format for offer in alone.offers]) == (None, ["%y%m%d%H%M%S"])


def test_what_is_doubted_beside_a_proposal_is_named(propose):
    proposal = propose([*every(7, "%Y%m%d_%H%M%S.jpg"), "1772236849.jpg"])
    assert proposal.sure is not None
    assert proposal.notes == (
        "1 keys, such as '1772236849.jpg', are left out: the digits may be seconds since 1970, or a number of another kind",
    )


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        pytest.param(every(1.7, "%Y%m%d/cam_%H%M%S.jpg"), (r"(?:^|\D)(?P<date>\d{8})(?:\D.*?)??[^0-9A-Za-z](?P<time>\d{6})(?:[^0-9A-Za-z][^/]*)?$", "%Y%m%d %H%M%S", "Europe/Madrid"), id="date in a folder, time in the name"),
        pytest.param(every(1.7, "%Y-%m-%dT%H:%M:%SZ.jpg"), (r"(?:^|\D)(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d{1,6})?Z(?:\D|$)", "%Y-%m-%dT%H:%M:%S", "UTC"), id="a zone that the key says"),
        pytest.param(every(1.7, "%Y-%m-%dT%H:%M:%S-05:00.jpg"), (r"(?:^|\D)(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)-05:00(?:\D|$)", "%Y-%m-%dT%H:%M:%S", "Etc/GMT+5"), id="an offset that the key says"),
        pytest.param(every(1.7, "20200101_000000_%Y%m%d_%H%M%S.jpg"), (r"(?:^|\D)\d{8}_\d{6}\D(?:[^/]*?\D)?(?P<time>\d{8}_\d{6})(?:\D|$)", "%Y%m%d_%H%M%S", "Europe/Madrid"), id="of two times the one that changes"),
        pytest.param(every(1.7, "Roof_%Y-%m-%dT%H_%M_%S-0800.jpg"), (r"(?:^|\D)(?P<time>\d{4}-\d\d-\d\dT\d\d_\d\d_\d\d)-0800(?:\D|$)", "%Y-%m-%dT%H_%M_%S", "Etc/GMT+8"), id="an offset without a colon behind a T"),
        pytest.param(every(1.7, "%Y-%m-%dT%H_%M_%S+00_00.jpg"), (r"(?:^|\D)(?P<time>\d{4}-\d\d-\d\dT\d\d_\d\d_\d\d)\+00_00(?:\D|$)", "%Y-%m-%dT%H_%M_%S", "UTC"), id="an offset with an underscore behind a T"),
        pytest.param(every(1.7, "%Y-%m-%d_%H-%M-%S-0800.jpg"), (r"(?:^|\D)(?P<time>\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d)(?:\D|$)", "%Y-%m-%d_%H-%M-%S", "Europe/Madrid"), id="four digits that are a counter"),
        pytest.param(every(1.7, "%Y%m%dT%H%M%S-{n:04}.jpg", 120), (r"(?:^|\D)(?P<time>\d{8}T\d{6})(?:\D|$)", "%Y%m%dT%H%M%S", "Europe/Madrid"), id="a counter behind a T, some of which could be offsets"),
        pytest.param(every(1.7, "B12/IMG_%Y%m%d_%H%M%S.jpg") + every(1.7, "B13/IMG_%Y%m%d_%H%M%S.jpg"), (r"(?P<camera>[^/]+)/(?:[^/]*[^0-9/])?(?P<time>\d{8}_\d{6})(?:[^0-9/][^/]*)?$", "%Y%m%d_%H%M%S", "Europe/Madrid"), id="the camera is the folder"),
    ],
)  # fmt: skip
def test_other_places_of_time_zone_and_camera(keys, expected, propose):
    assert entries_of(propose(keys)) == [expected]


def test_the_camera_is_its_own_folder_and_not_the_one_above(propose, tmp_path):
    keys = [key for name in ("B12", "B13") for key in every(1.7, "park/2026/{name}/IMG_%Y%m%d_%H%M%S.jpg", name=name)]
    clock = Clock.model_validate([entry.model_dump() for entry in propose(keys).sure.entries])
    read = read_clocked(Database(None, tmp_path), clock, [listed(key, COPIED) for key in keys])
    assert {(key.split("/")[2], camera) for key, (camera, _) in read.items()} == {("B12", "B12"), ("B13", "B13")}


@pytest.mark.parametrize("keys", [[], ["photo.jpg"], [f"IMG_{n:04}.JPG" for n in range(30)], every(1, "dump_%Y%m%d_%H%M%S/IMG_{n:04}.JPG")], ids=["no key", "no digit", "counters", "times of folders"])  # fmt: skip
def test_nothing_is_proposed_where_names_hold_no_time(keys, propose):
    assert propose(keys).offers == ()


@pytest.mark.parametrize("late", [timedelta(days=365), -timedelta(days=40 * 365)], ids=["a year ahead", "never set"])
def test_times_that_cannot_be_are_no_proposal(late, propose):
    keys = [
        (f"IMG_{at + late:%Y%m%d_%H%M%S}.jpg", at)
        for at in (START + number * timedelta(hours=7) for number in range(20))
    ]
    assert propose(keys).offers == ()


@given(key=st.text(max_size=60) | st.text("0123456789-_/.:T Zhmsat", max_size=60))
@settings(max_examples=300)
def test_whatever_a_key_is_its_shapes_stand_in_it(key):
    for found in find_shapes(key):
        assert key[found.start : found.end].strip(" ")
        assert found.end > key.rfind("/")


@given(
    at=st.datetimes(datetime(1990, 1, 1), datetime(2089, 12, 31)),
    form=st.sampled_from(["%Y%m%d_%H%M%S", "%Y-%m-%d %H.%M.%S", "%Y%m%d%H%M%S", "%d-%m-%Y_%H-%M-%S", "%Y_%j_%H%M%S", "%Y-%m-%d-%Hh%Mm%Ss", "%Y-%m-%d at %I.%M.%S %p"]),
    around=st.sampled_from(["{}.jpg", "IMG_{}.jpg", "a/b/CAM-1_{}_x.png", "20200101/{}.jpg"]),
)  # fmt: skip
@settings(max_examples=150)
def test_a_written_time_is_found_as_it_was_written(at, form, around):
    found = find_shapes(around.format(at.strftime(form)))
    assert at.replace(microsecond=0) in [one.at for one in found if one.shape.format == form]
