"""Reads what a run says of the labelled images, box by box, also below its thresholds."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from shoal.answers.find import StoredRun
from shoal.contract.layout import DatasetLayout
from shoal.contract.tasks.classify import CLASSIFY
from shoal.evidence.estimates.make import need_labels
from shoal.evidence.evaluation.scored import Edges, Scored, ScoredBox, score_taxon
from shoal.evidence.read_sampled import Sampled, read_sampled
from shoal.results.thresholds import all_are_merged, confs_of
from shoal.settings.analysis import Taxon
from shoal.settings.taxa import taxon_of
from shoal.tables.session import Database

_FOUND = """
    WITH boxes AS (
        SELECT key, object_version, taxon, confidence, x1, y1, x2, y2, position, true AS counts
        FROM detections WHERE role = 'count'
        UNION ALL BY NAME
        SELECT key, object_version, taxon, confidence, x1, y1, x2, y2, position, false AS counts
        FROM below WHERE role = 'count'
    )
    SELECT key, taxon, confidence, counts, x1, y1, x2, y2 FROM boxes SEMI JOIN judged USING (key, object_version)
    WHERE list_contains(getvariable('evidence_keys'), key) {best}
    ORDER BY key, taxon, confidence DESC, position
"""

_DRAWN = """
    SELECT key, taxon, x1, y1, x2, y2 FROM words
    SEMI JOIN sampled_looks USING (key, content_sha256, person) SEMI JOIN judged USING (key, content_sha256)
    WHERE taxon IS NOT NULL AND x1 IS NOT NULL AND individuals = 1 AND list_contains(getvariable('evidence_keys'), key)
"""


def read_scored(
    database: Database, layout: DatasetLayout, run: StoredRun, taxa: Mapping[str, Taxon]
) -> tuple[Sampled, Scored]:
    """Read the labelled images of an answer and what it says of each.

    A classifier says whether an image shows a taxon, never how many: people's labels of it are taken for the same.

    Raises:
        NoLabelsError: There is none; it says what to do next.
        ConfigError: The answer does not tell which images show people.
        ContractError: A stored object is not what it must be.
    """
    sampled = need_labels(read_sampled(database, layout, run, taxa), layout.dataset, run.plan.models)
    keys, images = sampled.keys, sampled.images
    database.set_variable("evidence_keys", list(keys))
    found: dict[str, dict[str, list[ScoredBox]]] = defaultdict(lambda: defaultdict(list))
    whole_images = run.plan.task == CLASSIFY.name
    labelled = {taxon: np.minimum(one, 1) if whole_images else one for taxon, one in images.labelled.items()}
    best = "AND position = 0" if whole_images else ""
    for key, taxon, score, counts, *edges in database.run(_FOUND.format(best=best)).fetchall():
        found[taxon][key].append(ScoredBox(float(score), counts, _edges(edges)))
    drawn: dict[str, dict[str, list[Edges]]] = defaultdict(lambda: defaultdict(list))
    for key, taxon, *edges in database.run(_DRAWN).fetchall():
        if (box := _edges(edges)) is not None:
            drawn[taxon][key].append(box)
    lowest, confs = _lowest(run), confs_of(run.plan)
    scored = {
        taxon: score_taxon(
            [found[taxon][key] for key in keys],
            labelled[taxon],
            [drawn[taxon][key] for key in keys],
            lowest.get(taxon, 0.0),
            max(confs.get(taxon, (run.plan.settings.conf,))),
        )
        for taxon in labelled
    }
    return sampled, Scored(keys, images.probability, images.camera, images.captured_at, scored)


def _edges(edges: Sequence[float | None]) -> Edges | None:
    if any(edge is None for edge in edges):
        return None
    x1, y1, x2, y2 = (float(edge) for edge in edges if edge is not None)
    return x1, y1, x2, y2


def _lowest(run: StoredRun) -> dict[str, float]:
    """Say from which score on no individual is two boxes, by taxon: below that of all classes it is merged of, it may be.

    Of two models in a row every taxon is merged where several classes of the first one may be it.
    """
    classes: dict[str, int] = defaultdict(int)
    for name in run.plan.names:
        classes[taxon_of(name, run.plan.settings.taxa)] += 1
    all_merged = all_are_merged(run.plan)
    return {taxon: max(confs) for taxon, confs in confs_of(run.plan).items() if all_merged or classes[taxon] > 1}
