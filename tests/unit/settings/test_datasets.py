"""The dataset files of the repository: they load, the annotated one shows every field, and broken ones say so in one line."""

import re
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import get_args

import duckdb
import pytest
import yaml
from pydantic import BaseModel, ValidationError

from shoal.contract.errors import ConfigError
from shoal.settings.analysis import Clock
from shoal.settings.dataset import Dataset
from shoal.settings.dataset_files import dataset_files, load_dataset
from shoal.stores.folder_access import SETTLE

FOLDER = Path(__file__).parents[3] / "include" / "datasets"
OBSEA = FOLDER / "obsea.yaml"
PHOTO = "archive/2024/20240422-080001-IPC608_8B64_165.jpg"


def whole_obsea():
    """Read obsea.yaml with all examples that are commented out written out."""
    text = OBSEA.read_text(encoding="utf-8").replace("deployments: []\n", "").replace("  notifiers: []\n", "")
    text = text.replace("publish: {}\n", "").replace("  service: null\n", "")
    text = re.sub(r"^(|  )# (deployments:|notifiers:|publish:|service:|  )", r"\1\2", text, flags=re.MULTILINE)
    return text, yaml.safe_load(text)


FOLDER_FIELDS = ("kind", "path", "settle", "volume")


def models_in(annotation):
    """Find the settings groups that a field's type holds."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from models_in(argument)


def unnamed_fields(model, node, path=""):
    """Walk settings and file side by side; yield every field that the file does not name."""
    for attribute, field in model.model_fields.items():
        name = field.alias or attribute
        if name not in node:
            yield f"{path}{name}"
            continue
        value = node[name]
        for group in models_in(field.annotation):
            # Groups that come in numbers, by name or in a list, are shown whole in their first entry.
            several = group.__name__ in {"Taxon", "Deployment", "NotWorking", "Notifier", "Contributor", "Recall"}
            entry = next(iter(value.values() if isinstance(value, dict) else value)) if several else value
            yield from unnamed_fields(group, entry, f"{path}{name}.")


@pytest.mark.parametrize("path", dataset_files(FOLDER), ids=lambda path: path.name)
def test_every_dataset_file_loads(path):
    assert load_dataset(path).name == path.stem


def test_the_annotated_example_names_every_field():
    _, settings = whole_obsea()
    unnamed = [field for field in unnamed_fields(Dataset, settings) if not field.startswith("clock.others.")]
    assert unnamed == ["name"], "the file's own name names the dataset; further clocks have the fields of the first"


def test_the_annotated_example_explains_every_field():
    _, settings = whole_obsea()
    lines = OBSEA.read_text(encoding="utf-8").splitlines()
    groups = {name for name, value in settings.items() if isinstance(value, dict)}
    for index, line in enumerate(lines):
        if (field := re.match(r" *(\w+):", line)) and (line.startswith("  ") or field[1] not in groups):
            above = lines[index - 1].strip().startswith("#")
            in_group = field[1] in {"conn_id", "bucket", "prefix", "name", "deployments"}
            assert "  # " in line or above or in_group, f"line {index + 1}: {line}"


def test_the_commented_deployment_is_valid(tmp_path):
    _, settings = whole_obsea()
    del settings["worker"]["service"]  # one model or the other
    settings["source"] = {
        name: value for name, value in settings["source"].items() if name not in (*FOLDER_FIELDS, "remote_path")
    }  # or one place
    (tmp_path / "obsea.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    [stay] = load_dataset(tmp_path / "obsea.yaml").deployments
    assert stay.start < stay.end


def test_the_commented_service_is_valid(tmp_path):
    _, settings = whole_obsea()
    settings["model"] = {"name": "reef", "version": "v1"}
    settings["source"] = {"conn_id": "reef", "bucket": "reef"}
    (tmp_path / "obsea.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    service = load_dataset(tmp_path / "obsea.yaml").worker.service
    assert (service.kind, service.pull_policy, service.describe()) == ("deepaas", "IfNotPresent", "cpu 1, memory 2Gi")
    stated = {name for name in type(service).model_fields if not type(service).model_fields[name].is_required()}
    chosen = {
        name
        for name in stated
        if getattr(service, name) != type(service).model_fields[name].get_default(call_default_factory=True)
    }
    assert chosen == {"image", "model", "params"}, "what the block does not call an example is the default"


@pytest.mark.parametrize("volume", ["claim", "nfs"])
def test_the_commented_folder_is_valid(tmp_path, volume):
    _, settings = whole_obsea()
    del settings["worker"]["service"]
    source = {name: settings["source"][name] for name in FOLDER_FIELDS}
    settings["source"] = {**source, "volume": {volume: source["volume"][volume], "sub_path": ""}}
    (tmp_path / "obsea.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    read = load_dataset(tmp_path / "obsea.yaml")
    assert (read.source.place, read.source.settle, read.mounts) == ("/mnt/share/photos", SETTLE, False)


def test_the_commented_store_by_rclone_is_valid(tmp_path):
    _, settings = whole_obsea()
    del settings["worker"]["service"]
    settings["source"] = {"kind": "rclone", **{name: settings["source"][name] for name in ("conn_id", "remote_path")}}
    (tmp_path / "obsea.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    read = load_dataset(tmp_path / "obsea.yaml")
    assert (read.source.place, read.mounts) == ("shoal_images:photos/2026", False)


def test_defaults_that_obsea_states_are_those_of_the_code(tmp_path):
    """Leave everything out that may be: what the file does not call its own choice is the default."""
    settings = yaml.safe_load(OBSEA.read_text(encoding="utf-8"))
    needed = {"model": {"name": settings["model"]["name"]}}
    for group in ("source", "results", "models"):
        needed[group] = {name: settings[group][name] for name in ("conn_id", "bucket")}
    (tmp_path / "obsea.yaml").write_text(yaml.safe_dump(needed), encoding="utf-8")
    default = load_dataset(tmp_path / "obsea.yaml").model_dump()
    shown = load_dataset(OBSEA).model_dump()
    differing = {
        f"{group}.{name}"
        for group, fields in shown.items()
        if isinstance(fields, dict) and group != "taxa"
        for name, value in fields.items()
        if value != default[group][name]
    } | {name for name, value in shown.items() if not isinstance(value, dict) and value != default[name]}
    assert differing == {
        "description",
        "conf",
        "model.imgsz",
        "model.iou",
        "model.watch",
        "clock.pattern",
        "report.zone",
        "report.bins",
        "cluster.kind",
        "cluster.pod",
        "worker.image",
        "sidecar.image",
        "run.schedule",
    }
    assert {field: default[field] for field in ("conf", "description")} == {"conf": 0.25, "description": ""}
    assert default["model"]["iou"] == 0.7
    assert default["report"] == {"zone": "UTC", "bins": ("hour", "day", "month")}
    assert default["cluster"]["pod"]["memory"] == "2Gi"
    assert default["clock"]["pattern"] in OBSEA.read_text(encoding="utf-8")


def test_obsea_settings_are_those_of_its_archive():
    obsea = load_dataset(OBSEA)
    assert (obsea.model.imgsz, obsea.model.iou, obsea.conf) == ((2688, 2688), 0.5, 0.5)
    assert obsea.run.budget == timedelta(hours=4)
    assert {name: taxon.aphia_id for name, taxon in obsea.taxa.items() if taxon.aphia_id} == {
        "Diplodus vulgaris": 127054,
        "Chromis chromis": 127000,
    }
    assert obsea.taxa["Chromis chromis (back)"].merge_into == "Chromis chromis"


def test_obsea_clock_reads_the_names_of_its_photos():
    clock = load_dataset(OBSEA).clock
    found = re.search(clock.pattern, PHOTO)
    assert found["camera"] == "IPC608"
    assert datetime.strptime(found["time"], clock.format) == datetime(2024, 4, 22, 8, 0, 1)  # noqa: DTZ007
    assert clock.zone == "UTC"


BASE = {
    "source": {"conn_id": "s3", "bucket": "fish", "prefix": "raw/"},
    "results": {"conn_id": "s3", "bucket": "fish", "prefix": "answers/"},
    "models": {"conn_id": "s3", "bucket": "models"},
    "model": {"name": "net"},
}


def stay_not_working(start, end):
    pause = {"from": start, "to": end, "reason": "no power"}
    return {"name": "a", "camera": "IPC1", "start": "2026-01-01", "not_working": [pause]}


BROKEN = {
    "unknown field": (
        {"colour": "blue"},
        (
            "colour: no such field - there are description, source, results, models, model, clock, conf, taxa, usable, "
            "deployments, report, exports, publish, cluster, worker, sidecar, run, retention, alerts"
        ),
    ),
    "unknown field in a group": (
        {"clock": {"timezone": "UTC"}},
        "clock.timezone: no such field - did you mean zone?",
    ),
    "missing field": (
        {"model": {}},
        "model.name: missing - add it, see include/datasets/obsea.yaml",
    ),
    "a decimal comma": (
        {"conf": "0,5"},
        "conf: a number has a decimal point, no comma (is '0,5')",
    ),
    "a decimal comma in braces, which YAML takes for two entries": (
        {"usable": {"sharpness_min": 0, 5: None}},
        "usable.5: no such field - in {…} a decimal comma begins a new one: write numbers with a point, such as 0.5 (is 5)",
    ),
    "one ending in place of a list": (
        {"source": {"conn_id": "s3", "bucket": "fish", "suffixes": ".jpg"}},
        "source.suffixes: is a list, also of one - write it in [ ] (is '.jpg')",
    ),
    "a bucket without its connection": (
        {"source": {"bucket": "fish"}},
        "source: kind s3 needs conn_id - add what is missing (kind folder needs path; kind rclone needs conn_id)",
    ),
    "a folder and a bucket": (
        {"source": {"conn_id": "s3", "bucket": "fish", "path": "/mnt/fish"}},
        "source: path: not for kind s3 - leave it out, or write kind: folder",
    ),
    "a folder in a bucket's store": (
        {"source": {"conn_id": "minio", "bucket": "fish", "remote_path": "photos"}},
        "source: remote_path: not for kind s3 - leave it out, or write kind: rclone",
    ),
    "a bucket by rclone": (
        {"source": {"kind": "rclone", "conn_id": "dav", "bucket": "fish"}},
        "source: bucket: not for kind rclone - leave it out, or write kind: s3",
    ),
    "a folder by rclone that a shell would read otherwise": (
        {"source": {"kind": "rclone", "conn_id": "dav", "remote_path": "a]b"}},
        "source.remote_path: 'a]b' holds ']', which cannot be asked for - rename the folder, or name one above it",
    ),
    "rclone in pods without its image": (
        {
            "source": {"kind": "rclone", "conn_id": "dav"},
            "cluster": {"kind": "kubernetes", "pod": {"transfer": "direct"}},
            "worker": {"image": "worker:1"},
        },
        "the file: source.kind rclone needs sidecar.image, which has rclone - `make images` builds it",
    ),
    "a folder that is none from the root on": (
        {"source": {"kind": "folder", "path": "~/fish"}},
        "source.path: '~/fish' is no folder from the root on - write it whole, such as /mnt/share/photos",
    ),
    "a folder that pods do not find": (
        {
            "source": {"kind": "folder", "path": "/mnt/fish"},
            "cluster": {"kind": "kubernetes"},
            "worker": {"image": "w:1"},
        },
        (
            "the file: source.kind folder with cluster.kind kubernetes needs source.volume, where pods find the folder - write "
            "volume: {claim: NAME}"
        ),
    ),
    "bad regular expression": (
        {"clock": {"pattern": r"(?P<time>\d{8}"}},
        (
            r"clock.pattern: regular expression that DuckDB cannot run: Invalid Input Error: missing ): (?P<time>\d{8} "
            "- write it as RE2 reads it: no look-around, no back-references, at most 1000 repetitions"
        ),
    ),
    "regular expression without a time group": (
        {"clock": {"pattern": r"(?P<camera>\w+)"}},
        (
            "clock.pattern: named groups are ['camera'] - it needs (?P<time>…) and may have (?P<camera>…) and (?P<date>…), "
            "each once"
        ),
    ),
    "a bad entry of a list of clocks": (
        {"clock": [{"zone": "UTC"}, {"zone": "Europe/Vilanova"}]},
        "clock.1.zone: no time zone 'Europe/Vilanova' - use an IANA name such as UTC or Europe/Madrid",
    ),
    "an empty list of clocks": (
        {"clock": []},
        "clock: a list of clocks holds mappings of pattern, format, zone and camera, or exif: true, or last_modified: true, at least one",
    ),
    "EXIF with a pattern": (
        {"clock": [{"exif": True, "format": "%Y"}]},
        "clock: exif: true reads no name - give pattern and format an entry of their own",
    ),
    "EXIF with the default's own pattern": (
        {"clock": [{"exif": True, "pattern": Clock().pattern}]},
        "clock: exif: true reads no name - give pattern and format an entry of their own",
    ),
    "the time of upload with a zone": (
        {"clock": [{"zone": "UTC"}, {"last_modified": True, "zone": "Europe/Madrid"}]},
        (
            "clock.1: last_modified: true is the time of upload, which is UTC - give pattern, format and zone an entry of "
            "their own"
        ),
    ),
    "the time of upload before EXIF": (
        {"clock": [{"zone": "UTC"}, {"last_modified": True}, {"exif": True}]},
        (
            "clock: last_modified: true stands last - every image has a time of upload, so that no entry behind it would be "
            "asked"
        ),
    ),
    "the time of upload twice": (
        {"clock": [{"last_modified": True}, {"last_modified": True}]},
        (
            "clock: last_modified: true stands last - every image has a time of upload, so that no entry behind it would be "
            "asked"
        ),
    ),
    "EXIF and the time of upload in one": (
        {"clock": [{"exif": True, "last_modified": True}]},
        "clock: exif: true and last_modified: true are two entries of a list - EXIF first",
    ),
    "a time where a yes belongs": (
        {"clock": [{"last_modified": "2026"}]},
        "clock.last_modified: Input should be a valid boolean, unable to interpret input (is '2026')",
    ),
    "seconds since 1970 among others": (
        {"clock": {"format": "%s_%f"}},
        (
            "clock.format: %s, seconds since 1970, stands alone - '%s_%f' has more beside it, leave that out of the "
            "time group"
        ),
    ),
    "a group twice": (
        {"clock": {"pattern": r"(?P<time>\d{8})|(?P<time>\d{6})"}},
        (
            "clock.pattern: named groups are ['time', 'time'] - it needs (?P<time>…) and may have (?P<camera>…) and "
            "(?P<date>…), each once"
        ),
    ),
    "a group that nothing reads": (
        {"clock": {"pattern": r"(?P<site>\w+)/(?P<time>\d{6})"}},
        (
            "clock.pattern: named groups are ['site', 'time'] - it needs (?P<time>…) and may have (?P<camera>…) and "
            "(?P<date>…), each once"
        ),
    ),
    "a group named in another way": (
        {"clock": {"pattern": r"(?<time>\d{8})"}},
        "clock.pattern: (?<time>…) is a group that DuckDB does not read - write (?P<time>…)",
    ),
    "look-around": (
        {"clock": {"pattern": r"(?<=-)(?P<time>\d{8})"}},
        (
            "clock.pattern: regular expression that DuckDB cannot run: Invalid Input Error: invalid perl operator: (?< "
            "- write it as RE2 reads it: no look-around, no back-references, at most 1000 repetitions"
        ),
    ),
    "a back-reference": (
        {"clock": {"pattern": r"(?P<camera>\w+)/\1-(?P<time>\d{8})"}},
        (
            r"clock.pattern: regular expression that DuckDB cannot run: Invalid Input Error: invalid escape sequence: \1 "
            "- write it as RE2 reads it: no look-around, no back-references, at most 1000 repetitions"
        ),
    ),
    "a range backwards": (
        {"source": {**BASE["source"], "ignore": ["[z-a].jpg"]}},
        (
            "source.ignore.0: '[z-a].jpg' is no pattern as in .gitignore: invalid character class range: z-a - \\ before * ? [ ] ! "
            "or \\ makes it a letter like others"
        ),
    ),
    "bad zone": (
        {"clock": {"zone": "Europe/Vilanova"}},
        "clock.zone: no time zone 'Europe/Vilanova' - use an IANA name such as UTC or Europe/Madrid",
    ),
    "this machine's zone": (
        {"clock": {"zone": "localtime"}},
        "clock.zone: no time zone 'localtime' - use an IANA name such as UTC or Europe/Madrid",
    ),
    "a number where a zone belongs": (
        {"clock": {"zone": 5}},
        "clock.zone: Input should be a valid string (is 5)",
    ),
    "bad time format": (
        {"clock": {"format": "%Q"}},
        (
            "clock.format: time format that DuckDB cannot read: Invalid Input Error: Failed to parse format specifier %Q: "
            "Unrecognized format for strftime/strptime: %Q"
        ),
    ),
    "bad schedule": (
        {"run": {"schedule": "nightly"}},
        "run.schedule: 'nightly' is no cron expression - write five fields, such as 0 2 * * *",
    ),
    "a day that never comes": (
        {"run": {"schedule": "0 2 30 2 *"}},
        "run.schedule: '0 2 30 2 *' never comes: no year has such a day - choose another, such as 0 2 * * *",
    ),
    "a random schedule": (
        {"run": {"schedule": "R R * * *"}},
        "run.schedule: 'R R * * *' is no cron expression - write five fields, such as 0 2 * * *",
    ),
    "a schedule with seconds": (
        {"run": {"schedule": "0 2 * * * 30"}},
        "run.schedule: '0 2 * * * 30' is no cron expression - write five fields, such as 0 2 * * *",
    ),
    "results in a folder that reads as a pattern": (
        {"results": {"conn_id": "shoal_results", "bucket": "results", "prefix": "what?/"}},
        "results.prefix: 'what?/' holds ? - patterns and URLs read these in their own way, leave them out",
    ),
    "duration without a unit": (
        {"run": {"budget": 4}},
        "run.budget: Invalid duration '4' - write a number and a unit, such as 90s, 30m, 4h or 2d",
    ),
    "no time at all": (
        {"run": {"budget": "0s"}},
        "run.budget: '0s' is no time at all - write a number above 0 and a unit, such as 4h",
    ),
    "an input size of nothing": (
        {"model": {"name": "fish", "imgsz": [0, 640]}},
        "model.imgsz.0: Input should be greater than or equal to 32 (is 0)",
    ),
    "no light is usable": (
        {"usable": {"luma_min": 200, "luma_max": 100}},
        "usable: luma_min 200 is above luma_max 100 - no image would be usable",
    ),
    "a name of its own": (
        {"name": "reef2"},
        "name: no such field - the file's own name names the dataset",
    ),
    "an offset in the name": (
        {"clock": {"format": "%Y%m%d%z"}},
        "clock.format: offsets in names (%z, %Z) are not supported - leave them out of the time group and set clock.zone",
    ),
    "two deployments of one name": (
        {
            "deployments": [
                {"name": "a", "camera": "IPC1", "start": "2026-01-01", "end": "2026-02-01"},
                {"name": "a", "camera": "IPC1", "start": "2026-02-01"},
            ]
        },
        "the file: two deployments of camera IPC1 are named a - give each its own name",
    ),
    "tiles that make a photo cost as much as a bucket": (
        {"model": {"name": "fish", "tile": {"size": 32, "overlap": 0.8}}},
        (
            "model: an image of pixel_limit 100,000,000 px would be cut into 2,040,817 tiles of 32x32 px, up to 10,000 are looked "
            "at - raise tile.size, or lower tile.overlap or pixel_limit"
        ),
    ),
    "overlapping deployments": (
        {
            "deployments": [
                {"name": "a", "camera": "IPC1", "start": "2026-01-01"},
                {"name": "b", "camera": "IPC1", "start": "2026-02-01"},
            ]
        },
        "the file: deployments a and b of camera IPC1 overlap - an image belongs to one of them at most",
    ),
    "a deployment that ends before it starts": (
        {"deployments": [{"name": "a", "camera": "IPC1", "start": "2026-02-01", "end": "2026-01-01"}]},
        "deployments.0: deployment a ends at 2026-01-01 00:00:00, not after its start 2026-02-01 00:00:00",
    ),
    "two deployments of one name, another between them": (
        {
            "deployments": [
                {"name": "a", "camera": "IPC1", "end": "2026-02-01"},
                {"name": "b", "camera": "IPC1", "start": "2026-02-01", "end": "2026-03-01"},
                {"name": "a", "camera": "IPC1", "start": "2026-03-01"},
            ]
        },
        "the file: two deployments of camera IPC1 are named a - give each its own name",
    ),
    "two deployments that are always": (
        {"deployments": [{"name": "a", "camera": "IPC1", "offset": "+1h"}, {"name": "b", "camera": "IPC1"}]},
        "the file: deployments a and b of camera IPC1 overlap - an image belongs to one of them at most",
    ),
    "a deployment that starts at a number": (
        {"deployments": [{"name": "a", "camera": "IPC1", "start": 20240301}]},
        (
            "deployments.0.start: 20240301 is no moment - write 2024-03-01 or 2024-03-01T06:00:00Z; UTC where no offset is "
            "written"
        ),
    ),
    "a start that UTC does not have": (
        {"deployments": [{"name": "a", "camera": "IPC1", "start": "0001-01-01T00:00:00+02:00"}]},
        (
            "deployments.0.start: 0001-01-01 00:00:00+02:00 has no time in UTC - leave it out for since ever, or for no end"
        ),
    ),
    "an offset without a sign": (
        {"deployments": [{"name": "a", "camera": "IPC1", "offset": "1h"}]},
        (
            "deployments.0.offset: '1h' is no offset - write a sign, then days, hours, minutes and seconds, such as +1h, "
            "-365d or +1d2h30m: it is added to what the camera wrote"
        ),
    ),
    "an offset with colons, a number of YAML's": (
        yaml.safe_load("deployments: [{name: a, camera: IPC1, offset: +1:00:00}]"),
        (
            "deployments.0.offset: 3600, as YAML reads it, is no offset - write a sign, then days, hours, minutes and "
            "seconds, such as +1h, -365d or +1d2h30m: it is added to what the camera wrote"
        ),
    ),
    "an offset of years": (
        {"deployments": [{"name": "a", "camera": "IPC1", "offset": "-1y"}]},
        (
            "deployments.0.offset: '-1y' is no offset - write a sign, then days, hours, minutes and seconds, such as +1h, "
            "-365d or +1d2h30m: it is added to what the camera wrote"
        ),
    ),
    "an offset of nothing": (
        {"deployments": [{"name": "a", "camera": "IPC1", "offset": "+0h"}]},
        "deployments.0.offset: '+0h' moves nothing - leave offset out where the clock was right",
    ),
    "an offset of a thousand years": (
        {"deployments": [{"name": "a", "camera": "IPC1", "offset": "+365000d"}]},
        "deployments.0.offset: '+365000d' is more than a hundred years - correct it",
    ),
    "an offset of digits without end": (
        {"deployments": [{"name": "a", "camera": "IPC1", "offset": f"+{'9' * 12}d"}]},
        "deployments.0.offset: '+999999999999d' is more than a hundred years - correct it",
    ),
    "a deployment in a zone that is none": (
        {"deployments": [{"name": "a", "camera": "IPC1", "zone": "CEST+1"}]},
        "deployments.0.zone: no time zone 'CEST+1' - use an IANA name such as UTC or Europe/Madrid",
    ),
    "another word for how it was released": (
        {"deployments": [{"name": "a", "camera": "IPC1", "captureMethod": "motion"}]},
        "deployments.0.captureMethod: Input should be 'timeLapse' or 'activityDetection' (is 'motion')",
    ),
    "our own word for it": (
        {"deployments": [{"name": "a", "camera": "IPC1", "capture_method": "timeLapse"}]},
        "deployments.0.capture_method: no such field - did you mean captureMethod?",
    ),
    "not working for no time": (
        {"deployments": [stay_not_working("2026-02-01", "2026-02-01")]},
        (
            "deployments.0: not_working of deployment a from 2026-02-01T00:00:00Z to 2026-02-01T00:00:00Z has no length - "
            "to is the first moment after it"
        ),
    ),
    "not working outside of the deployment": (
        {"deployments": [stay_not_working("2025-12-31T23:59:59Z", "2026-02-01")]},
        (
            "deployments.0: not_working of deployment a from 2025-12-31T23:59:59Z to 2026-02-01T00:00:00Z is not within the "
            "deployment, from 2026-01-01T00:00:00Z with no end - write the part that is"
        ),
    ),
    "not working for no reason": (
        {"deployments": [{"name": "a", "camera": "IPC1", "not_working": [{"from": "2026-01-01", "to": "2026-01-02"}]}]},
        "deployments.0.not_working.0.reason: missing - add it, see include/datasets/obsea.yaml",
    ),
    "a deadline that nobody is told of": (
        {"run": {"deadline": "12h"}},
        "the file: run.deadline has nobody to tell - set alerts.email or alerts.notifiers",
    ),
    "no address": (
        {"alerts": {"email": ["the operator"]}},
        r"alerts.email.0: is not a name of this kind, which must match ^[^@\s,;<>]+@[^@\s,;<>]+$ (is 'the operator')",
    ),
    "bad duration": (
        {"run": {"budget": "4 hours"}},
        "run.budget: Invalid duration '4 hours' - write a number and a unit, such as 90s, 30m, 4h or 2d",
    ),
    "bad quantity": (
        {"cluster": {"pod": {"memory": "2GB"}}},
        "cluster.pod: Invalid quantity '2GB': unknown suffix 'GB' - use one of m, k, M, G, Ki, Mi, Gi",
    ),
    "conf below the stored score": (
        {"conf": 0.01},
        "conf: Input should be greater than or equal to 0.05 (is 0.01)",
    ),
    "conf of a class below the stored score": (
        {"taxa": {"Sarpa salpa": {"conf": 0.01}}},
        "taxa.Sarpa salpa.conf: Input should be greater than or equal to 0.05 (is 0.01)",
    ),
    "results among the images": (
        {"results": {"conn_id": "s3", "bucket": "fish", "prefix": "raw/answers"}},
        (
            "the file: results in 'raw/answers/reef/' lie under the source prefix 'raw/' of bucket 'fish' - "
            "Shoal never writes among the images, choose another bucket or prefix"
        ),
    ),
    "merge chain": (
        {"taxa": {"a": {"merge_into": "b"}, "b": {"merge_into": "c"}}},
        "the file: taxa.a.merge_into 'b' - merge into a class that is not merged itself",
    ),
    "merged into itself": (
        {"taxa": {"a": {"merge_into": "a"}}},
        "the file: taxa.a.merge_into 'a' - merge into a class that is not merged itself",
    ),
}

UNREADABLE = {
    "not YAML": (
        "source: {conn_id: s3",
        " cannot be read: while parsing a flow mapping",
    ),
    "empty": (
        "",
        " is empty - start from include/datasets/obsea.yaml",
    ),
    "an impossible date": (
        "deployments: [{start: 2024-02-30}]",
        " cannot be read: '2024-02-30' in line 1 is no timestamp (day is out of range for month) - correct it",
    ),
    "a list": (
        "- source\n",
        " is no YAML mapping - start from include/datasets/obsea.yaml",
    ),
}


def refusal(path):
    with pytest.raises(ConfigError) as refused:
        load_dataset(path)
    return str(refused.value)


@pytest.mark.parametrize(("change", "message"), BROKEN.values(), ids=BROKEN)
def test_a_broken_dataset_file_says_which_field_in_one_line(change, message, tmp_path):
    path = tmp_path / "reef.yaml"
    path.write_text(yaml.safe_dump({**BASE, **change}), encoding="utf-8")
    assert refusal(path) == f"Dataset file reef.yaml: {message}"


def test_a_pattern_that_takes_others_for_ever_takes_no_time():
    """RE2 has no way back: what doubles with each letter elsewhere is read once."""
    clock = Clock(pattern=r"(?:a+)+(?:a|aa)*!(?P<time>\d{8})")
    began = time.process_time()
    with duckdb.connect() as con:
        (read,) = con.execute("SELECT regexp_extract(repeat('a', 900) || '20260601', ?)", [clock.pattern]).fetchone()
    assert read == ""
    assert time.process_time() - began < 2


@pytest.mark.parametrize(("text", "message"), UNREADABLE.values(), ids=UNREADABLE)
def test_an_unreadable_dataset_file_says_so_in_one_line(text, message, tmp_path):
    path = tmp_path / "reef.yaml"
    path.write_text(text, encoding="utf-8")
    said = refusal(path)
    assert said.startswith(f"Dataset file reef.yaml{message}")
    assert "\n" not in said


def test_the_dataset_that_the_broken_ones_are_made_of_is_valid(tmp_path):
    path = tmp_path / "reef.yaml"
    path.write_text(yaml.safe_dump(BASE), encoding="utf-8")
    assert load_dataset(path).name == "reef"


def test_each_mistake_has_its_line(tmp_path):
    path = tmp_path / "reef.yaml"
    path.write_text(yaml.safe_dump({**BASE, "conf": 2, "colour": "blue"}), encoding="utf-8")
    assert len(refusal(path).splitlines()) == 2


@pytest.mark.parametrize("budget", ["14d", "100000.5s", "90m"])
def test_a_budget_survives_the_way_into_plan_json(budget, tmp_path):
    path = tmp_path / "reef.yaml"
    path.write_text(yaml.safe_dump({**BASE, "run": {"budget": budget}}), encoding="utf-8")
    dataset = load_dataset(path)
    assert Dataset.model_validate(dataset.model_dump(mode="json")) == dataset


@pytest.mark.parametrize(
    ("written", "offset"),
    [
        pytest.param("+1h", timedelta(hours=1), id="an hour"),
        pytest.param("-365d", timedelta(days=-365), id="a year back"),
        pytest.param("+1d2h30m5s", timedelta(days=1, hours=2, minutes=30, seconds=5), id="every unit"),
        pytest.param("- 1d 2h", timedelta(days=-1, hours=-2), id="blanks between"),
        pytest.param("+90m", timedelta(minutes=90), id="more of a unit than the next one has"),
    ],
)
def test_deployments_survive_the_way_into_plan_json_under_the_names_of_the_file(written, offset, tmp_path):
    stay = {**stay_not_working("2026-02-01", "2026-02-03"), "offset": written, "captureMethod": "timeLapse"}
    path = tmp_path / "reef.yaml"
    path.write_text(yaml.safe_dump({**BASE, "deployments": [stay]}), encoding="utf-8")
    dataset = load_dataset(path)
    assert dataset.deployments[0].offset == offset
    stored = dataset.model_dump(mode="json")
    assert Dataset.model_validate(stored) == dataset
    assert stored["deployments"][0]["captureMethod"] == "timeLapse"
    assert stored["deployments"][0]["not_working"] == [
        {"from": "2026-02-01T00:00:00", "to": "2026-02-03T00:00:00", "reason": "no power"}
    ]


def test_what_a_deployment_does_not_say_is_not_stored():
    stay = {"name": "a", "camera": "IPC1", "start": "2026-01-01"}
    stored = Dataset.model_validate({**BASE, "name": "reef", "deployments": [stay]}).model_dump(mode="json")
    assert set(stored["deployments"][0]) == {"name", "camera", "start", "end", "latitude", "longitude", "depth_m"}


def test_a_dataset_file_is_read_without_pandas():
    """Every task of Airflow's reads one, and pandas takes longer to import than all else it does before it begins."""
    code = (
        "import sys\nfrom pathlib import Path\nfrom shoal.settings.dataset_files import load_dataset\n"
        "load_dataset(Path(sys.argv[1]))\nprint('duckdb' in sys.modules, 'pandas' in sys.modules)"
    )
    read = subprocess.run([sys.executable, "-c", code, str(OBSEA)], check=True, capture_output=True, text=True)
    assert read.stdout.split() == ["True", "False"]


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param(r"it's '' (?P<time>\d{8})", id="quotes"),
        pytest.param(r"'; -- (?P<time>\d{8})", id="an end of a statement"),
        pytest.param("\u00a0\u2003(?P<time>\\d{8})\u00a0'\u00a0", id="blanks beyond ASCII"),
        pytest.param(r"x{2}-{}(?P<time>\d{8})", id="what Python's format reads"),
    ],
)
def test_a_pattern_is_tried_as_it_is_written(pattern):
    assert Clock(pattern=pattern, format="%Y%m%d").pattern == pattern


def test_a_pattern_with_a_nul_is_refused():
    with pytest.raises(ValidationError, match=r"regular expression that DuckDB cannot run"):
        Clock(pattern="\0(?P<time>\\d{8})", format="%Y%m%d")
