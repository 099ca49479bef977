"""A DEEPaaS module as people write them; it knows nothing of Shoal. `REEF_MODEL` names its ONNX file."""

import ast
import os
import time
from functools import cache

import cv2
import numpy as np
import onnxruntime as ort
from webargs import fields

SIDE = 640


def get_metadata():
    return {"name": "reef-detector", "author": "Somebody", "version": "1.0", "license": "Apache-2.0"}


def get_predict_args():
    return {
        "image": fields.Field(
            required=True, metadata={"type": "file", "location": "form", "description": "A photo of the reef"}
        ),
        "conf": fields.Float(load_default=0.25, metadata={"description": "Lowest confidence"}),
        "verbose": fields.Bool(load_default=False, metadata={"location": "query"}),
    }


def predict(**args):
    photo = cv2.imread(args["image"].filename)
    if photo is None:
        raise ValueError("not a picture that OpenCV reads")
    _suffer(photo)
    answer = {"file": args["image"].original_filename, "fish": _find(photo, args["conf"])}
    if args["verbose"]:
        answer["pixels"] = photo.tolist()
    return answer


def _suffer(photo):
    """What real modules have bugs for: here a picture of one colour."""
    colour = tuple(int(value > 200) for value in photo.reshape(-1, 3).mean(axis=0))
    if colour == (1, 1, 1):  # white
        os.abort()
    if colour == (0, 0, 1):  # red
        time.sleep(3600)
    if colour == (1, 0, 0):  # blue
        np.ones((1 << 40,))


@cache
def _load():
    return ort.InferenceSession(os.environ["REEF_MODEL"], providers=["CPUExecutionProvider"])


def _find(photo, conf):
    session = _load()
    names = ast.literal_eval(session.get_modelmeta().custom_metadata_map["names"])
    height, width = photo.shape[:2]
    scale = min(SIDE / height, SIDE / width)
    new_width, new_height = round(width * scale), round(height * scale)
    left, top = round((SIDE - new_width) / 2 - 0.1), round((SIDE - new_height) / 2 - 0.1)
    padded = np.full((SIDE, SIDE, 3), 114, np.uint8)
    padded[top : top + new_height, left : left + new_width] = cv2.resize(photo, (new_width, new_height))
    batch = np.ascontiguousarray(padded[..., ::-1].transpose(2, 0, 1)[None], np.float32) / 255
    (rows,) = session.run(None, {"images": batch})
    rows = rows[0].T
    best, score = rows[:, 4:].argmax(axis=1), rows[:, 4:].max(axis=1)
    fish = []
    for row, species, certainty in zip(rows[score > conf], best[score > conf], score[score > conf], strict=True):
        cx, cy, w, h = row[:4]
        corner = [(cx - w / 2 - left) / scale, (cy - h / 2 - top) / scale]
        fish.append(
            {
                "species": names[int(species)],
                "score": round(float(certainty), 4),
                "box": [round(float(value), 2) for value in (*corner, w / scale, h / scale)],
            }
        )
    return fish
