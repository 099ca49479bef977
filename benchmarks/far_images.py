"""How many images a second come from a store that is far away, and from one that throttles, with fetch-ahead as it sizes itself.

The model takes no time to speak of, less than a GPU's: what is measured is the wait for the store. Beside it the same worker with
the four threads that it begins with.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from far_store import far_store
from onnx import TensorProto, helper, numpy_helper
from shards import PlannedWork, Workplace

from shoal.embedded.processes.rclone import embedded_store
from shoal.stores.s3_access import StoreAccess

SIZE = (640, 480)
FOUR = "from shoal_worker.loop.fetch_ahead import FetchAhead; FetchAhead.more = lambda self: 0; "
MAIN = "import runpy; runpy.run_module('shoal_worker', run_name='__main__', alter_sys=True)"


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    print(f"{arguments.images} photos of {SIZE[0]} x {SIZE[1]} px, one worker, a model that takes no time")
    print(f"{'store':<44}{'threads':>9}{'images/s':>10}  what its log says last of the store")
    with tempfile.TemporaryDirectory(prefix="shoal-bench-") as folder:
        place = Workplace(Path(folder, "store"), arguments.images, shards=1, size=SIZE)
        place.fill()
        place.model.write_bytes(_quick_model())
        with embedded_store(place.root, Path(folder, "store.log")) as access:
            work = place.plan(access, 1)  # the same attempt anew each time: its rows are counted once
            for delay_ms, reads_per_s in arguments.stores:
                _measure_both(work, access, delay_ms, reads_per_s)


def _measure_both(work: PlannedWork, access: StoreAccess, delay_ms: float, reads_per_s: float) -> None:
    throttles = f", {reads_per_s:g} reads a second" if reads_per_s else ""
    for title, code in (("four", FOUR + MAIN), ("by itself", MAIN)):
        with far_store(access, delay_ms, reads_per_s) as far:
            rate, left, said = _measure(work, far, code)
        said += f"; {left} images have no row" if left else ""
        print(f"{f'{delay_ms:g} ms away{throttles}':<44}{title:>9}{rate:>10.1f}  {said}", flush=True)


def _measure(work: PlannedWork, images: StoreAccess, code: str) -> tuple[float, int, str]:
    """Run a worker to its end; return images/s from its first image on, images without a row, and what it said of the store."""
    (command,) = work.commands()
    words = [sys.executable, "-c", code, *command[3:]]
    environment = {"PYTHONPATH": str(Path(__file__).parents[1] / "include"), **work.stores.worker_env()}
    environment["SHOAL_SOURCE_ENDPOINT_URL"] = images.endpoint_url
    process = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    first = last = (0.0, 0)
    said, left = "", 0
    for line in process.stdout or ():
        if found := re.search(r": (\d+)/\d+ images", line):
            done = int(found[1])
            if done > last[1]:
                last = (time.perf_counter(), done)
                first = first if first[1] else last
        if ended := re.search(r", (\d+) open$", line.rstrip()):
            left = int(ended[1])
        if told := re.search(r"waits for the store.*", line):
            said = told[0]
    process.wait()
    rate = (last[1] - first[1]) / (last[0] - first[0]) if last[1] > first[1] else 0.0
    return rate, left, said


def _quick_model() -> bytes:
    """Make a model that sees the same box in every image, as soon as it has the mean of its pixels."""
    box = np.array([[320, 320, 64, 32, 0.9]], np.float32).T[None]
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], axes=[1, 2, 3], keepdims=1),
        helper.make_node("Squeeze", ["mean", "last"], ["flat"]),
        helper.make_node("Mul", ["flat", "zero"], ["nothing"]),
        helper.make_node("Add", ["nothing", "box"], ["output0"]),
    ]
    constants = {"last": np.array([3], np.int64), "zero": np.float32(0), "box": box}
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, "height", "width"])
    output = helper.make_tensor_value_info("output0", TensorProto.FLOAT, ["batch", 5, "anchors"])
    initializers = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "quick", [images], [output], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    said = {"names": "{0: 'fish'}", "stride": "32", "task": "detect", "imgsz": "[640, 640]"}
    helper.set_model_props(model, said)
    return bytes(model.SerializeToString())


def _store(text: str) -> tuple[float, float]:
    delay_ms, _, reads_per_s = text.partition(":")
    return float(delay_ms), float(reads_per_s or 0)


def _arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=1500, help="photos (1500)")
    parser.add_argument(
        "--stores", type=_store, nargs="+", default=[(0, 0), (100, 0), (400, 0), (100, 25)],
        metavar="MS[:READS]", help="ms away, and reads a second where it throttles (0 100 400 100:25)",
    )  # fmt: skip
    return parser.parse_args(words)


if __name__ == "__main__":
    main()
