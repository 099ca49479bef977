"""COCO, as CVAT, FiftyOne and others export it.

An image without boxes is there whether somebody looked at it or not, so it counts as looked at where it has a box called nothing,
or where the person who brings the file says that all were. A box with a score is one of a model's until he says so.
"""

from collections.abc import Iterator

from shoal.evidence.labels import Opened, SaidBox, SaidImage, broken, number

_EDGES = 4


class Coco:
    """Boxes by image."""

    def is_one(self, opened: Opened) -> bool:
        """Whether it has COCO's three lists."""
        found = opened.json
        return (
            isinstance(found, dict)
            and all(isinstance(found.get(name), list) for name in ("images", "categories"))
            and ("annotations" in found)
        )

    def read(self, opened: Opened) -> Iterator[SaidImage]:
        """Read all images, and what was drawn in each."""
        found = opened.json
        try:
            names = {one["id"]: str(one["name"]) for one in found["categories"]}
            boxes: dict[object, list[SaidBox]] = {one["id"]: [] for one in found["images"]}
            if len(boxes) < len(found["images"]):
                raise broken(opened, "two images have the same id")
            sides = {one["id"]: self._sides(opened, one) for one in found["images"]}
            scored = {one["image_id"] for one in found["annotations"] or [] if one.get("score") is not None}
            for one in found["annotations"] or []:
                if one["image_id"] not in boxes or one["category_id"] not in names:
                    raise broken(opened, f"annotation {one.get('id')!r} is of an image or a category that is not there")
                x, y, width, height = self._edges(opened, one)
                boxes[one["image_id"]].append(
                    SaidBox(names[one["category_id"]], 1, (x, y, x + width, y + height), sides=sides[one["image_id"]])
                )
            for image in found["images"]:
                said = tuple(boxes[image["id"]])
                looked = True if said and image["id"] not in scored else None
                yield SaidImage(str(image["file_name"]), said, looked, by_boxes=True)
        except (KeyError, TypeError, AttributeError) as err:
            raise broken(opened, f"it lacks a field of COCO's ({err})") from err

    def _sides(self, opened: Opened, image: dict[str, object]) -> tuple[float, float] | None:
        """Read of which size the picture was: people may label smaller ones."""
        if not (image.get("width") and image.get("height")):
            return None
        width, height = number(opened, "a width", image["width"]), number(opened, "a height", image["height"])
        if min(width, height) <= 0:
            raise broken(opened, f"image {image.get('id')!r} has {width:g} x {height:g} px")
        return width, height

    def _edges(self, opened: Opened, one: dict[str, object]) -> list[float]:
        edges = one["bbox"]
        if not isinstance(edges, list) or len(edges) != _EDGES:
            raise broken(opened, f"annotation {one.get('id')!r} has no box of four numbers")
        return [number(opened, "a box", edge) for edge in edges]


COCO = Coco()
