"""`serve` under more load than it can bear: what it answers, whom it sends away, how long both take, and what memory it holds.

It measures what two clients get who ask again as soon as they are answered, then sends `--times` as many images a second, each on
a connection of its own, whatever comes back; every twentieth is cut short. YOLOv8n with random weights, photos of 4 megapixels.
"""

import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from photos import draw_photo
from yolov8n_graph import build_yolov8n

CLIENTS = 2
BROKEN_EACH = 20
ANSWER_S = 120.0


@dataclass(frozen=True)
class Asked:
    """One request: its status code, 0 where no answer came, and how long it took."""

    code: int
    seconds: float


async def ask(port: int, data: bytes) -> Asked:
    """Send one image on a connection of its own."""
    began = time.perf_counter()
    try:
        async with asyncio.timeout(ANSWER_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            head = f"POST /v1/predict HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(data)}\r\n\r\n"
            writer.write(head.encode() + data)
            answer = await reader.read()
            writer.close()
        code = int(answer.split(b" ", 2)[1]) if answer else 0
    except (OSError, TimeoutError):
        code = 0
    return Asked(code, time.perf_counter() - began)


async def measure_capacity(port: int, images: Sequence[bytes], seconds: float) -> float:
    """Images a second of clients who ask again as soon as they are answered."""
    until, done = time.perf_counter() + seconds, 0

    async def client(number: int) -> None:
        nonlocal done
        while time.perf_counter() < until:
            asked = await ask(port, images[(number + done) % len(images)])
            done += asked.code == 200

    began = time.perf_counter()
    await asyncio.gather(*map(client, range(CLIENTS)))
    return done / (time.perf_counter() - began)


async def press(port: int, images: Sequence[bytes], per_s: float, seconds: float) -> list[Asked]:
    """Send so many images a second for so long, and wait for what comes back."""
    began, tasks = time.perf_counter(), []
    for number in range(round(per_s * seconds)):
        await asyncio.sleep(max(0.0, began + number / per_s - time.perf_counter()))
        image = images[number % len(images)]
        tasks.append(asyncio.create_task(ask(port, image[:-200] if number % BROKEN_EACH == 0 else image)))
    return await asyncio.gather(*tasks)


@contextmanager
def served(folder: Path, options: Sequence[str]) -> Iterator[tuple[int, int]]:
    """A server of its own; yields its process id and its port."""
    model = folder / "model.onnx"
    model.write_bytes(build_yolov8n())
    command = [sys.executable, "-m", "shoal_worker", "serve", "--model", str(model), "--port", "0", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        yield process.pid, int(line.rpartition(":")[2])
    finally:
        process.terminate()
        process.wait(ANSWER_S)


def resident_mb(pid: int) -> dict[str, float]:
    """Resident memory of the server and of the process that has the model, MB."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return {name: _resident_mb(int(one)) for name, one in (("server", pid), ("model", children[0]))}


def _resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return round(int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) / 1000, 1)


def times_of(asked: Sequence[Asked], code: int) -> dict[str, float | None]:
    """Median and 99th percentile in seconds."""
    seconds = sorted(one.seconds for one in asked if one.code == code)
    if not seconds:
        return {"p50_s": None, "p99_s": None}
    return {"p50_s": round(statistics.median(seconds), 3), "p99_s": round(seconds[int(0.99 * (len(seconds) - 1))], 3)}


def main() -> None:
    """Measure, print one JSON object."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0, help="of load (30)")
    parser.add_argument("--times", type=float, default=2.0, help="as much as it answers (2)")
    parser.add_argument("--photos", type=int, default=8, help="different ones (8)")
    arguments, options = parser.parse_known_args()
    images = [draw_photo(seed) for seed in range(arguments.photos)]
    with tempfile.TemporaryDirectory(prefix="shoal-bench-") as folder, served(Path(folder), options) as (pid, port):
        asyncio.run(measure_capacity(port, images, 2.0))  # warm
        capacity = asyncio.run(measure_capacity(port, images, arguments.seconds / 3))
        before = resident_mb(pid)
        began = time.perf_counter()
        asked = asyncio.run(press(port, images, arguments.times * capacity, arguments.seconds))
        wall_s = time.perf_counter() - began
        after = resident_mb(pid)
    codes = Counter(one.code for one in asked)
    measured = {
        "cores": len(os.sched_getaffinity(0)),
        "load": round(os.getloadavg()[0], 1),
        "capacity_images_per_s": round(capacity, 2),
        "sent_per_s": round(arguments.times * capacity, 2),
        "sent": len(asked),
        "answered_per_s": round((codes[200] + codes[422]) / wall_s, 2),
        "by_code": {str(code): codes[code] for code in sorted(codes)},
        "200": times_of(asked, 200),
        "429": times_of(asked, 429),
        "rss_mb_before": before,
        "rss_mb_after": after,
    }
    print(json.dumps(measured, indent=1))


if __name__ == "__main__":
    main()
