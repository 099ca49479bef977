"""Writes the page of a review: pictures without boxes, the estimator as a script, and all that the design says."""

import base64
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import NormalDist
from typing import Any

import jinja2
from markupsafe import Markup

from shoal.contract.errors import ConfigError, shown
from shoal.contract.units import counted
from shoal.evidence.estimates.difference import ROUNDING
from shoal.evidence.estimates.interval import FEWEST_ALIKE, FEWEST_DISAGREEMENTS, FEWEST_HEAVY, FEWEST_POSITIVES
from shoal.evidence.labels import MOST_INDIVIDUALS
from shoal.evidence.reached import SKIPPED
from shoal.evidence.review.design import Review
from shoal.evidence.review.images import ReviewImage
from shoal.evidence.review.judge import CLOSE
from shoal.exports.report.script_data import within_script
from shoal.pictures.drawing import Drawing, Drawn

_HERE = Path(__file__).parent

SCRIPTS = tuple((_HERE / name).read_text(encoding="utf-8") for name in ("estimator.js", "review.js"))

SIDES_PX = (800, 640, 480)
"""Longer sides of the pictures: the next one is taken where they are more than a file may have."""

MOST_BYTES = 15 * 1000**2
"""Of the file: what a journal takes, and a mail."""

RULES = {
    "fewest_positives": FEWEST_POSITIVES,
    "fewest_disagreements": FEWEST_DISAGREEMENTS,
    "fewest_heavy": FEWEST_HEAVY,
    "fewest_alike": FEWEST_ALIKE,
    "rounding": ROUNDING,
    "skipped": SKIPPED,
    "tail": 0.025,
    "z": NormalDist().inv_cdf(0.975),
    "close": CLOSE,
    "most_individuals": MOST_INDIVIDUALS,
}
"""What the estimator's script needs to be the one of `estimates`."""

DrawAll = Callable[[Sequence[Drawing]], Iterator[Drawn]]


@dataclass(frozen=True)
class Page:
    """A page as it is written.

    Attributes:
        html: The file.
        data: What its script has, of which the file says the sha256.
        pictures: How many it shows.
        side_px: Their longer side.
        undrawn: Images without one, by why.
        without: Numbers of those.
    """

    html: bytes
    data: bytes
    pictures: int
    side_px: int
    undrawn: dict[str, int]
    without: tuple[int, ...]


def make_page(review: Review, drawn: Sequence[ReviewImage], draw: DrawAll) -> Page:
    """Write the page of a design.

    Args:
        review: The design, which is stored.
        drawn: Its images.
        draw: Makes pictures of images; what cannot be drawn says why, and stays in the page without a picture.

    Raises:
        ConfigError: Not one picture could be made, or the file is too large with the smallest ones.
    """
    for side in SIDES_PX:
        pictures = _pictures(drawn, draw, side)
        without = tuple(one.number for one in drawn if not (one.number in pictures and pictures[one.number].jpeg))
        undrawn = dict(Counter(_why(pictures.get(number)) for number in without))
        if len(without) == len(drawn):
            said = "; ".join(undrawn) or "the design drew no image, by chance: ask for more with -n"
            raise ConfigError(f"None of {counted(len(drawn), 'picture')} could be made: {said}")
        html, data = _render(review, drawn, pictures, side)
        if len(html) <= MOST_BYTES:
            return Page(html, data, len(drawn) - len(without), side, undrawn, without)
    raise ConfigError(
        f"The page has {len(html)} bytes with pictures of {side} px, at most {MOST_BYTES} - ask for fewer images with -n"
    )


def _pictures(drawn: Sequence[ReviewImage], draw: DrawAll, side: int) -> dict[int, Drawn]:
    numbers = [one.number for one in drawn if one.drawing is not None]
    asked = [replace(one.drawing, long_side_px=side) for one in drawn if one.drawing is not None]
    return dict(zip(numbers, draw(asked), strict=True))


def _why(picture: Drawn | None) -> str:
    return "it is not shown any more" if picture is None else str(picture.why)


def _render(review: Review, drawn: Sequence[ReviewImage], pictures: dict[int, Drawn], side: int) -> tuple[bytes, bytes]:
    json = review.json
    data = within_script(
        {
            "format": 1,
            "design": review.name,
            "design_sha256": review.sha256,
            **{
                name: json[name]
                for name in ("dataset", "run_key", "result_sha256", "model", "n", "probability", "seed")
            },
            "seed_given": review.seed_given,
            "salt": json["salt"],
            "drawn_at": json["drawn_at"],
            "published": {**json["published"], "name": shown(json["published"]["taxon"], 200)},
            "frame": json["frame"],
            "side_px": side,
            "rules": RULES,
            "images": [_image(one, pictures.get(one.number)) for one in drawn],
        }
    )
    html = (
        _environment()
        .get_template("review.html.j2")
        .render(
            dataset=shown(json["dataset"], 200),
            taxon=shown(json["published"]["taxon"], 200),
            data=Markup(data),  # noqa: S704 - nothing in it ends the element
            data_sha256=hashlib.sha256(data.encode()).hexdigest(),
            scripts=[Markup(text) for text in SCRIPTS],  # noqa: S704 - our own files
            policy=_policy(),
        )
    )
    return html.encode(), data.encode()


def _image(one: ReviewImage, picture: Drawn | None) -> dict[str, Any]:
    jpeg = picture and picture.jpeg
    return {
        "number": one.number,
        "key": one.key,
        "name": shown(one.key, 200),
        "content_sha256": one.content_sha256,
        "probability": one.probability,
        "predicted": one.predicted,
        "boxes": [[*(round(edge, 5) for edge in edges), round(score, 3)] for edges, score in one.boxes],
        "picture": base64.b64encode(jpeg).decode() if jpeg else None,
        "why": None if jpeg else shown(_why(picture), 300),
        "width": picture.width if picture else 0,
        "height": picture.height if picture else 0,
    }


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )


def _policy() -> str:
    """Write what a browser may do with the page: these scripts, the pictures in it, and nothing else."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" for script in SCRIPTS
    )
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; form-action 'none'; "
        "base-uri 'none'"
    )
