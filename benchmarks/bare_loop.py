"""The least that inference can cost: one ONNX Runtime session as the worker opens it, over tensors that are ready.

With `--decode` the least that an answer can cost: it decodes each photo from bytes in memory and brings it to the model's
size as well, one after the other; it fetches nothing, measures nothing, looks at no box and stores nothing.
"""

import argparse
from itertools import islice
from pathlib import Path

import cv2
from photos import decode_photo

from shoal.contract.inference import Inference
from shoal_worker.detector import Detector
from shoal_worker.session import open_model

PHOTOS = 8


def main() -> None:
    """Infer `--images` times, a line after each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--photos", type=Path, required=True, help="a folder; its first ones are taken again and again")
    parser.add_argument("--images", type=int, required=True)
    parser.add_argument("--decode", action="store_true")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    model = open_model(arguments.model.read_bytes(), folder=arguments.model.absolute().parent)
    detector = Detector(model, Inference(imgsz=model.info.imgsz, rect=model.info.rect))
    photos = [path.read_bytes() for path in islice(sorted(arguments.photos.iterdir()), PHOTOS)]
    tensors = [] if arguments.decode else [detector.tensors(detector.frame(decode_photo(photo))) for photo in photos]
    for done in range(arguments.images):
        if arguments.decode:
            inputs = detector.tensors(detector.frame(decode_photo(photos[done % len(photos)])))
        else:
            inputs = tensors[done % len(tensors)]
        model.session.run(None, inputs)
        print(f"bare loop: {done + 1}/{arguments.images} images", flush=True)


if __name__ == "__main__":
    main()
