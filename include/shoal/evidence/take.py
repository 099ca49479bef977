"""Takes people's labels back: of which image each is, what is not understood, and whether anything is lost; then they are stored.

Labels belong to an image's key and bytes, so they serve every later version of a model; what a word means is looked up when they
are used, by the dataset file of then.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from shoal.answers.find import StoredRun
from shoal.contract.errors import ConfigError, shown
from shoal.contract.layout import FORMAT_VERSION, DatasetLayout
from shoal.contract.units import counted, utc_text
from shoal.evidence.frame import view_frame
from shoal.evidence.labelled import LOOK, counts_of_two, view_drawn, view_labels
from shoal.evidence.labels import ANNOTATIONS, WHOLE_IMAGES, SaidImage, open_labels
from shoal.evidence.one_word import Parts, add_to, who_said, word_of
from shoal.evidence.stored import LABELS, Import, read_designs, read_imports, store_json, store_lines
from shoal.evidence.taxon_names import counted_names, is_nothing, other_names
from shoal.evidence.two_people import AgreementOfTwo, agreement_of_two
from shoal.evidence.where_in_image import of_other_shape, pixels
from shoal.evidence.which_image import Meant, find_images
from shoal.settings.analysis import Taxon
from shoal.tables.session import Database

SHOWN = 3

MOST_WORDS = 200
"""Unknown words that are kept with their number: a column that is none of a taxon has as many as there are images."""


@dataclass(frozen=True)
class Bringing:
    """What a person says of the labels that he brings.

    Attributes:
        by: Who labelled, where the file does not say.
        all_looked_at: Whether every image of the files was looked at, also those without a box.
        saw_predictions: Whether the model's boxes were shown, also where the sample was handed out without.
    """

    by: str = ""
    all_looked_at: bool = False
    saw_predictions: bool = False


@dataclass(frozen=True)
class Taken:
    """What became of labels.

    Attributes:
        name: The 16 digits that they lie under.
        again: Whether the same files had been taken before, and nothing of them is new.
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
    same = next(
        (one for one in reversed(imports) if all(one.json.get(name) == value for name, value in identity.items())), None
    )
    meant = find_images(database, [one.file for one in said], {one.name: one.blind for one in designs})
    annotated = _annotated(database, imports, names, said)
    sorted_out = _sort_out(said, meant, names, other_names(run), bringing, annotated=annotated)
    # Images that came since, and columns that are of a taxon by now, are new though the file is the same.
    again = same is not None and sorted_out.counts["images"] <= same.json["counts"]["images"]
    if same is None or not again:
        if not sorted_out.images:
            raise ConfigError(f"No label taken of {counted(len(said), 'image')}: {_why_none(sorted_out.counts)}")
        new = _store(database, layout, sorted_out, identity, run)
        imports = [*imports, new]
    else:
        new = same
    view_labels(database, imports, names)
    agreement = {taxon: agreement_of_two(pairs) for taxon, pairs in counts_of_two(database).items()}
    return Taken(new.name, again, new.json, agreement, _progress(database))


_Place = tuple[str, str, str]
"""Key, sha256 of the bytes, and who."""


@dataclass(frozen=True)
class _SortedOut:
    images: list[tuple[Meant, SaidImage]]
    counts: dict[str, Any]


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


def _sort_out(
    said: Sequence[SaidImage],
    meant: Mapping[str, Meant],
    names: Mapping[str, str],
    others: frozenset[str],
    bringing: Bringing,
    *,
    annotated: frozenset[_Place],
) -> _SortedOut:
    """Keep of each image what each person said last; count what is not kept, by why."""
    not_there: list[str] = []
    changed: list[str] = []
    not_looked: set[str] = set()
    of_model: set[str] = set()
    unknown: Counter[str] = Counter()
    twice = contradicted = other_shape = 0
    numbers = {one.number for one in said if one.number}
    kept: dict[_Place, tuple[Meant, Parts]] = {}
    for one in said:
        image = meant.get(one.file)
        if image is None:
            not_there.append(one.file)
            continue
        _need_counts(one, names)
        if not _looked(one, image, names, bringing):
            (of_model if one.boxes and one.looked is not False else not_looked).add(image.key)
            continue
        if image.now != image.content_sha256:
            changed.append(image.key)
        who = who_said(one, bringing.by, several=len(numbers) > 1)
        place = (image.key, image.content_sha256, who)
        _, before = kept.get(place, (image, {}))
        parts, replaced = add_to(before, replace(one, person=who))
        twice += replaced
        kept[place] = (image, parts)
    behind = {place for place, (_, parts) in kept.items() if set(parts) == {WHOLE_IMAGES}} & annotated
    found = []
    for image, parts in (word for place, word in kept.items() if place not in behind):
        one = word_of(parts)
        empty = [box for box in one.boxes if is_nothing(box.label, names)]
        boxes = tuple(box for box in one.boxes if not is_nothing(box.label, names))
        contradicted += bool(empty and boxes)
        unknown.update(
            box.label for box in boxes if (small := box.label.strip().casefold()) not in names and small not in others
        )
        turned = {place for place, box in enumerate(boxes) if of_other_shape(box, image)}
        other_shape += bool(turned)
        boxes = tuple(replace(box, xyxy=None) if place in turned else box for place, box in enumerate(boxes))
        found.append((image, replace(one, boxes=boxes)))
    seen = [
        (image.key, sum(box.individuals for box in one.boxes if box.label.strip().casefold() in names))
        for image, one in found
    ]
    looked_at = {image.key for image, _ in found}
    counts = {
        "images": len(looked_at),
        "people": len({one.person for _, one in found}),
        "without_a_name": len({image.key for image, one in found if not one.person}),
        "by_number": len({image.key for image, one in found if one.person and one.person == one.number}),
        "individuals": sum(individuals for _, individuals in seen),
        "empty": len(looked_at - {key for key, individuals in seen if individuals}),
        "not_looked_at": len(not_looked - looked_at),
        "perhaps_the_model_s": len(of_model - looked_at),
        "not_in_the_dataset": len(set(not_there)),
        "changed_or_gone": len(set(changed)),
        "twice": twice,
        "contradicted": contradicted,
        "other_shape": other_shape,
        "annotated_before": len(behind),
        "not_drawn": len({image.key for image, _ in found if image.sample is None}),
        "unknown": dict(sorted(unknown.most_common(MOST_WORDS))),
        "first_not_in_the_dataset": sorted(set(not_there))[:SHOWN],
    }
    return _SortedOut(found, counts)


def _annotated(
    database: Database, imports: Sequence[Import], names: Mapping[str, str], said: Iterable[SaidImage]
) -> frozenset[_Place]:
    """Find in which images people annotated animals, where labels of whole images come alone and would take their place."""
    reports = {one.part for one in said}
    if WHOLE_IMAGES not in reports or ANNOTATIONS in reports:
        return frozenset()
    of_biigle = [one for one in imports if any(file["kind"] == "biigle" for file in one.json["files"])]
    view_labels(database, of_biigle, names)
    rows = database.run("SELECT DISTINCT key, content_sha256, person FROM words WHERE taxon IS NOT NULL").fetchall()
    return frozenset(rows)


def _looked(one: SaidImage, image: Meant, names: Mapping[str, str], bringing: Bringing) -> bool:
    """Whether somebody looked; boxes do not say so where the model's were shown, except one called nothing."""
    if any(name.strip().casefold() in names for name in one.counters):
        return True
    if one.looked and one.by_boxes and (image.blind is False or bringing.saw_predictions):
        return bringing.all_looked_at or any(is_nothing(box.label, names) for box in one.boxes)
    return bool(one.looked) or (bringing.all_looked_at and one.looked is None)


def _need_counts(one: SaidImage, names: Mapping[str, str]) -> None:
    """Check that a column named as a taxon has nothing but counts: a counter that is not understood is no empty image.

    Raises:
        ConfigError: It has something else.
    """
    for column, text in one.no_counts.items():
        if column.strip().casefold() in names:
            raise ConfigError(
                f"{shown(one.file, 200)}: {shown(column, 60)} is {shown(repr(text), 60)}, no count - write a whole number, "
                "or nothing where nobody looked"
            )


def _why_none(counts: Mapping[str, Any]) -> str:
    if counts["annotated_before"]:
        return _SAID_OF["annotated_before"].format(counts["annotated_before"])
    if counts["perhaps_the_model_s"]:
        return (
            f"{counts['perhaps_the_model_s']} have boxes that may be the model's, and the format does not tell whether a person "
            "looked at them - bring only images that somebody looked at, and say so: --all-looked-at"
        )
    if counts["not_looked_at"]:
        return (
            f"{counts['not_looked_at']} have no box, and the format does not tell empty images from those nobody looked at - "
            "if all were looked at, say so: --all-looked-at"
        )
    some = ", ".join(shown(one, 100) for one in counts["first_not_in_the_dataset"])
    return f"none is of the dataset, such as {some or 'nothing'} - bring the files to the dataset that they are of"


def _store(
    database: Database, layout: DatasetLayout, found: _SortedOut, identity: Mapping[str, Any], run: StoredRun
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


def describe(taken: Taken) -> Iterator[str]:
    """Say what became of labels, in lines."""
    counts = taken.json["counts"]
    yield (
        f"labels {taken.name}{', taken before: nothing is new' if taken.again else ''}: {counted(counts['images'], 'image')}, "
        f"{counted(counts['individuals'], 'individual')} of its taxa, {counts['empty']} looked at and without any"
    )
    if counts["images"] == counts["empty"]:
        yield (
            "all of them are empty: if the boxes were lost on the way, bring the right file - the newest word of a person counts"
        )
    yield from (words.format(counts[name]) for name, words in _SAID_OF.items() if counts[name])
    if counts["not_in_the_dataset"]:
        yield f"not in the dataset are such as {', '.join(shown(one, 100) for one in counts['first_not_in_the_dataset'])}"
    if counts["unknown"]:
        some = ", ".join(f"{shown(label, 60)} ({number})" for label, number in [*counts["unknown"].items()][:8])
        yield f"no taxon of the dataset, kept and not used until taxa names them: {some}"
    yield from _describe_progress(taken)


_SAID_OF = {
    "not_looked_at": "{} without a word are taken for not looked at - if they were and are empty, bring the files again with "
    "--all-looked-at",
    "perhaps_the_model_s": "{} have boxes that may be the model's, and are taken for not looked at - bring only images that "
    "somebody looked at, with --all-looked-at",
    "not_in_the_dataset": "{} are not in the dataset, or their name is not of one image alone",
    "changed_or_gone": "{} have changed since they were drawn, or the answer counts them no more: kept, and not used",
    "twice": "{} were there twice of one person: the last word counts",
    "contradicted": "{} were called nothing and have boxes: the boxes count",
    "other_shape": "{} have boxes of a picture of another shape, turned or cut: they count, and where they lie is not kept",
    "annotated_before": "{} have annotations of the same person, which labels of whole images alone do not take the place of - "
    "bring both of BIIGLE's reports in one command",
    "without_a_name": "{} are of nobody in particular: with --by NAME the words of two people are kept apart and compared",
    "by_number": "{} are of people whom the file names by a number, which is somebody else in another installation: with "
    "--by NAME they are kept apart",
    "not_drawn": "{} were drawn by no sample: models may learn from them, no estimate is made of them",
}


def _describe_progress(taken: Taken) -> Iterator[str]:
    for sample, (handed, labelled) in taken.progress.items():
        yield f"sample {sample}: {labelled} of {counted(handed, 'image')} labelled"
    for taxon, of_two in taken.agreement.items():
        kappa = "no kappa, both saw it everywhere or nowhere" if of_two.kappa is None else f"kappa {of_two.kappa:.2f}"
        yield f"two people, {shown(taxon, 80)}: equal counts in {of_two.equal:.0%} of {counted(of_two.images, 'image')}, {kappa}"
