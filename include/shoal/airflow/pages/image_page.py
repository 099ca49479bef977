"""The page of one image: the photo with its boxes, what is known of it, what each version saw, and its neighbours in time."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fastapi.responses import HTMLResponse

from shoal.airflow.pages.asked_images import address
from shoal.airflow.pages.frame import NOTHING, Crumb, page, to_run
from shoal.airflow.pages.images_page import place_of, way_to
from shoal.airflow.pages.looking import OpenRun
from shoal.airflow.pages.shots import PHOTO_PX, image_address, place_text, say_boxes, shot_of
from shoal.answers.browsed import Neighbours, SeenImage
from shoal.contract.errors import shown
from shoal.contract.units import size_text

THRESHOLDS = (0.1, 0.25, 0.5, 0.75)


@dataclass(frozen=True)
class SeenByVersion:
    """What a model version saw in the image: of its newest complete run.

    Attributes:
        model: Name and version.
        run_key: The run.
        href: Of the image there.
        use: What that answer made of it.
        said: Its boxes in words.
    """

    model: str
    run_key: str
    href: str
    use: str
    said: str


def image_page(  # noqa: PLR0917 - what is known of it
    run: OpenRun,
    image: SeenImage,
    around: Neighbours,
    counted: str,
    said: Mapping[str, str],
    why: str,
    versions: tuple[SeenByVersion, ...],
    versions_trouble: str,
) -> HTMLResponse:
    """Fill in the page.

    Args:
        run: The run.
        image: The image.
        around: Its neighbours.
        counted: Its boxes in words, as the run counted them.
        said: What the address says.
        why: Why there is no picture; empty where there is one.
        versions: What others saw.
        versions_trouble: Why that cannot be told.
    """
    place = place_of(run)
    own, conf = to_run("images", **place), said.get("conf", "")
    before, after = (
        image_address(place, *one, said) if one is not None else "" for one in (around.before, around.after)
    )
    return page(
        "image.html",
        f"Image {shown(image.key, 200)}",
        way_to(run, Crumb("images", own), Crumb(image.key.rpartition("/")[2] or image.key)),
        image=image,
        shot=shot_of(place, image, said, PHOTO_PX),
        why=why,
        before=before,
        after=after,
        conf=conf,
        thresholds=list(_thresholds(run, place, image, conf)),
        line=_line(run, image, conf),
        boxes=[(number, box, place_text(box)) for number, box in enumerate(image.boxes, 1)],
        facts=list(_facts(image)),
        versions=[_this_one(run, image, place, counted), *versions] if versions else (),
        versions_trouble=versions_trouble,
        original=address(to_run("original", **place), {"key": image.key, "version": image.object_version}),
        all=own,
    )


def _thresholds(run: OpenRun, place: Mapping[str, str], image: SeenImage, conf: str) -> Iterator[tuple[str, str]]:
    if conf:
        yield "as counted", image_address(place, image.key, image.object_version, {})
    for value in THRESHOLDS:
        if value >= run.plan.least_score and f"{value:g}" != conf:
            yield f"{value:g}", image_address(place, image.key, image.object_version, {"conf": f"{value:g}"})


def _line(run: OpenRun, image: SeenImage, conf: str) -> str:
    asked = f"Boxes from {conf} on" if conf else f"Boxes as the run counted them (from {run.summary.result['conf']:g})"
    return f"{asked}: {say_boxes(image.boxes)}. Detections, never individuals."


def _facts(image: SeenImage) -> Iterator[tuple[str, object]]:
    yield "Fate", image.use + (f": {image.reason}" if image.reason else "")
    yield "Camera", image.camera or NOTHING
    if image.clock_flag:
        yield "Clock", image.clock_flag
    yield (
        "Size",
        f"{image.width} x {image.height} px, {size_text(image.size_bytes)}"
        if image.width
        else size_text(image.size_bytes),
    )
    if image.luma_mean is not None:
        yield "Brightness", f"{image.luma_mean:.0f} of 255"
    if image.sharpness is not None:
        yield "Sharpness", f"{image.sharpness:.0f}"
    if image.damaged:
        yield "Damaged", image.damaged
    if image.max_det_reached:
        yield "Boxes", "as many as the model gives: there may be more to see"
    yield "Version", image.object_version


def _this_one(run: OpenRun, image: SeenImage, place: Mapping[str, str], counted: str) -> SeenByVersion:
    """Tell what this run saw as of the others: at its own thresholds, whatever score is asked for."""
    href = image_address(place, image.key, image.object_version, {})
    return SeenByVersion(f"{run.summary.models} (this run)", run.run_key, href, image.use, counted)
