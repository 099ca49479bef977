"""A proposed clock before the conventions of real cameras: the right time and camera, or none; a choice is shown as one."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from conventions import CONVENTIONS
from shoal.bucket.clock_proposal import propose_clock
from shoal.bucket.sampled_keys import fill_listing
from shoal.settings.analysis import Clock
from shoal.stores.object_store import ListedObject
from shoal.tables.capture_times import view_clocked
from shoal.tables.session import Database

SIBLINGS = 20
STEP = timedelta(hours=7, minutes=11, seconds=13)
DATE_AND_TIME = {
    "%Y%m%d": r"\d{8}", "%Y-%m-%d": r"\d{4}-\d\d-\d\d", "%Y_%m_%d": r"\d{4}_\d\d_\d\d", "%Y/%m/%d": r"\d{4}/\d\d/\d\d",
    "%d-%m-%Y": r"\d\d-\d\d-\d{4}", "%Y%j": r"\d{7}", "%Y_%j": r"\d{4}_\d{3}",
}  # fmt: skip
TIMES = ("%H%M%S", "%H-%M-%S", "%H:%M:%S", "%H.%M.%S", "%H/%M/%S", "%H/%M.%S", "%Hh%Mm%Ss", "%Hh%M", "%H%M", "%I.%M.%S %p")  # fmt: skip
NOT_TO_BE_TOLD = {
    "in2019_e01_BathymetryBackscatter_0p5m_EM710_SH51_DepthIntensity_20201214T052921Z.tif": (
        "a time of publication, written as others write that of the capture: only a person knows"
    ),
}


def listed(key, stored):
    return ListedObject(key, "e", 1, stored)


def written(key, moment):
    """How a key writes a moment of the camera's clock, as a template with the formats that were found; None where it does not."""
    template, found = key, False
    for form in sorted(DATE_AND_TIME, key=len, reverse=True):
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
        proposal = propose_clock(database, [image for image, _ in family], "reef", row["zone"])
        if proposal.sure is None:
            found[row["key"]] = "choice" if proposal.offers else "none"
            continue
        clock = Clock.model_validate([entry.model_dump() for entry in proposal.sure.entries])
        read = read_clocked(database, clock, [image for image, _ in family])
        found[row["key"]] = judge(row, family, read)
    return found


def read_clocked(database, clock, images):
    fill_listing(database, images)
    view_clocked(database, clock)
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
    made = [outcomes[row["key"]] for row in CONVENTIONS if row["right_time"]]
    assert made.count("right") >= 0.8 * len(made), made.count("none")
