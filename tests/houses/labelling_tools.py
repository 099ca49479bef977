"""People at labelling tools: each opens what was handed out as the tool does, and exports what the tool exports, truth given."""

import csv
import json
from pathlib import Path

BOX = (10.0, 20.0, 110.0, 70.0)
"""xyxy of every box, px of images of 640 x 480."""

WIDTH, HEIGHT = 640, 480


def _relative():
    x1, y1, x2, y2 = BOX
    return x1 / WIDTH, y1 / HEIGHT, (x2 - x1) / WIDTH, (y2 - y1) / HEIGHT


def coco(out: Path, truth, file: str = "coco.json", folder: str = "images") -> Path:
    """Also CVAT and FiftyOne: an empty image gets a box called nothing."""
    found = json.loads((out / file).read_text(encoding="utf-8"))
    ids = {one["name"]: one["id"] for one in found["categories"]}
    for name in {label for labels in truth.values() for label in labels} - set(ids):
        ids[name] = len(ids) + 1
        found["categories"].append({"id": ids[name], "name": name})
    x1, y1, x2, y2 = BOX
    for image in found["images"]:
        assert (out / folder / image["file_name"]).is_file()
        found["annotations"] += [
            {
                "id": 0,
                "image_id": image["id"],
                "category_id": ids[label],
                "bbox": [x1, y1, x2 - x1, y2 - y1],
                "iscrowd": 0,
            }
            for label in truth[image["file_name"]] or ["nothing"]
        ]
    path = out / "back.json"
    path.write_text(json.dumps(found), encoding="utf-8")
    return path


def label_studio(out: Path, truth) -> Path:
    tasks = json.loads((out / "label-studio.json").read_text(encoding="utf-8"))
    x, y, width, height = (100 * value for value in _relative())
    for number, task in enumerate(tasks):
        file = task["data"]["image"].removeprefix("/data/local-files/?d=")
        assert (out / file).is_file()
        value = {"x": x, "y": y, "width": width, "height": height, "rotation": 0}
        task["annotations"] = [
            {
                "id": number, "completed_by": {"id": 1, "email": "ana@example.org"}, "was_cancelled": False,
                "created_at": "2026-07-01T10:00:00.000000Z",
                "result": [
                    {"type": "rectanglelabels", "value": {**value, "rectanglelabels": [label]}} for label in truth[Path(file).name]
                ],
            }
        ]  # fmt: skip
    path = out / "back.json"
    path.write_text(json.dumps(tasks), encoding="utf-8")
    return path


def megadetector(out: Path, truth) -> Path:
    """AddaxAI: what a person has gone through is marked so."""
    found = json.loads((out / "images/megadetector.json").read_text(encoding="utf-8"))
    ids = {name: number for number, name in found["detection_categories"].items()}
    for name in {label for labels in truth.values() for label in labels} - set(ids):
        ids[name] = str(len(ids) + 1)
    found["detection_categories"] = {number: name for name, number in ids.items()}
    for image in found["images"]:
        assert (out / "images" / image["file"]).is_file()
        image["manually_checked"] = True
        image["detections"] = [
            {"category": ids[label], "conf": 1.0, "bbox": [*_relative()]} for label in truth[image["file"]]
        ]
    path = out / "back.json"
    path.write_text(json.dumps(found), encoding="utf-8")
    return path


def timelapse(out: Path, truth) -> Path:
    """Counters of taxa: empty until somebody writes a number; an unknown taxon has a counter, too."""
    files = [
        one["file"] for one in json.loads((out / "images/megadetector.json").read_text(encoding="utf-8"))["images"]
    ]
    names = sorted({label for labels in truth.values() for label in labels})
    path = out / "back.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["RootFolder", "File", "RelativePath", "DateTime", "DeleteFlag", "Temperature", *names])
        for one in files:
            counts = [truth[one].count(name) for name in names]
            lines.writerow(["images", one, "", "2026-06-01 00:00:00", "false", 14, *counts])
        lines.writerow(["images", "nobody-looked.jpg", "", "2026-06-01 00:00:00", "false", 14, *["" for _ in names]])
    return path


def biigle(out: Path, truth) -> list[Path]:
    """Two reports: of annotations, and of whole-image labels for what is empty."""
    with (out / "biigle.csv").open(encoding="utf-8", newline="") as file:
        files = [line["filename"] for line in csv.DictReader(file)]
    x1, y1, x2, y2 = BOX
    points = json.dumps([x1, y1, x2, y1, x2, y2, x1, y2])
    boxes, whole = out / "annotations.csv", out / "image-labels.csv"
    common = ["user_id", "firstname", "lastname", "image_id", "filename", "label_id", "label_name", "label_hierarchy"]
    with boxes.open("w", encoding="utf-8", newline="") as file, whole.open("w", encoding="utf-8", newline="") as empty:
        of_boxes, of_whole = csv.writer(file), csv.writer(empty)
        of_boxes.writerow(
            ["annotation_label_id", *common, "shape_id", "shape_name", "points", "attributes", "annotation_id"]
        )
        of_whole.writerow(["image_label_id", *common])
        number = 0
        for one in files:
            for label in truth[one]:
                number += 1
                of_boxes.writerow(
                    [number, 7, "Ana", "Prat", 1, one, 1, label, label, 5, "Rectangle", points, "{}", number]
                )
            if not truth[one]:
                of_whole.writerow([one, 7, "Ana", "Prat", 1, one, 9, "nothing", "nothing"])
    return [boxes, whole]


def yolo(out: Path, truth) -> Path:
    """CVAT's or anybody's: a file for each image somebody went through, and the names of classes."""
    names = sorted({label for labels in truth.values() for label in labels})
    folder = out / "yolo"
    (folder / "labels").mkdir(parents=True)
    (folder / "classes.txt").write_text("\n".join(names), encoding="utf-8")
    x, y, width, height = _relative()
    line = f"{x + width / 2} {y + height / 2} {width} {height}"
    for one, labels in truth.items():
        text = "".join(f"{names.index(label)} {line}\n" for label in labels)
        (folder / "labels" / one).with_suffix(".txt").write_text(text, encoding="utf-8")
    return folder
