"""The least that inference can cost: one ONNX Runtime session as the worker opens it, over tensors that are ready."""

import argparse
from pathlib import Path

from photos import draw_photo

from shoal.contract.job import PIXEL_LIMIT, Inference
from shoal_worker.image.decode import Undecodable, decode
from shoal_worker.session import Detector, open_model

TENSORS = 8


def main() -> None:
    """Infer `--images` times, a line after each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--images", type=int, required=True)
    arguments = parser.parse_args()
    model = open_model(arguments.model.read_bytes())
    detector = Detector(model, Inference(imgsz=model.info.imgsz, rect=model.info.rect))
    tensors = [detector.tensors(detector.frame(_photo(seed))) for seed in range(TENSORS)]
    for done in range(arguments.images):
        model.session.run(None, tensors[done % TENSORS])
        print(f"bare loop: {done + 1}/{arguments.images} images", flush=True)


def _photo(seed: int):  # noqa: ANN202
    decoded = decode(draw_photo(seed), PIXEL_LIMIT)
    if isinstance(decoded, Undecodable):
        raise TypeError(f"Photo {seed} cannot be decoded: {decoded.reason}")
    return decoded.image


if __name__ == "__main__":
    main()
