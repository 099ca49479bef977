"""What estimates and evaluations begin with: the labelled images of an answer with their probabilities, and the frame's sums.

Left out, and counted: images that show people; days that the version at hand may have learnt from; images that no sample so far
could have drawn, as those that came later. The sums are those that the answer has, less what its tables have of what is left out.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.answers.find import StoredRun
from shoal.contract.layout import DatasetLayout
from shoal.evidence.design import Design
from shoal.evidence.frame import view_frame
from shoal.evidence.label_state import LabelState, names_of
from shoal.evidence.labelled import view_drawn, view_labels
from shoal.evidence.permanent import DAY_NUMBER, DRAWN, SQL_SMALL_MARK, sql_number
from shoal.evidence.reached import reached
from shoal.evidence.sampled import Frame, SampledImages
from shoal.evidence.stored import FRAME, read_designs, read_imports, read_trainings
from shoal.evidence.taxon_names import counted_names
from shoal.settings.analysis import Taxon
from shoal.tables.session import Database

# Ratios are compared with ratios: a product of one would be another number in its last digit. What nobody can label any more (it
# is gone, is another image now, or shows people by the dataset file of today) is in no order: none waits for it.
_ORDER = """
    SELECT sample, u / probability AS ratio, sampled_looks.key IS NOT NULL, number IS NOT NULL, key, content_sha256
    FROM with_numbers SEMI JOIN frame USING (key, content_sha256) LEFT JOIN sampled_looks USING (key, content_sha256)
    ORDER BY sample, ratio, key
"""

_IN_PLAY = """
    CREATE OR REPLACE TABLE in_play AS
    WITH found AS (
        SELECT key, content_sha256, max(probability * reached) AS probability FROM with_numbers JOIN reached USING (sample)
        WHERE u / probability < reached GROUP BY ALL
    )
    SELECT judged.*, found.probability, sampled_looks.key IS NOT NULL AS looked, coalesce(words.blind, true) AS blind
    FROM found JOIN judged USING (key, content_sha256) LEFT JOIN sampled_looks USING (key, content_sha256)
    LEFT JOIN (
        SELECT key, content_sha256, person, bool_and(coalesce(blind, true)) AS blind FROM words GROUP BY ALL
    ) AS words USING (key, content_sha256, person)
"""

_LABELLED = "SELECT key, probability, camera, captured_at, blind FROM in_play WHERE looked ORDER BY key"

_SEEN = """
    SELECT key, taxon, count(*) FROM detections
    SEMI JOIN (FROM in_play WHERE looked) USING (key, object_version) WHERE role = 'count' GROUP BY ALL
"""

_SAID = """
    SELECT key, taxon, sum(individuals) FROM labelled
    SEMI JOIN (FROM in_play WHERE looked) USING (key, content_sha256) GROUP BY ALL
"""

_OF_IMAGE = "key, object_version, content_sha256, camera, captured_at"

_LEFT_OUT = """
    SELECT taxon, count(*), count(DISTINCT key) FROM detections
    ANTI JOIN judged USING (key, object_version) WHERE role = 'count' AND use = 'used' GROUP BY ALL
"""


@dataclass(frozen=True)
class Sampled:
    """Labelled images of an answer, and how they came to be.

    Attributes:
        images: Those that are labelled; see there.
        frame: Of all that could have been drawn.
        keys: Of the images, in the same order.
        designs: Names of all samples that were drawn.
        samples: Of those whose labels are used.
        label_files: Names of all labels that came in.
        passed_over: Drawn images among them without a label, as if by chance: probabilities are smaller by that share.
        to_come: Images of samples without a label that nobody has come to yet.
        unused: Labelled images that are not used: too many before them in the order have no label.
        before_unused: How many these are.
        not_blind: Labelled images whose people saw the model's boxes.
        people: Images that are left out because they show people.
        of_training: Images that are left out because the version may have learnt from their day.
        not_drawable: Images that are left out because no sample could have drawn them: they came later.
    """

    images: SampledImages
    frame: Frame
    keys: tuple[str, ...]
    designs: tuple[str, ...]
    samples: tuple[str, ...]
    label_files: tuple[str, ...]
    passed_over: int
    to_come: int
    unused: int
    before_unused: int
    not_blind: int
    people: int
    of_training: int
    not_drawable: int


def read_sampled(
    database: Database,
    layout: DatasetLayout,
    run: StoredRun,
    taxa: Mapping[str, Taxon],
    state: LabelState | None = None,
) -> Sampled:
    """Read samples and labels of a dataset, as they concern one answer.

    Args:
        database: A session on the results bucket; afterwards it holds the views `judged` (images of the frame), `words` and
            `sampled_looks` for whoever compares boxes.
        layout: The dataset.
        run: Whose answer; labels of images that it does not have, or has with other bytes, are not used.
        taxa: Those of the dataset file of today: who is a person now is one in every run.
        state: Those samples, labels and training sets; None for all there are.

    Raises:
        ConfigError: The answer does not tell which images show people.
        ContractError: A stored object is not what it must be.
    """
    people = view_frame(database, run, taxa)
    designs = read_designs(database.results, layout, names_of(state, "samples"))
    names = counted_names(run)
    imports = read_imports(database.results, layout, names_of(state, "labels"))
    view_labels(database, imports, names)
    view_drawn(database, designs)
    database.run(
        f"CREATE OR REPLACE VIEW with_numbers AS SELECT *, {sql_number(DRAWN, 'key', 'content_sha256')} AS u FROM drawn"
    )
    come = _how_far(database.run(_ORDER).fetchall())
    shares = come.shares
    used = [one for one in designs if shares.get(one.name)]
    trained, not_drawable = _view_judged(database, used, _days_share(database, layout, run, state))
    _table_of(database, {one.name: shares[one.name] for one in used})
    database.run(_IN_PLAY)
    in_play = int(database.value("SELECT count(*) FROM in_play"))
    labelled = database.run(_LABELLED).fetchall()
    all_taxa = sorted({*names.values(), *(one["taxon"] for one in run.summary.result["species"])})
    return Sampled(
        _images(database, labelled, len(labelled) / in_play if in_play else 1.0, all_taxa),
        _frame(database, run, all_taxa, people + trained + not_drawable),
        tuple(row[0] for row in labelled),
        tuple(one.name for one in designs),
        tuple(one.name for one in used),
        tuple(one.name for one in imports),
        passed_over=in_play - len(labelled),
        to_come=come.to_come,
        unused=come.unused,
        before_unused=come.before_unused,
        not_blind=sum(not row[4] for row in labelled),
        people=people,
        of_training=trained,
        not_drawable=not_drawable,
    )


@dataclass(frozen=True)
class _HowFar:
    """How far samples are labelled: `shares` by name, and what `Sampled` has of the rest."""

    shares: Mapping[str, float]
    to_come: int
    unused: int
    before_unused: int


def _how_far(order: Sequence[tuple[Any, ...]]) -> _HowFar:
    """Find how far each sample is labelled: one of whose own images nobody has labelled any has not begun."""
    by_sample: dict[str, list[tuple[float, bool, tuple[str, str]]]] = defaultdict(list)
    begun = set()
    for sample, ratio, looked, own, *image in order:
        by_sample[sample].append((ratio, looked, (image[0], image[1])))
        if looked and own:
            begun.add(sample)
    shares = {name: reached([row[:2] for row in rows]) for name, rows in by_sample.items() if name in begun}
    come = {image for name, rows in by_sample.items() for ratio, _, image in rows if ratio < shares.get(name, 0.0)}
    drawn = [(image, looked) for rows in by_sample.values() for _, looked, image in rows]
    unused = {image for image, looked in drawn if looked} - come
    before = set[tuple[str, str]]()
    for name in begun:
        last = max((place for place, (_, _, image) in enumerate(by_sample[name]) if image in unused), default=0)
        before |= {image for _, looked, image in by_sample[name][:last] if not looked}
    return _HowFar(shares, len({image for image, looked in drawn if not looked} - come), len(unused), len(before))


def _days_share(database: Database, layout: DatasetLayout, run: StoredRun, state: LabelState | None) -> float:
    """Say below which number a day may have been learnt from by the version at hand, or by that of the second model."""
    versions = {run.plan.model.version} | ({run.plan.then.model.version} if run.plan.then else set())
    sets = read_trainings(database.results, layout, names_of(state, "trainings"))
    return max((one.days_share for one in sets if one.version in versions), default=0.0)


def _view_judged(database: Database, designs: Sequence[Design], days_share: float) -> tuple[int, int]:
    """Make the view `judged`; count what is left out of the frame: by days of training, and as no sample could have drawn it."""
    database.view_parquet("drawable", [one.frame_key for one in designs], FRAME)
    could = f"{SQL_SMALL_MARK} IN (SELECT mark FROM drawable)" if designs else "true"
    database.run(f"CREATE OR REPLACE VIEW kept_days AS SELECT * FROM frame WHERE {DAY_NUMBER} >= {days_share!r}")
    database.run(f"CREATE OR REPLACE TABLE judged AS SELECT {_OF_IMAGE} FROM kept_days WHERE {could}")
    frame, kept, judged = (
        int(database.value(f"SELECT count(*) FROM {view}")) for view in ("frame", "kept_days", "judged")
    )
    return frame - kept, kept - judged


def _table_of(database: Database, shares: Mapping[str, float]) -> None:
    database.run("CREATE OR REPLACE TABLE reached (sample VARCHAR, reached DOUBLE)")
    for sample, share in shares.items():
        database.run("INSERT INTO reached VALUES (?, ?)", [sample, share])


def _images(database: Database, rows: Sequence[tuple[Any, ...]], answered: float, taxa: Sequence[str]) -> SampledImages:
    keys = [row[0] for row in rows]
    return SampledImages(
        probability=np.array([row[1] * answered for row in rows], np.float64),
        camera=np.array([row[2] for row in rows], np.str_),
        captured_at=np.array([np.datetime64("NaT") if row[3] is None else row[3] for row in rows], "datetime64[us]"),
        predicted=_by_taxon(keys, taxa, database.run(_SEEN).fetchall()),
        labelled=_by_taxon(keys, taxa, database.run(_SAID).fetchall()),
    )


def _by_taxon(
    keys: Sequence[str], taxa: Sequence[str], rows: Iterable[tuple[Any, ...]]
) -> dict[str, NDArray[np.int64]]:
    place = {key: number for number, key in enumerate(keys)}
    found = {taxon: np.zeros(len(keys), np.int64) for taxon in taxa}
    for key, taxon, individuals in rows:
        if taxon in found:
            found[taxon][place[key]] = individuals
    return found


def _frame(database: Database, run: StoredRun, taxa: Sequence[str], left_out: int) -> Frame:
    """Take the answer's own sums, less what its tables have of images that are left out."""
    sums = {one["taxon"]: (one["detections"], one["images_with"]) for one in run.summary.result["species"]}
    less = {taxon: (boxes, images) for taxon, boxes, images in database.run(_LEFT_OUT).fetchall()} if left_out else {}
    both = {
        taxon: [whole - part for whole, part in zip(sums.get(taxon, (0, 0)), less.get(taxon, (0, 0)), strict=True)]
        for taxon in taxa
    }
    return Frame(
        images=int(database.value("SELECT count(*) FROM judged")),
        predicted={taxon: boxes for taxon, (boxes, _) in both.items()},
        predicted_in={taxon: images for taxon, (_, images) in both.items()},
    )
