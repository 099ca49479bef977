"""Two answers side by side in HTML: a page of its own, and a section of a report."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from shoal.compare.comparison import MOST_TAXA, Comparison
from shoal.compare.differed import COLOURS, Differed
from shoal.contract.errors import shown
from shoal.contract.units import utc_text
from shoal.exports.export import Draw
from shoal.exports.report.environment import environment
from shoal.exports.report.pictures import Picture, common_reason, draw_pictures
from shoal.exports.report.policy import COMPARISON_SCRIPTS, POLICY
from shoal.exports.report.script_data import WHOLE_IMAGES, within_script

THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Of the table; the chart has more."""


@dataclass(frozen=True)
class ComparisonText:
    """What the template writes of a comparison.

    Attributes:
        found: It.
        runs: Names of the two runs; empty where they are not told.
        part: Which part of both was asked for, in words; empty for all.
        pictures: The images that differ most, each as far as it could be drawn.
        undrawn: Why none of them could, where that is so for one reason.
    """

    found: Comparison
    runs: tuple[str, str] = ("", "")
    part: str = ""
    pictures: tuple[tuple[Differed, Picture], ...] = ()
    undrawn: str | None = None

    colours = COLOURS
    most_taxa = MOST_TAXA
    thresholds = THRESHOLDS

    @property
    def sides(self) -> tuple[str, str]:
        """What the two are called."""
        return self.found.words

    @property
    def at(self) -> list[dict[float, tuple[int, int]]]:
        """By taxon what both count from a threshold on."""
        return [{conf: (first, second) for conf, first, second in taxon.at} for taxon in self.found.taxa]

    @property
    def without_interval(self) -> bool:
        """Whether a taxon has no interval for other days."""
        return any(taxon.elsewhere is None for taxon in self.found.taxa)

    @property
    def data(self) -> Markup | None:
        """What the script draws from; None where there is nothing to draw."""
        if not self.found.taxa:
            return None
        return Markup(within_script(_script_data(self.found)))  # noqa: S704 - nothing in it ends the element


def write_page(
    dataset: str, found: Comparison, draw: Draw | None, runs: tuple[str, str] = ("", ""), part: str = ""
) -> str:
    """Write the page: one file that opens offline, with pictures as far as they can be drawn.

    Args:
        dataset: Name of the dataset.
        found: The comparison.
        draw: Draws pictures; None where nobody can.
        runs: The two runs.
        part: Which part was asked for, in words.
    """
    pictures = draw_pictures(ask_pictures(found.differed), draw)
    text = with_pictures(ComparisonText(found, runs, part), pictures)
    return (
        environment()
        .get_template("compare.html.j2")
        .render(
            dataset=dataset,
            compared=text,
            policy=POLICY,
            scripts=[Markup(script) for script in COMPARISON_SCRIPTS],  # noqa: S704 - our own files
        )
    )


def ask_pictures(differed: Sequence[Differed]) -> list[Picture]:
    """Ask for the pictures of the images that differ most, those that differ most first."""
    return [
        Picture(
            "", "differing", one.drawing.key, one.camera, utc_text(one.captured_at), f"{one.lost} lost, {one.gained} gained",
            one.drawing,
        )
        for one in differed
    ]  # fmt: skip


def with_pictures(text: ComparisonText, pictures: Sequence[Picture]) -> ComparisonText:
    """Take the pictures that were asked for, in their order."""
    pairs = tuple(zip(text.found.differed, pictures, strict=True))
    reason = common_reason(pictures) if pictures else None
    return ComparisonText(text.found, text.runs, text.part, pairs, reason)


def _script_data(found: Comparison) -> dict[str, Any]:
    series = found.series
    return {
        "sides": [shown(word) for word in found.words],
        "colours": COLOURS,
        **({"words": WHOLE_IMAGES} if found.whole_images else {}),
        "bin": series.width,
        "starts": [start.isoformat() for start in series.starts],
        "images": series.images,
        "taxa": [
            {
                "name": shown(taxon.taxon),
                "at": taxon.at,
                "conf": found.confs[taxon.taxon],
                "series": series.counts[taxon.taxon],
            }
            for taxon in found.taxa
        ],
    }
