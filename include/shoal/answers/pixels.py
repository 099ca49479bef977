"""One image's pixels, decoded by the worker's own decoder in a process that may take so much memory and time and no more.

`python -m shoal.answers.pixels PIXEL_LIMIT SCAN_LIMIT` reads the bytes on standard input and writes height and width, then RGB.
"""

import resource
import struct
import subprocess
import sys
from typing import TYPE_CHECKING

from shoal.contract.errors import ConfigError, one_line

if TYPE_CHECKING:
    import numpy as np

MEMORY_BYTES = 4 * 1024**3
SECONDS = 60

_SIZE = struct.Struct(">II")
_NO_IMAGE = 3


def decode_apart(data: bytes, key: str, pixel_limit: int, scan_limit: int) -> "np.ndarray":
    """Decode an image.

    Args:
        data: Its bytes.
        key: As people know it.
        pixel_limit: Most pixels it may have.
        scan_limit: Most scans a JPEG may have.

    Returns:
        `(height, width, 3)` uint8 RGB, turned as EXIF says, as boxes are in.

    Raises:
        ConfigError: It is no image, or needs more than it may take, or a library is not installed.
    """
    try:
        import numpy as np  # noqa: PLC0415 - nobody else needs it
    except ModuleNotFoundError as err:
        raise ConfigError(f"Pixels need {err.name} - install the worker extra: pip install 'shoal[worker]'") from err
    words = [sys.executable, "-m", "shoal.answers.pixels", str(pixel_limit), str(scan_limit)]
    try:
        done = subprocess.run(words, input=data, capture_output=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired as err:
        raise ConfigError(f"Image {key} was not decoded within {SECONDS} s - look at it with another program") from err
    if done.returncode or len(done.stdout) < _SIZE.size:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise ConfigError(
            f"Image {key} cannot be decoded: {one_line(said[-1] if said else f'exit {done.returncode}', 300)}"
        )
    height, width = _SIZE.unpack_from(done.stdout)
    return np.frombuffer(done.stdout, np.uint8, offset=_SIZE.size).reshape(height, width, 3)


def _main(pixel_limit: int, scan_limit: int) -> int:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    from shoal_worker.image.decode import Decoded, decode  # noqa: PLC0415 - within the limits

    found = decode(sys.stdin.buffer.read(), pixel_limit, scan_limit)
    if not isinstance(found, Decoded):
        sys.stderr.write(f"{found.reason} {found.detail or ''}\n")
        return _NO_IMAGE
    height, width = found.image.shape[:2]
    sys.stdout.buffer.write(_SIZE.pack(height, width))
    sys.stdout.buffer.write(found.image[:, :, ::-1].tobytes())
    return 0


if __name__ == "__main__":
    sys.exit(_main(*map(int, sys.argv[1:])))
