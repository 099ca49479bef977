"""One image's pixels, decoded by the worker's own decoder in the process for pictures, which may take so much memory and time."""

from typing import TYPE_CHECKING

from shoal.contract.errors import ConfigError, one_line
from shoal.pictures.drawing import PictureLimits
from shoal.pictures.process import CannotPaintError, NoPictureError, Painter

if TYPE_CHECKING:
    import numpy as np


def decode_apart(data: bytes, key: str, limits: PictureLimits) -> "np.ndarray":
    """Decode an image.

    Args:
        data: Its bytes.
        key: As people know it.
        limits: What it may cost.

    Returns:
        `(height, width, 3)` uint8 RGB, turned as EXIF says, as boxes are in; the caller's own, to draw in.

    Raises:
        ConfigError: It is no image, or needs more than it may take, or a library is not installed.
    """
    try:
        import numpy as np  # noqa: PLC0415 - nobody else needs it
    except ModuleNotFoundError as err:
        raise ConfigError(f"Pixels need {err.name} - install the worker extra: pip install 'shoal[worker]'") from err
    words = {"do": "decode", "pixel_limit": limits.pixel_limit, "scan_limit": limits.scan_limit}
    with Painter(limits) as painter:
        try:
            answer, pixels = painter.ask(words, [data])
        except CannotPaintError as err:
            raise ConfigError(f"Image {key}: {one_line(err, 300)}") from err
        except NoPictureError as err:
            raise ConfigError(f"Image {key} cannot be decoded: {one_line(err, 300)}") from err
    if pixels is None:
        raise ConfigError(f"Image {key} cannot be decoded: {one_line(answer.get('why') or 'no pixels came', 300)}")
    return np.frombuffer(bytearray(pixels), np.uint8).reshape(answer["height"], answer["width"], 3)
