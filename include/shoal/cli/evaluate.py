"""`python -m shoal evaluate DATASET`: how right a model is on the images that people labelled, and which threshold suits it.

`--version v1 v2` judges two versions by the same labels: is the second one better, on what, and where.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import TYPE_CHECKING

from shoal.cli._json import add_json, print_json
from shoal.cli._numpy import need_numpy
from shoal.cli._reach import add_dataset, find_dataset, reach_results
from shoal.cli._table import lay_out
from shoal.cli._tell import tell
from shoal.contract.errors import ConfigError, shown
from shoal.contract.tasks.classify import CLASSIFY
from shoal.contract.units import counted

if TYPE_CHECKING:
    from shoal.answers.find import StoredRun
    from shoal.evidence.evaluation.make import Evaluated, Judged
    from shoal.evidence.evaluation.measures import Measured
    from shoal.evidence.evaluation.thresholds import Best, Threshold
    from shoal.evidence.evaluation.two import Change
    from shoal.evidence.evaluation.version import JudgedTaxon

MOST_CONFUSED = 8
MOST_VERSIONS = 2


def add_arguments(parser: ArgumentParser) -> None:
    """Describe the command."""
    add_dataset(parser)
    parser.add_argument(
        "--version",
        nargs="+",
        default=[],
        metavar="VERSION",
        help="one or two versions of the model, or run_keys; without it the dataset's answer",
    )
    parser.add_argument(
        "--best",
        choices=("bias", "f1"),
        default="bias",
        help="what proposed thresholds are best in: least bias of counts, or F1",
    )
    add_json(parser)


def execute(arguments: Namespace) -> int:
    """Judge, store, and tell."""
    need_numpy("evaluate")
    from shoal.answers.find import find_run  # noqa: PLC0415 - other commands do not need them
    from shoal.compare.choose import choose_run, choose_runs  # noqa: PLC0415
    from shoal.evidence.evaluation.make import make_evaluation  # noqa: PLC0415
    from shoal.tables.session import open_database  # noqa: PLC0415

    words = arguments.version
    if len(words) > MOST_VERSIONS:
        raise ConfigError(f"--version names {len(words)} - name one, or two to compare")
    dataset = find_dataset(arguments.dataset)
    with reach_results(arguments.dataset, dataset) as stores, open_database(stores.results, dataset.run) as database:
        runs: tuple[StoredRun, ...]
        if len(words) == MOST_VERSIONS:
            runs = choose_runs(stores.results, stores.layout, (words[0], words[1]))
        elif words:
            runs = (choose_run(stores.results, stores.layout, words[0]),)
        else:
            runs = (find_run(stores.results, stores.layout),)
        found = make_evaluation(database, stores.layout, runs, dataset.taxa)
    if arguments.json:
        print_json({"evaluation": found.name, **found.json})
    else:
        tell(*describe(found, arguments.best))
    return 0


def describe(found: "Evaluated", best: "Best") -> Iterator[str]:
    """Say how right versions are, in lines."""
    yield f"evaluation {found.name}: {counted(found.together, 'labelled image')}, weighted by how they were drawn"
    for judged in found.versions:
        yield from _version(judged, best)
    if found.changes:
        yield from _changes(found.changes)


def _version(judged: "Judged", best: "Best") -> Iterator[str]:
    from shoal.evidence.estimates.make import tell_left_out  # noqa: PLC0415 - numpy is not there for every command

    yield f"{judged.run.plan.models}, run {judged.run.run_key} (95 % intervals; none where fewer than 10 labelled images tell)"
    yield from tell_left_out(judged.sampled, judged.run.plan.models)
    header = [
        "taxon",
        "labels with it",
        "from score",
        "precision",
        "recall",
        "F1",
        "bias of counts",
        "in images: precision",
        "recall",
    ]
    yield lay_out(header, [_row(one, judged.confs.get(one.taxon, ())) for one in judged.taxa])
    if judged.run.plan.task == CLASSIFY.name:
        yield "it classifies images as a whole: right is an image that shows the taxon, and counts are of such images"
    elif not all(one.by_place for one in judged.taxa):
        yield "right is what lies in the same place (IoU 0.5) where people drew boxes; else as many of an image as both say"
    for one in judged.taxa:
        for part, named in one.parts.items():
            if len(named) > 1:
                told = ", ".join(f"{shown(name, 40) or '(none)'} {_share(at['recall'])}" for name, at in named.items())
                yield f"recall of {shown(one.taxon, 60)} by {part}: {told}"
    for pair in judged.confused[:MOST_CONFUSED]:
        yield (
            f"{pair['share_of_missed']:.0%} of the missed {shown(pair['there'], 60)} are where {shown(pair['said'], 60)} is "
            f"made up ({counted(pair['labelled_images'], 'labelled image')})"
        )
    yield from _thresholds(judged, best)


def _thresholds(judged: "Judged", best: "Best") -> Iterator[str]:
    from shoal.evidence.evaluation.make import lines_to_paste  # noqa: PLC0415

    chosen = [(one.taxon, one.thresholds[best]) for one in judged.taxa if best in one.thresholds]
    word = "least bias of counts" if best == "bias" else "best F1"
    if not chosen:
        yield f"no threshold of {word} can be chosen: that needs 10 days with labels, and 10 labelled images with a taxon"
        return
    yield f"thresholds of {word}, each judged on days that did not choose it"
    header = [
        "taxon",
        "from score",
        "parts chose",
        "bias",
        "F1",
        f"{'bias' if best == 'bias' else 'F1'} where it was chosen",
    ]
    yield lay_out(header, [_threshold(taxon, one) for taxon, one in chosen])
    yield "to take them, in the dataset file:"
    yield "\n".join(["taxa:", *lines_to_paste(judged, best)])


def _threshold(taxon: str, one: "Threshold") -> list[str]:
    low, high = one.spread
    flattered = f"{one.flattered:{'+' if one.best == 'bias' else ''}.0%}"
    return [
        shown(taxon, 60),
        f"{one.conf:g}",
        f"{low:g} to {high:g}",
        _share(one.bias, sign="+"),
        _share(one.f1),
        flattered,
    ]


def _row(one: "JudgedTaxon", confs: tuple[float, ...]) -> list[str]:
    return [
        shown(one.taxon, 60),
        str(one.positives),
        " and ".join(f"{conf:g}" for conf in confs),
        *(_share(one.individuals[name]) for name in ("precision", "recall", "f1")),
        _share(one.individuals["bias"], sign="+"),
        *(_share(one.presence[name]) for name in ("precision", "recall")),
    ]


def _share(found: "Measured", sign: str = "") -> str:
    if found.value is None:
        return "-"
    if found.low is None or found.high is None:
        return f"{found.value:{sign}.0%} ({found.images} differ)" if sign else f"{found.value:.0%} of {found.images}"
    return f"{found.value:{sign}.0%} ({found.low:{sign}.0%} to {found.high:{sign}.0%})"


def _changes(changes: tuple["Change", ...]) -> Iterator[str]:
    yield "from the first to the second, on the same labels (95 % intervals of pairs)"
    whole = [change for change in changes if not change.part]
    header = ["taxon", "of", "change", "from", "to", "images that differ", "the second is"]
    yield lay_out(header, [_change(change) for change in whole])
    shown_parts = [change for change in changes if change.part and change.verdict in {"better", "worse"}]
    for change in shown_parts:
        yield (
            f"{shown(change.taxon, 60)}, {change.part} {shown(change.name, 60) or '(none)'}: {change.verdict} by "
            f"{abs(change.by.value or 0):.3f} in F1"
        )
    parts = sum(bool(change.part) for change in changes)
    if parts:
        yield f"{counted(parts, 'part')} with 10 or more differing images looked at: of twenty, one differs by chance alone"


def _change(change: "Change") -> list[str]:
    by = change.by
    ends = ["", ""] if by.low is None or by.high is None else [f"{by.low:+.3f}", f"{by.high:+.3f}"]
    word = "distance of bias from 0" if change.measure == "bias" else change.measure
    return [
        shown(change.taxon, 60),
        word,
        "-" if by.value is None else f"{by.value:+.3f}",
        *ends,
        str(by.images),
        change.verdict,
    ]
