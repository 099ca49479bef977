"""What an image may be, judged before anything of it is decoded, or fetched."""

PIXEL_LIMIT = 100_000_000
"""Images with more pixels are `failed: too_large`, judged by the header before anything is decoded."""

BYTES_PER_PIXEL = 8
"""More than any image we decode takes uncompressed (16-bit RGBA): larger objects are not even fetched."""

SCAN_LIMIT = 100
"""Images with more scans are `failed: too_complex`: each costs a pass over all pixels, and no camera writes more than a dozen."""


def too_many_bytes(size_bytes: int, pixel_limit: int) -> str | None:
    """Say why an object is too large for any image of so many pixels; None where it is not."""
    most = pixel_limit * BYTES_PER_PIXEL
    if size_bytes <= most:
        return None
    return f"{size_bytes} bytes, an image of {pixel_limit} pixels has at most {most}"
