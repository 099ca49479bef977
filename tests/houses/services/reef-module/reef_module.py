"""A module of DEEPaaS as people write them, which knows nothing of Shoal: it finds what is brighter than the rest.

Three kinds of images it does not survive, as real programs have some: a white one ends it, a red one keeps it busy for ever, on a
blue one it eats all memory that it gets.
"""

import os
import signal
import time

import numpy as np
from PIL import Image
from webargs import fields, validate

PLAIN_LUMA = 230
"""A picture of one colour has a channel that is above this everywhere."""

BRIGHTER = 40


def get_metadata():
    """Say who made it."""
    return {"name": "reef_module", "version": "1.0", "author": "somebody", "license": "Apache-2.0"}


def get_predict_args():
    """Say what a prediction takes."""
    return {
        "image": fields.Field(required=True, type="file", location="form", metadata={"description": "a photo"}),
        "threshold": fields.Float(missing=0.05),
        "accept": fields.Str(
            missing="application/json", location="headers", validate=validate.OneOf(["application/json"])
        ),
    }


def predict(image, threshold, **_):
    """Find the bright box of a photo."""
    pixels = np.asarray(Image.open(image.filename).convert("RGB"), np.int16)
    _misbehave(pixels)
    grey = pixels.mean(axis=2)
    bright = grey > np.median(grey) + BRIGHTER
    score = round(float(bright.mean()) ** 0.25, 4)
    if not bright.any() or score < threshold:
        return {"file": image.original_filename, "predictions": []}
    rows, columns = (np.flatnonzero(bright.any(axis=axis)) for axis in (1, 0))
    box = [int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1]
    return {"file": image.original_filename, "predictions": [{"label": "bright thing", "score": score, "box": box}]}


def _misbehave(pixels):
    red, green, blue = (bool((pixels[..., channel] > PLAIN_LUMA).all()) for channel in range(3))
    if red and green and blue:
        os.kill(os.getppid(), signal.SIGTERM)  # DEEPaaS itself: a prediction is a process of its own there
        os.abort()
    while red and not green:
        time.sleep(1)
    eaten = []
    while blue and not red:
        eaten.append(np.ones(16 * 2**20))
