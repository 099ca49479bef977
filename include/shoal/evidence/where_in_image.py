"""Where in an image of the dataset a box lies that somebody drew in a picture of it, which may be smaller, turned or cut."""

from shoal.evidence.labels import SaidBox
from shoal.evidence.which_image import Meant


def pixels(box: SaidBox, image: Meant) -> tuple[float, ...] | None:
    """Write edges in px of the image, also where a smaller picture was labelled."""
    if box.xyxy is None or (box.relative and not (image.width and image.height)):
        return None
    whole = (image.width or 1, image.height or 1)
    of = (1, 1) if box.relative else (box.sides if box.sides and image.width and image.height else whole)
    return tuple(
        round(edge * side / part, 3) for edge, side, part in zip(box.xyxy, whole * 2, tuple(of) * 2, strict=True)
    )


def of_other_shape(box: SaidBox, image: Meant) -> bool:
    """Whether a box is of a picture that was turned or cut, by more than rounding tells."""
    if not (box.xyxy and box.sides and image.width and image.height):
        return False
    width, height = box.sides
    return abs(width * image.height - height * image.width) > image.width + image.height
