"""`python -m shoal repeats DATASET`: things that stand in a camera's picture for days and are counted as animals.

Nothing is left out of any number by this: a person looks at the sheet and says what each is. The next summary then marks their
boxes (`detections.repeat`) and tells every number with and without them.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from shoal.cli._json import add_json, note, print_json
from shoal.cli._numpy import need_numpy
from shoal.cli._reach import add_dataset, find_dataset, reach_results
from shoal.cli._table import lay_out
from shoal.cli._tell import tell
from shoal.cli._whole import need_free, write_whole
from shoal.contract.errors import ConfigError, shown
from shoal.contract.tasks.classify import CLASSIFY
from shoal.contract.units import counted, utc_text
from shoal.evidence.frame import tell_undated

if TYPE_CHECKING:
    from shoal.answers.find import StoredRun
    from shoal.evidence.repeats.decisions import Decision
    from shoal.evidence.repeats.found import Cluster, InForce, Repeats
    from shoal.settings.dataset import Dataset
    from shoal.settings.dataset_stores import Stores
    from shoal.tables.session import Database

MOST_ROWS = 30
"""Clusters of a sheet: a row of crops each."""

MOST_NAME = 200


def add_arguments(parser: ArgumentParser) -> None:
    """Describe the command."""
    add_dataset(parser)
    parser.add_argument(
        "--sheet", type=Path, metavar="FILE", help="also a contact sheet of crops, a row a cluster, .jpg"
    )
    parser.add_argument("--confirm", nargs="+", default=[], metavar="ID", help="say that these are things, no animals")
    parser.add_argument(
        "--reject",
        nargs="+",
        default=[],
        metavar="ID",
        help="say that these are animals, clusters or earlier confirmations",
    )
    parser.add_argument("--by", metavar="NAME", help="who says so")
    add_json(parser)


def execute(arguments: Namespace) -> int:
    """List clusters, and store what a person says of them."""
    need_numpy("repeats")
    _need_sense(arguments)
    from shoal.answers.find import find_run  # noqa: PLC0415 - other commands do not need them
    from shoal.answers.views import view_answer  # noqa: PLC0415
    from shoal.evidence.repeats.decisions import read_decisions  # noqa: PLC0415
    from shoal.evidence.repeats.found import find_repeats  # noqa: PLC0415
    from shoal.tables.session import open_database  # noqa: PLC0415

    dataset = find_dataset(arguments.dataset)
    with reach_results(arguments.dataset, dataset) as stores:
        run = find_run(stores.results, stores.layout)
        with open_database(stores.results, dataset.run, images=run.plan.counts.listed) as database:
            view_answer(database, run.summary)
            decisions = read_decisions(stores.results, stores.layout)
            found = find_repeats(database, dataset.taxa, decisions)
            made = _decide(arguments, found, run.run_key)
            if made:
                _store(stores, made)
                found = find_repeats(database, dataset.taxa, (*decisions, *made))
            if arguments.json:
                print_json(_to_json(dataset.name, run, found))
            else:
                tell(*_describe(found, run))
            if arguments.sheet is not None:
                picture = _sheet(database, found, run, dataset, stores)
                write_whole(arguments.sheet, picture, "--sheet", aside=arguments.json)
    return 0


def _need_sense(arguments: Namespace) -> None:
    if (arguments.confirm or arguments.reject) and not (arguments.by or "").strip():
        raise ConfigError("A decision is told with who made it - add --by NAME")
    if arguments.by is not None and len(arguments.by) > MOST_NAME:
        raise ConfigError(f"--by has {len(arguments.by)} characters - write a name of at most {MOST_NAME}")
    if both := sorted(set(arguments.confirm) & set(arguments.reject)):
        raise ConfigError(f"{shown(both[0], 40)} is confirmed and rejected - leave one of the two out")
    if arguments.sheet is not None:
        if arguments.sheet.suffix.lower() not in {".jpg", ".jpeg"}:
            raise ConfigError(
                f"--sheet {shown(str(arguments.sheet), 200)}: sheets are JPEGs - write a name that ends in .jpg"
            )
        need_free(arguments.sheet, "--sheet")


def _decide(arguments: Namespace, found: "Repeats", run_key: str) -> "list[Decision]":
    """Make what a person said of clusters of this answer, or of earlier confirmations, decisions.

    Raises:
        ConfigError: There is no such cluster, or no such confirmation in force.
    """
    from shoal.evidence.repeats.decisions import Verdict  # noqa: PLC0415

    clusters = {cluster.id: cluster for cluster in found.clusters}
    # A confirmation is taken back as it was made: at a place or in a time beside its own some of its boxes would stay marked.
    confirmed = {one.decision.id: one.decision for one in found.in_force}
    confirmed |= {
        name: cluster.decision
        for cluster in found.clusters
        if cluster.decision is not None and cluster.decision.verdict is Verdict.REPEAT
        for name in (cluster.id, cluster.decision.id)
    }
    by, at = (arguments.by or "").strip(), datetime.now(UTC).replace(microsecond=0)
    made = []
    for verdict, names in ((Verdict.REPEAT, arguments.confirm), (Verdict.ANIMAL, arguments.reject)):
        for one in dict.fromkeys(names):
            if verdict is Verdict.ANIMAL and one in confirmed:
                made.append(replace(confirmed[one], verdict=verdict, by=by, at=at))
            elif one in clusters:
                made.append(replace(clusters[one].as_repeat(), verdict=verdict, by=by, at=at, run_key=run_key))
            else:
                raise ConfigError(
                    f"No cluster {shown(one, 40)} in the answer of run {run_key}: they are named anew with every answer - "
                    f"python -m shoal repeats {arguments.dataset} lists those of now, and what was confirmed before"
                )
    return list(dict.fromkeys(made))


def _store(stores: "Stores", made: "Sequence[Decision]") -> None:
    from shoal.evidence.repeats.decisions import write_decision  # noqa: PLC0415

    for decision in made:
        note(f"stored   {stores.results.uri(write_decision(stores.results, stores.layout, decision))}")


def _to_json(name: str, run: "StoredRun", found: "Repeats") -> dict[str, object]:
    return {
        "dataset": name,
        "run_key": run.run_key,
        "clusters": [cluster.to_json() for cluster in found.clusters],
        "confirmed_before": [one.to_json() for one in found.in_force],
        "coming_back": found.coming_back,
        "sessile_taxa": list(found.left_out),
        "taxa": [taxon.to_json() for taxon in found.taxa],
    }


def _describe(found: "Repeats", run: "StoredRun") -> Iterator[str]:
    yield f"answer of run {run.run_key}; findings, no filter: every number stays as it is until a person has confirmed"
    if found.clusters:
        header = ["cluster", "camera", "deployment", "taxon", "place", "from", "to", "images", "share", "state"]
        yield lay_out(header, [_row(cluster) for cluster in found.clusters])
        for cluster in found.clusters:
            yield f"{cluster.id}  {cluster.why}"
    elif run.plan.task == CLASSIFY.name:
        yield f"{run.plan.models} classifies images as a whole: it gives no boxes that could stand at one place"
    else:
        undated = tell_undated(run)
        yield f"nothing stands at one place for three days{undated and f': {undated}'}"
    if found.in_force:
        yield "confirmed before, and of no cluster of this answer; each still marks boxes, and --reject takes it back:"
        header = ["decision", "camera", "deployment", "taxon", "from", "to", "boxes", "by"]
        yield lay_out(header, [_row_before(one) for one in found.in_force])
    if found.taxa:
        yield lay_out(
            ["taxon", "boxes", "open", "confirmed", "without confirmed", "without both"],
            [
                [shown(one.taxon), *map(str, (one.boxes, one.open, one.confirmed, one.boxes - one.confirmed, one.left))]
                for one in found.taxa
            ],
        )
    if found.coming_back:
        yield f"{counted(found.coming_back, 'place')} where animals come back to, or stay for less: not proposed"
    if found.left_out:
        yield f"never proposed, as taxa says mobility: sessile: {', '.join(map(shown, found.left_out))}"


def _row(cluster: "Cluster") -> list[str]:
    place, period = cluster.place, cluster.period
    return [
        cluster.id,
        shown(place.camera),
        shown(place.deployment),
        shown(place.taxon),
        " ".join(f"{edge:.3f}" for edge in place.edges),
        utc_text(period.start),
        utc_text(period.end),
        f"{period.boxes} of {period.images}",
        f"{period.share:.0%}",
        cluster.state,
    ]


def _row_before(one: "InForce") -> list[str]:
    said, place = one.decision, one.decision.place
    times = (utc_text(said.start), utc_text(said.end))
    return [said.id, *map(shown, (place.camera, place.deployment, place.taxon)), *times, str(one.boxes), shown(said.by)]


def _sheet(database: "Database", found: "Repeats", run: "StoredRun", dataset: "Dataset", stores: "Stores") -> bytes:
    from shoal.evidence.repeats.sheet import CROPS, pick_crops  # noqa: PLC0415
    from shoal.pictures.draw import draw, sheet  # noqa: PLC0415
    from shoal.pictures.people import people_of  # noqa: PLC0415

    if not found.clusters:
        raise ConfigError("Nothing stands at one place for three days: there is no sheet to write - leave --sheet out")
    people = people_of(run.summary.result, run.run_key, dataset.taxa)
    crops = pick_crops(database, found.clusters[:MOST_ROWS], people)
    if not crops:
        raise ConfigError("Every image of these clusters shows people, so none is shown - leave --sheet out")
    limits = run.picture_limits
    drawn = list(draw(stores.source, crops, limits))
    more = len(found.clusters) - MOST_ROWS
    title = f"{run.summary.dataset}/{run.run_key} · what stands for days{f' · {more} more' if more > 0 else ''}"
    return sheet(drawn, CROPS, title, limits)
