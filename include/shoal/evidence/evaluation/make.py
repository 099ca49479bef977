"""An evaluation as a whole: one version, or two on the same labels; stored by its content."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shoal.answers.find import StoredRun
from shoal.contract.layout import FORMAT_VERSION, DatasetLayout
from shoal.evidence.estimates.make import NoLabelsError, told_of
from shoal.evidence.evaluation.read_scored import read_scored
from shoal.evidence.evaluation.scored import Scored
from shoal.evidence.evaluation.thresholds import Best
from shoal.evidence.evaluation.two import Change, compare_versions
from shoal.evidence.evaluation.version import JudgedTaxon, confusion, judge
from shoal.evidence.read_sampled import Sampled
from shoal.evidence.stored import store_json
from shoal.results.thresholds import confs_of
from shoal.settings.analysis import Taxon
from shoal.settings.taxa import taxon_of
from shoal.tables.session import Database


@dataclass(frozen=True)
class Judged:
    """One version, judged.

    Attributes:
        run: Whose counts.
        sampled: The labels that it is judged by.
        taxa: How right it is.
        confused: What it takes for what.
        confs: By taxon, from which scores it counts.
        json: All that is stored of it.
    """

    run: StoredRun
    sampled: Sampled
    taxa: tuple[JudgedTaxon, ...]
    confused: Sequence[Mapping[str, Any]]
    confs: Mapping[str, tuple[float, ...]]
    json: Mapping[str, Any]


@dataclass(frozen=True)
class Evaluated:
    """An evaluation.

    Attributes:
        name: The 16 digits that it lies under.
        json: All that is stored of it.
        versions: One or two.
        changes: From the first to the second; empty of one.
        together: Labelled images that all versions were judged on.
    """

    name: str
    json: Mapping[str, Any]
    versions: tuple[Judged, ...]
    changes: tuple[Change, ...]
    together: int


def make_evaluation(
    database: Database, layout: DatasetLayout, runs: Sequence[StoredRun], taxa: Mapping[str, Taxon]
) -> Evaluated:
    """Judge one run or two by all labels there are, and store what comes out; two by the labels that may judge both.

    Args:
        database: A session on the results bucket.
        layout: The dataset.
        runs: One, or two versions' newest.
        taxa: Those of the dataset file of today.

    Raises:
        NoLabelsError: There are no labels that may judge them.
        ConfigError: An answer does not tell which images show people.
        ContractError: A stored object is not what it must be.
    """
    read = [(*read_scored(database, layout, run, taxa), run) for run in runs]
    everywhere = set.intersection(*(set(one.keys) for _, one, _ in read))
    keys = [key for key in read[0][1].keys if key in everywhere]
    if not keys:
        raise NoLabelsError(
            f"No labelled image may judge both runs {' and '.join(run.run_key for run in runs)} - draw and label more: "
            f"python -m shoal sample {layout.dataset} OUT -n 300"
        )
    scored = [one.only(keys) for _, one, _ in read]
    versions = tuple(_judged(sampled, one, run) for (sampled, _, run), one in zip(read, scored, strict=True))
    changes = compare_versions(*scored) if len(scored) == 2 else ()
    value = {
        "format_version": FORMAT_VERSION,
        "kind": "evaluation",
        "dataset": layout.dataset,
        "labels": len(keys),
        "versions": [version.json for version in versions],
        "changes": [change.to_json() for change in changes],
    }
    return Evaluated(store_json(database.results, layout, "estimates", value), value, versions, changes, len(keys))


def _judged(sampled: Sampled, scored: Scored, run: StoredRun) -> Judged:
    taxa, confused, confs = judge(scored), confusion(scored), confs_of(run.plan)
    value = {
        **told_of(run, sampled),
        "taxa": [{**one.to_json(), "conf": list(confs.get(one.taxon, ()))} for one in taxa],
        "confusion": confused,
    }
    return Judged(run, sampled, taxa, confused, confs, value)


def lines_to_paste(judged: Judged, best: Best) -> Iterator[str]:
    """Write thresholds as they stand in a dataset file, for each class of a taxon for which one could be chosen."""
    chosen = {one.taxon: one.thresholds[best] for one in judged.taxa if best in one.thresholds}
    settings = judged.run.plan.settings
    for name in dict.fromkeys(judged.run.plan.names):
        if (found := chosen.get(taxon_of(name, settings.taxa))) is not None:
            yield f"  {_quoted(name)}:"
            yield f"    conf: {found.conf:g}"


def _quoted(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
