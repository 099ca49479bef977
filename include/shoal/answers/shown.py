"""What is shown of an answer: one image with its boxes, or the images of a taxon in an order; never one with people."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from shoal.contract.errors import ConfigError, shown
from shoal.contract.tasks.classify import CLASSIFY
from shoal.contract.units import utc_text
from shoal.pictures.colours import colours_of
from shoal.pictures.drawing import Box, Drawing, Style
from shoal.pictures.people import EVERY_BOX, people_of, with_people
from shoal.results.stored_summary import StoredSummary
from shoal.settings.analysis import Taxon
from shoal.tables.session import Database

Order = Literal["score", "doubt", "date"]

NamedBox = tuple[tuple[str, int], Box]
"""A box with its style and its place in its row."""

SHOWN_KEYS, SHOWN_TAXA = 3, 8

TILE_PX = 320
"""Longer side of a picture in a contact sheet."""

_FACTS = (
    "key, object_version, size_bytes, content_sha256, images.use, reason, images.camera, images.captured_at, "
    "images.width, images.height"
)

_OF_ONE = {"score": "confidence DESC", "doubt": "abs(confidence - threshold)", "date": "confidence DESC"}
"""By what the box that stands for an image is chosen."""

_OF_ALL = {**_OF_ONE, "date": "images.captured_at DESC NULLS LAST"}
"""By what the images are put in order."""


@dataclass(frozen=True)
class ShownImage:
    """One image as the answer has it.

    Attributes:
        key: It.
        object_version: As the run looked at it.
        size_bytes: Likewise.
        content_sha256: Of its bytes; None where they could not be read.
        use: What the answer made of it.
        reason: Why it failed or is unusable.
        camera: Its camera.
        captured_at: UTC; None when undated.
        width: px; None where unknown.
        height: px; likewise.
    """

    key: str
    object_version: str
    size_bytes: int
    content_sha256: str | None
    use: str
    reason: str | None
    camera: str
    captured_at: datetime | None
    width: int | None
    height: int | None

    @property
    def time_text(self) -> str:
        """When it was taken, in words."""
        return "undated" if self.captured_at is None else utc_text(self.captured_at)

    def to_draw(self, boxes: Sequence[Box]) -> Drawing:
        """Write it as it is drawn: as the run looked at it, or not at all."""
        sha256 = self.content_sha256 or ""
        return Drawing(self.key, self.object_version, self.size_bytes, tuple(boxes), content_sha256=sha256)


@dataclass(frozen=True)
class Picked:
    """Images for a contact sheet.

    Attributes:
        drawings: One for each, captions and all.
        of: Images there are in all, without those that show people.
        with_people: Those.
    """

    drawings: tuple[Drawing, ...]
    of: int
    with_people: int


class ShownAnswer:
    """An answer whose images may be shown.

    Args:
        database: Holds the views of `view_answer`.
        summary: The run's.
        taxa: Those of the dataset file of today: who is a person now is one in every run.

    Raises:
        ConfigError: The answer does not tell which images show people.
    """

    def __init__(self, database: Database, summary: StoredSummary, taxa: Mapping[str, Taxon]) -> None:
        self._database = database
        self._summary = summary
        self._colours = colours_of(species["taxon"] for species in summary.result["species"])
        people = people_of(summary.result, summary.run_key, taxa)
        self._knows_people = people.any
        database.run(f"CREATE OR REPLACE VIEW people_in AS {with_people(people, EVERY_BOX)}")

    def find_image(self, key: str) -> ShownImage:
        """Find one image by its key, or by an ending that only one key has.

        Raises:
            ConfigError: There is none, there are several, it shows people, or nobody knows whether it does.
        """
        found = next(filter(None, (self._images(*way) for way in _ways(key))), [])
        if len(found) != 1:
            raise ConfigError(self._why_not_one(key, found))
        image = found[0]
        people = "SELECT count(*) FROM people_in WHERE key = ? AND object_version = ?"
        if self._database.value(people, [image.key, image.object_version]):
            raise ConfigError(
                f"Image {shown(image.key)!r} has a box of a class of role human in taxa: such images are never shown"
            )
        if image.use == "failed" and self._knows_people:
            raise ConfigError(
                f"The model saw nothing of image {shown(image.key)!r} ({image.reason}), and taxa has a class of role human: "
                "nobody knows whether it shows people, so it is not shown"
            )
        return image

    def boxes(self, image: ShownImage, *, below: bool) -> tuple[Box, ...]:
        """Read an image's boxes, the best first; with `below` also those that do not count."""
        return tuple(box for _, box in self._boxes([image], None, below=below)[image])

    def pick(self, count: int, order: Order, *, taxon: str | None, below: bool) -> Picked:
        """Pick used images with boxes of a taxon for a contact sheet.

        Args:
            count: At most so many.
            order: `score`: best ones first; `doubt`: those nearest to the threshold; `date`: newest first.
            taxon: Of this one; None for any.
            below: Whether boxes that do not count are looked at, too.

        Raises:
            ConfigError: The answer does not have this taxon.
        """
        self._need_taxon(taxon)
        self._view_candidates(taxon, below=below)
        (totals,) = self._database.records(
            "SELECT count(*) FILTER (people.key IS NULL) AS of, count(people.key) AS with_people "
            "FROM (SELECT DISTINCT key, object_version FROM candidates) LEFT JOIN people_in AS people USING (key, object_version)"
        )
        rows = self._database.records(
            f"SELECT {_FACTS}, style, position FROM candidates JOIN images USING (key, object_version) "
            "ANTI JOIN people_in USING (key, object_version) "
            f"QUALIFY row_number() OVER (PARTITION BY key, object_version ORDER BY {_OF_ONE[order]}, style, position) = 1 "
            f"ORDER BY {_OF_ALL[order]}, key LIMIT {count:d}"
        )
        chosen = [((row.pop("style"), row.pop("position")), ShownImage(**row)) for row in rows]
        found = self._boxes([image for _, image in chosen], taxon, below=below)
        return Picked(tuple(_tile(image, box, found[image]) for box, image in chosen), **totals)

    def _boxes(
        self, images: Sequence[ShownImage], taxon: str | None, *, below: bool
    ) -> dict[ShownImage, list[NamedBox]]:
        """Read the boxes of images, the best first, each with what tells it apart in its image."""
        asked = (
            "SELECT unnest($1::VARCHAR[]) AS key, unnest($2::VARCHAR[]) AS object_version, unnest($3::INTEGER[]) AS n"
        )
        boxes = " UNION ALL ".join(
            f"SELECT '{style}' AS style, n, position, taxon, class_id, confidence, x1, y1, x2, y2, mask, "
            f"keypoints, angle, first_class_name, reclassified.confidence AS then_conf "
            f"FROM {view} JOIN ({asked}) USING (key, object_version) WHERE $4::VARCHAR IS NULL OR taxon = $4"
            for view, style in _views(below=below)
        )
        rows = self._database.records(
            f"{boxes} ORDER BY n, confidence DESC, style, position",
            [[one.key for one in images], [one.object_version for one in images], list(range(len(images))), taxon],
        )
        found: dict[ShownImage, list[NamedBox]] = {image: [] for image in images}
        for row in rows:
            found[images[row["n"]]].append(((row["style"], row["position"]), self._box(row)))
        return found

    def _box(self, row: Mapping[str, Any]) -> Box:
        taxon = row["taxon"]
        colour = self._colours.get(taxon) or colours_of([taxon])[taxon]
        return Box.of(
            [row[edge] for edge in ("x1", "y1", "x2", "y2")],
            label=taxon,
            class_id=row["class_id"],
            conf=row["confidence"],
            style=row["style"],
            colour=colour,
            mask=row["mask"] or "",
            keypoints=tuple(row["keypoints"] or ()),
            angle=row["angle"],
            first=row["first_class_name"] or "",
            then_conf=row["then_conf"],
        )

    def _images(self, condition: str, key: str) -> list[ShownImage]:
        rows = self._database.records(
            f"SELECT {_FACTS} FROM images WHERE {condition} ORDER BY key LIMIT {SHOWN_KEYS + 1}", [key]
        )
        return [ShownImage(**row) for row in rows]

    def _why_not_one(self, key: str, found: Collection[ShownImage]) -> str:
        run = f"run {self._summary.dataset}/{self._summary.run_key}"
        if found:
            some = ", ".join(repr(shown(image.key)) for image in list(found)[:SHOWN_KEYS])
            more = ", …" if len(found) > SHOWN_KEYS else ""
            return f"Several images of {run} end in {shown(key, 200)!r}: {some}{more} - write more of the key"
        near = self._database.records(
            "SELECT key FROM images WHERE abs(length(key) - length($1)) <= 3 ORDER BY levenshtein(key, $1), key LIMIT 1",
            [key],
        )
        meant = f"did you mean {shown(near[0]['key'])!r}?" if near else "what no run has looked at yet is in no answer"
        return f"No image {shown(key, 200)!r} among the {self._summary.examined} that {run} examined - {meant}"

    def _need_taxon(self, taxon: str | None) -> None:
        known = [species["taxon"] for species in self._summary.result["species"]]
        if taxon is None or taxon in known:
            return
        views = " UNION ".join(f"SELECT taxon FROM {view} WHERE role = 'count'" for view in ("detections", "below"))
        asked = f"SELECT count(*) FROM ({views}) WHERE taxon = ?"
        if not self._database.value(asked, [taxon]):
            listed = ", ".join(shown(name, 80) for name in known[:SHOWN_TAXA]) or "none"
            more = f" and {len(known) - SHOWN_TAXA} more" if len(known) > SHOWN_TAXA else ""
            raise ConfigError(f"No taxon {shown(taxon, 100)!r} in this answer - there are: {listed}{more}")

    def _view_candidates(self, taxon: str | None, *, below: bool) -> None:
        """Make the boxes to choose from a view, each with the threshold of its class; of a classifier what scores best."""
        result = self._summary.result
        own = {} if result["conf_replaces_every_class"] else result["settings"]["taxa"]
        self._database.run("CREATE OR REPLACE TABLE own_conf (class_name VARCHAR, conf DOUBLE)")
        for name, entry in own.items():
            if entry.get("conf") is not None:
                self._database.run("INSERT INTO own_conf VALUES (?, ?)", [name, entry["conf"]])
        self._database.set_variable("shown_taxon", taxon)
        boxes = " UNION ALL ".join(
            f"SELECT '{style}' AS style, key, object_version, position, class_name, first_class_name, confidence FROM {view} "
            "WHERE use = 'used' AND role = 'count' AND (getvariable('shown_taxon') IS NULL OR taxon = getvariable('shown_taxon'))"
            f"{' AND position = 0' if result.get('task') == CLASSIFY.name else ''}"
            for view, style in _views(below=below)
        )
        threshold = f"coalesce(own.conf, of_first.conf, {float(result['conf'])!r}) AS threshold"
        self._database.run(
            f"CREATE OR REPLACE VIEW candidates AS SELECT boxes.* EXCLUDE (class_name, first_class_name), {threshold} "
            f"FROM ({boxes}) AS boxes LEFT JOIN own_conf AS own ON own.class_name = boxes.class_name "
            "LEFT JOIN own_conf AS of_first ON of_first.class_name = boxes.first_class_name"
        )


def _tile(image: ShownImage, chosen: tuple[str, int], found: Sequence[NamedBox]) -> Drawing:
    """Draw the part around the box that was chosen, with what else is there of its taxon."""
    first = next(box for named, box in found if named == chosen)
    boxes = (first, *(box for named, box in found if named != chosen))
    caption = f"{image.key}\n{image.time_text} · {first.conf:.2f}"
    return replace(image.to_draw(boxes), crop=True, long_side_px=TILE_PX, caption=caption)


def _ways(key: str) -> list[tuple[str, str]]:
    """Give ways to find an image by what somebody wrote: its key, its own name, its ending."""
    return [("key = ?", key), ("ends_with(key, ?)", f"/{key}"), ("ends_with(key, ?)", key)] if key else []


def _views(*, below: bool) -> list[tuple[str, Style]]:
    return [("detections", "counted"), ("below", "below")] if below else [("detections", "counted")]
