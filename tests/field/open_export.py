"""Opens an export with what its community opens it with, and tells as JSON what was wrong and what it read.

Each line of its input is a JSON list, the reader and folders; each line of its output is what was read of them.
It runs in the environment that uv.lock beside it pins, apart from Shoal. Nothing of it may reach any network.
"""

import csv
import json
import socket
import sys
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import redirect_stdout
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

SCHEMAS = Path(__file__).parent / "schemas"


def cut_the_network() -> None:
    """Refuse every connection: a validator that fetches its schema would pass or fail by the weather."""

    def refuse(*arguments: Any, **named: Any) -> None:
        raise OSError(f"the network is cut, somebody wanted {arguments} {named}")

    socket.socket.connect = refuse  # type: ignore[method-assign]
    socket.create_connection = refuse  # type: ignore[assignment]
    socket.getaddrinfo = refuse  # type: ignore[assignment]


def camtrap_dp(folder: Path) -> dict[str, Any]:
    """Frictionless, with the tables and the profile of Camtrap DP 1.0.2."""
    from frictionless import Package
    from jsonschema import Draft7Validator
    from referencing import Registry, Resource
    from referencing.jsonschema import DRAFT7

    described = json.loads((folder / "datapackage.json").read_text(encoding="utf-8"))
    schemas = SCHEMAS / "camtrap-dp-1.0.2"
    base = json.loads((_installed("datapackage") / "profiles/data-package.json").read_text())
    # The package has the profile as it was in 2018; Camtrap DP's own example has roles and addresses of schemas that it refuses.
    del base["properties"]["contributors"]["items"]["properties"]["role"]
    del base["properties"]["resources"]["items"]["properties"]["schema"]["type"]
    registry = Registry().with_resource("data-package.json", Resource(base, specification=DRAFT7))
    profile = Draft7Validator(
        json.loads((schemas / "camtrap-dp-profile.json").read_text()),
        registry=registry,
        format_checker=Draft7Validator.FORMAT_CHECKER,
    )
    errors = [f"datapackage.json: {error.message}" for error in profile.iter_errors(described)]
    local = {**described, "profile": "data-package"}
    local["resources"] = [
        {**resource, "schema": json.loads((schemas / Path(resource["schema"]).name).read_text())}
        for resource in described["resources"]
    ]
    package = Package.from_descriptor(local, basepath=str(folder))
    report = package.validate()
    errors += [f"{place}: {note}" for place, note in report.flatten(["type", "message"])]
    tables = {resource.name: resource.read_rows() for resource in package.resources}
    seen = [row for row in tables["observations"] if row["observationType"] == "animal"]
    of_images, of_events = Counter(), Counter()
    for row in seen:
        (of_images if row["observationLevel"] == "media" else of_events)[row["scientificName"]] += row["count"]
    kinds = Counter(f"{row['observationLevel']} {row['observationType']}" for row in tables["observations"])
    return {
        "errors": errors,
        "counts": of_images,
        "of_events": of_events,
        "rows": {name: len(rows) for name, rows in tables.items()},
        "kinds": kinds,
        "private": sorted(row["fileName"] for row in tables["media"] if not row["filePublic"]),
        "paths": [row["filePath"] for row in tables["media"]],
    }


def darwin_core(folder: Path) -> dict[str, Any]:
    """python-dwca-reader: what meta.xml says against what the tables hold, and that every row has its event."""
    from dwca.read import DwCAReader

    terms = "http://rs.tdwg.org/dwc/terms/"
    errors: list[str] = []
    try:
        reader = DwCAReader(str(folder / "darwin-core.zip"), extensions_to_ignore=[])
    except Exception as err:  # noqa: BLE001 - whatever it says of a broken archive
        return {"errors": [f"{type(err).__name__}: {err}"]}
    with reader:
        for file, missing in reader.orphaned_extension_rows().items():
            errors += [f"{file}: a row of no event {event!r}" for event in missing]
        tables = {}
        for data in [reader.core_file, *reader.extension_files]:
            described = data.file_descriptor
            with reader.open_included_file(described.file_location, encoding="utf-8", newline="") as file:
                [header] = [next(csv.reader(file))]
            fields = sorted(described.fields, key=lambda field: field["index"])
            said = [Path(field["term"]).name for field in fields]
            if header != said:
                errors.append(f"{described.file_location}: the header {header} is not what meta.xml says, {said}")
            rows = data.iter_terms([field["term"] for field in fields])
            tables[described.file_location] = [dict(zip(said, row, strict=True)) for row in rows]
        titles = [element.text for element in reader.metadata.iter("title")]
        if reader.descriptor.core.type != f"{terms}Event":
            errors.append(f"the core is {reader.descriptor.core.type}")
    events, seen, measured = (tables[name] for name in ("event.csv", "occurrence.csv", "measurement.csv"))
    for rows, key in ((events, "eventID"), (seen, "occurrenceID")):
        if len({row[key] for row in rows}) < len(rows):
            errors.append(f"{key} is not unique")
    needed = {"eventDate", "scientificName", "basisOfRecord", "occurrenceStatus"}
    errors += [f"an occurrence without {name}" for row in seen for name in needed if not row[name]]
    known = {row["occurrenceID"] for row in seen} | {""}
    errors += [
        f"a measurement of no occurrence {row['occurrenceID']!r}"
        for row in measured
        if row["occurrenceID"] not in known
    ]
    boxes: Counter[str] = Counter()
    names = {row["occurrenceID"]: row["scientificName"] for row in seen}
    for row in measured:
        if row["measurementType"] == "detections":
            boxes[names.get(row["occurrenceID"], "")] += int(row["measurementValue"])
    return {"errors": errors, "counts": boxes, "titles": titles, "tables": tables}


def xlsx(folder: Path) -> dict[str, Any]:
    """Openpyxl: every sheet, its texts as texts."""
    import openpyxl

    try:
        book = openpyxl.load_workbook(folder / "counts.xlsx", read_only=True)
        sheets = {sheet.title: list(sheet.iter_rows()) for sheet in book}
    except Exception as err:  # noqa: BLE001 - whatever it says of a broken workbook
        return {"errors": [f"{type(err).__name__}: {err}"]}
    errors, read, sums = [], {}, {}
    for title, rows in sheets.items():
        errors += [f"{title} {cell.coordinate} is a formula" for row in rows for cell in row if cell.data_type == "f"]
        values = [[cell.value for cell in row] for row in rows]
        read[title] = [
            [value if isinstance(value, int | float | str | None) else str(value) for value in row] for row in values
        ]
        if title in {"about", "equal effort"}:
            continue
        taxa = values[0][5:]
        boxes: Counter[str] = Counter(dict.fromkeys(taxa, 0))
        for row in values[1:]:
            short = [None] * (len(values[0]) - len(row))
            for taxon, count in zip(taxa, [*row[5:], *short], strict=True):
                if not isinstance(count, int | None):
                    errors.append(f"{title}: {count!r} is no number")
                boxes[taxon] += count if isinstance(count, int) else 0
        sums[title] = boxes
    return {"errors": errors, "counts": sums, "sheets": read}


def ifdo(folder: Path) -> dict[str, Any]:
    """The JSON schemas of iFDO, and the models of the package ifdo (2.2.1).

    Mariqt brings that of 2.0.1. The one of 2.1.0 asks for the same of every field that Shoal writes.
    """
    from ifdo import iFDO
    from jsonschema import Draft202012Validator
    from referencing import Registry, Resource

    text = (folder / "ifdo.json").read_text(encoding="utf-8")
    try:
        described = json.loads(text)
    except ValueError as err:
        return {"errors": [f"no JSON: {err}"]}
    schemas = _installed("mariqt") / "resources/fair-marine-images/docs/schemas"
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(schemas.glob("*.json"))]
    registry = Registry().with_resources([(schema["$id"], Resource.from_contents(schema)) for schema in found])
    [schema] = [schema for schema in found if "/ifdo-" in schema["$id"]]
    checker = Draft202012Validator(schema, registry=registry, format_checker=_formats())
    # An item is an image or a video: what is wrong with it is told of each.
    errors = [
        f"{'/'.join(map(str, error.path))}: {one.message[:300]}"
        for error in checker.iter_errors(described)
        for one in error.context or [error]
    ]
    items = described.get("image-set-items", {})
    try:
        model = iFDO.from_dict(json.loads(text))
        read = {name: len(item.image_annotations or []) for name, item in model.image_set_items.items()}
    except Exception as err:  # noqa: BLE001 - whatever it says of a broken one
        return {"errors": [*errors, f"{type(err).__name__}: {err}"]}
    names = {label["id"]: label["name"] for label in described["image-set-header"]["image-annotation-labels"]}
    uuids = Counter(item["image-uuid"] for item in items.values())
    errors += [f"image-uuid {uuid} is not unique" for uuid, count in uuids.items() if count > 1]
    boxes = Counter(
        names.get(label["label"], f"no label {label['label']}")
        for item in items.values()
        for annotation in item["image-annotations"]
        for label in annotation["labels"]
    )
    return {"errors": errors, "counts": boxes, "boxes": sum(read.values()), "items": items}


def _formats() -> Any:
    """Ask for what the schemas call `date-time` and `uri`: jsonschema does so where further packages are installed only."""
    from jsonschema import FormatChecker

    checker = FormatChecker(())

    @checker.checks("date-time", ValueError)
    def is_moment(text: Any) -> bool:
        return not isinstance(text, str) or datetime.fromisoformat(text).tzinfo is not None

    @checker.checks("uri", ValueError)
    def is_address(text: Any) -> bool:
        return not isinstance(text, str) or (
            bool(urlsplit(text).scheme) and text.isascii() and not set(text) & set(' <>"{}|\\^`')
        )

    return checker


def coco(folder: Path) -> dict[str, Any]:
    """pycocotools: the dataset, and the results upon it."""
    from pycocotools.coco import COCO

    errors: list[str] = []
    try:
        with redirect_stdout(sys.stderr):
            truth = COCO(str(folder / "coco.json"))
            results = truth.loadRes(str(folder / "coco-results.json"))
    except Exception as err:  # noqa: BLE001 - whatever it says of a broken one
        return {"errors": [f"{type(err).__name__}: {err}"]}
    names = {one["id"]: one["name"] for one in truth.loadCats(truth.getCatIds())}
    counted = [
        Counter(names[one["category_id"]] for one in loaded.loadAnns(loaded.getAnnIds())) for loaded in (truth, results)
    ]
    if counted[0] != counted[1]:
        errors.append(f"dataset and results differ: {counted}")
    return {
        "errors": errors,
        "counts": counted[1],
        "images": [one["file_name"] for one in truth.loadImgs(truth.getImgIds())],
    }


def megadetector(folder: Path) -> dict[str, Any]:
    """The validator of batch results that MegaDetector's own package brings."""
    with redirect_stdout(sys.stderr):
        from megadetector.postprocessing.validate_batch_results import (
            ValidateBatchResultsOptions,
            validate_batch_results,
        )

        options = ValidateBatchResultsOptions()
        options.return_data = True
        found = validate_batch_results(str(folder / "megadetector.json"), options)
    said = found["validation_results"]
    if said["errors"]:
        return {"errors": said["errors"]}
    names = found["detection_categories"]
    boxes = Counter(names[box["category"]] for image in found["images"] for box in image["detections"] or ())
    failed = [image["file"] for image in found["images"] if image.get("failure")]
    return {
        "errors": [],
        "warnings": said["warnings"],
        "counts": boxes,
        "failed": failed,
        "images": len(found["images"]),
    }


def yolo(folder: Path) -> dict[str, Any]:
    """What https://docs.ultralytics.com/datasets/detect/ asks for, from data.yaml on; and supervision, folder by folder.

    The images must lie there as images.csv says.
    """
    import yaml

    data = yaml.safe_load((folder / "data.yaml").read_text(encoding="utf-8"))
    errors = [f"data.yaml has no {key}" for key in ("train", "val", "names") if not data.get(key)]
    if "path" in data:
        errors.append(f"data.yaml has the path {data['path']!r}: one of this machine, or of where a training starts")
    if errors:
        return {"errors": errors}
    names = data["names"]
    if list(names) != list(range(len(names))):
        errors.append(f"classes are {list(names)}, not 0 to {len(names) - 1}")
    parts = {part: _listed_images(folder, data[part]) for part in ("train", "val")}
    errors += [f"{data[part]} is empty" for part, images in parts.items() if not images]
    boxes: Counter[str] = Counter()
    images = sorted({image for part in parts.values() for image in part})
    for image in images:
        errors += [f"{image.relative_to(folder)}: {wrong}" for wrong in _wrong_labels(image, names, boxes)]
    if not errors:
        errors += _opened_by_supervision(folder, images, boxes)
    return {"errors": errors, "counts": boxes, "parts": {part: len(lines) for part, lines in parts.items()}}


def _listed_images(folder: Path, name: str) -> list[Path]:
    lines = (folder / name).read_text(encoding="utf-8").strip().splitlines()
    return [Path(line.replace("./", f"{folder}/")) for line in lines]


def _wrong_labels(image: Path, names: dict[int, str], boxes: Counter[str]) -> Iterator[str]:
    above, _, below = str(image).rpartition("/images/")
    label = Path(f"{above}/labels/{below}".rpartition(".")[0] + ".txt")
    if image.suffix.lower() not in {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"} or not image.is_file():
        yield "it is no image"
    if not label.is_file():
        yield f"it has no label at {label}"
        return
    lines = label.read_text(encoding="utf-8").splitlines()
    if len(set(lines)) < len(lines):
        yield "a box twice"
    for line in lines:
        number, *place = line.split()
        if len(place) != 4 or not all(0 <= float(value) <= 1 for value in place):
            yield f"{line!r} is no middle and size"
        elif int(number) not in names:
            yield f"there is no class {number}"
        else:
            boxes[names[int(number)]] += 1


def _opened_by_supervision(folder: Path, images: list[Path], boxes: Counter[str]) -> Iterator[str]:
    from supervision import DetectionDataset

    seen: Counter[str] = Counter()
    for one in sorted({image.parent for image in images}):
        labels = folder / "labels" / one.relative_to(folder / "images")
        try:
            opened = DetectionDataset.from_yolo(str(one), str(labels), str(folder / "data.yaml"), show_progress=False)
        except Exception as err:  # noqa: BLE001 - whatever it says of a broken one
            yield f"{type(err).__name__}: {err}"
            return
        for _, _, found in opened:
            seen.update(opened.classes[number] for number in found.class_id)
    if seen != boxes:
        yield f"supervision sees {seen}, there are {boxes}"


def _installed(package: str) -> Path:
    """Find the folder of a package of which only files are read: it is installed without what it would import."""
    found = find_spec(package)
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent


READERS = {
    "camtrap_dp": camtrap_dp,
    "darwin_core": darwin_core,
    "ifdo": ifdo,
    "xlsx": xlsx,
    "coco": coco,
    "megadetector": megadetector,
    "yolo": yolo,
}


def answer(reader: str, *folders: str) -> Any:
    """Open each folder, or say what went wrong with the reader itself."""
    try:
        return [READERS[reader](Path(folder)) for folder in folders]
    except Exception as err:  # noqa: BLE001 - the test shows it
        return {type(err).__name__: traceback.format_exc()}


if __name__ == "__main__":
    csv.field_size_limit(2**31 - 1)
    cut_the_network()
    for line in sys.stdin:
        print(json.dumps(answer(*json.loads(line))), flush=True)  # noqa: T201 - its answer
