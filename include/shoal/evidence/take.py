"""Takes people's labels back: of which image each is, what is not understood, and whether anything is lost; then they are stored.

Labels belong to an image's key and bytes, so they serve every later version of a model; what a word means is looked up when they
are used, by the dataset file of then.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from shoal.answers.find import StoredRun
from shoal.contract.errors import ConfigError
from shoal.contract.layout import FORMAT_VERSION, DatasetLayout
from shoal.contract.units import counted, utc_text
from shoal.evidence.frame import view_frame
from shoal.evidence.labelled import LOOK, counts_of_two, view_drawn, view_labels
from shoal.evidence.labels import ANNOTATIONS, WHOLE_IMAGES, SaidImage, open_labels
from shoal.evidence.sorted_out import Bringing, Known, Place, SortedOut, sort_out
from shoal.evidence.stored import LABELS, Import, read_designs, read_imports, store_json, store_lines
from shoal.evidence.taxon_names import counted_names, other_names
from shoal.evidence.told_labels import why_none
from shoal.evidence.two_people import AgreementOfTwo, agreement_of_two
from shoal.evidence.where_in_image import pixels
from shoal.evidence.which_image import Meant, find_images
from shoal.settings.analysis import Taxon
from shoal.tables.session import Database


@dataclass(frozen=True)
class Taken:
    """What became of labels.

    Attributes:
        name: The 16 digits that they lie under.
        again: Whether the same files had been taken before, nothing of them is new, and they are the newest word of each person.
        json: What is stored about them.
        agreement: Of two people, by taxon, over all labels of the dataset.
        progress: By sample, images that it handed out, and of these the labelled ones.
    """

    name: str
    again: bool
    json: Mapping[str, Any]
    agreement: Mapping[str, AgreementOfTwo]
    progress: Mapping[str, tuple[int, int]]


def take_labels(
    database: Database,
    layout: DatasetLayout,
    run: StoredRun,
    paths: Sequence[Path],
    bringing: Bringing,
    *,
    taxa: Mapping[str, Taxon],
) -> Taken:
    """Read label files and store what they say.

    Args:
        database: A session on the results bucket.
        layout: The dataset.
        run: Its answer: which images there are.
        paths: Files, or folders of YOLO's.
        bringing: What is said of them.
        taxa: Those of the dataset file of today.

    Raises:
        ConfigError: A file is broken or of no known format, or not one of its images is of the dataset.
    """
    view_frame(database, run, taxa)
    designs = read_designs(database.results, layout)
    imports = read_imports(database.results, layout)
    view_drawn(database, designs)
    said, files = _read_all(paths)
    names = counted_names(run)
    identity = {
        "files": files,
        "by": bringing.by,
        "all_looked_at": bringing.all_looked_at,
        "saw_predictions": bringing.saw_predictions,
    }
    alike = [one for one in imports if all(one.json.get(name) == value for name, value in identity.items())]
    meant = find_images(database, [one.file for one in said], {one.name: one.blind for one in designs})
    annotated = _annotated(database, imports, names, said)
    sorted_out = sort_out(said, Known(meant, names, other_names(run), annotated), bringing)
    # Images that came since, and columns that are of a taxon by now, are new though the file is the same; so are words that later
    # ones took the place of: whoever brings the right file again means it.
    places = {(image.key, image.content_sha256, one.person) for image, one in sorted_out.images}
    whole = (one for one in reversed(alike) if sorted_out.counts["images"] <= one.json["counts"]["images"])
    same = next((one for one in whole if _is_newest(database, imports, one, places)), None)
    if same is None:
        if not sorted_out.images:
            raise ConfigError(f"No label taken of {counted(len(said), 'image')}: {why_none(sorted_out.counts)}")
        new = _store(database, layout, sorted_out, identity, run)
        imports = [*imports, new]
    else:
        new = same
    view_labels(database, imports, names)
    agreement = {taxon: agreement_of_two(pairs) for taxon, pairs in counts_of_two(database).items()}
    return Taken(new.name, same is not None, new.json, agreement, _progress(database))


def _read_all(paths: Sequence[Path]) -> tuple[list[SaidImage], list[dict[str, Any]]]:
    said: list[SaidImage] = []
    files = []
    for source, path in enumerate(paths):
        name, kind, opened = open_labels(path)
        found = list(kind.read(opened))
        said += [replace(one, source=source) for one in found]
        content = repr(found) if path.is_dir() else path.read_bytes()
        digest = hashlib.sha256(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
        files.append({"name": path.name, "kind": name, "sha256": digest.hexdigest()})
    return said, files


def _is_newest(database: Database, imports: Sequence[Import], one: Import, places: Collection[Place]) -> bool:
    """Say whether in none of these places a later word took the place of what was stored."""
    view_labels(database, [one], {})
    stored_at = database.value("SELECT max(imported_at) FROM looks")
    view_labels(database, imports, {})
    later = "SELECT key, content_sha256, person FROM looks WHERE imported_at > ?"
    return not any(tuple(row) in places for row in database.run(later, [stored_at]).fetchall())


def _annotated(
    database: Database, imports: Sequence[Import], names: Mapping[str, str], said: Iterable[SaidImage]
) -> frozenset[Place]:
    """Find in which images people annotated animals, where labels of whole images come alone and would take their place."""
    reports = {one.part for one in said}
    if WHOLE_IMAGES not in reports or ANNOTATIONS in reports:
        return frozenset()
    of_biigle = [one for one in imports if any(file["kind"] == "biigle" for file in one.json["files"])]
    view_labels(database, of_biigle, names)
    rows = database.run("SELECT DISTINCT key, content_sha256, person FROM words WHERE taxon IS NOT NULL").fetchall()
    return frozenset(rows)


def _store(
    database: Database, layout: DatasetLayout, found: SortedOut, identity: Mapping[str, Any], run: StoredRun
) -> Import:
    now = datetime.now(UTC).replace(tzinfo=None)
    path = database.folder / "labels.json"
    with path.open("w", encoding="utf-8") as file:
        for image, one in found.images:
            file.writelines(
                f"{json.dumps(line)}\n" for line in _lines(image, one, now, saw=identity["saw_predictions"])
            )
    columns = ", ".join(f"{name}: '{kind}'" for name, kind in LABELS.items())
    literal = str(path).replace("'", "''")
    lines = store_lines(
        database, layout, "labels",
        f"FROM read_json('{literal}', format = 'newline_delimited', columns = {{{columns}}}) "
        "ORDER BY key, content_sha256, person, position",
    )  # fmt: skip
    path.unlink()
    json_of = {
        "format_version": FORMAT_VERSION,
        "dataset": layout.dataset,
        "run_key": run.run_key,
        "imported_at": utc_text(now),
        **identity,
        "counts": found.counts,
        "lines": lines,
    }
    return Import(store_json(database.results, layout, "labels", json_of), json_of)


def _lines(image: Meant, one: SaidImage, now: datetime, *, saw: bool) -> Iterator[dict[str, Any]]:
    common = {
        "key": image.key,
        "content_sha256": image.content_sha256,
        "person": one.person,
        "imported_at": now.isoformat(sep=" "),
        "labelled_at": None if one.at is None else one.at.replace(tzinfo=None).isoformat(sep=" "),
        "sample": image.sample,
        "blind": False if saw else image.blind,
    }
    yield {**common, "position": LOOK, "individuals": 0}
    for position, box in enumerate(one.boxes):
        edges = dict(zip(("x1", "y1", "x2", "y2"), pixels(box, image) or (), strict=False))
        yield {**common, "position": position, "label": box.label, "individuals": box.individuals, **edges}


def _progress(database: Database) -> dict[str, tuple[int, int]]:
    rows = database.run(
        "SELECT sample, count(*), count(sampled_looks.key) FROM (FROM drawn WHERE number IS NOT NULL) AS drawn "
        "LEFT JOIN sampled_looks USING (key, content_sha256) GROUP BY 1 ORDER BY 1"
    ).fetchall()
    return {sample: (handed, labelled) for sample, handed, labelled in rows}
