"""`python -m shoal summarize DATASET`: count the images of a run again, without listing and inference.

What turns rows into numbers is taken from the dataset file as it is now: thresholds, taxa, clock, zone, deployments, usable.
A run of its own is written beside the other, and the dataset's answer stays, unless --publish is said. Several values of --conf
give one table, and nothing is written.
"""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from shoal.cli._json import add_json, print_json
from shoal.cli._reach import add_dataset, find_dataset, reach_stores
from shoal.cli._table import lay_out
from shoal.cli._tell import tell
from shoal.contract.errors import ConfigError, shown
from shoal.contract.tasks.classify import CLASSIFY
from shoal.settings.dataset_stores import Stores

if TYPE_CHECKING:
    from shoal.answers.find import StoredRun
    from shoal.contract.layout import VariantLayout
    from shoal.plan.resummary import Resummary
    from shoal.summary.summarized_run import SummarizedRun
    from shoal.summary.thresholds import AtThreshold

MOST_CONFS = 20
"""Thresholds of one table: each costs about as much as a summary."""


def add_arguments(parser: ArgumentParser) -> None:
    """Describe the command."""
    add_dataset(parser, by_file=True)
    parser.add_argument(
        "--conf",
        type=_confs,
        default=(),
        metavar="C[,C…]",
        help="count detections from this confidence on, for every class; several give a table with a column each",
    )
    parser.add_argument(
        "--at",
        default="current",
        metavar="RUN",
        help="the run whose images are counted: its run_key, or how that begins; default: the answer",
    )
    parser.add_argument("--publish", action="store_true", help="let it become the dataset's answer")
    add_json(parser)


def execute(arguments: Namespace) -> int:
    """Count a run's images again."""
    from shoal.answers.find import find_run  # noqa: PLC0415 - other commands do not need them
    from shoal.contract.minted_names import mint_run_key, run_time  # noqa: PLC0415
    from shoal.plan.resummary import Resummary  # noqa: PLC0415

    dataset = find_dataset(arguments.dataset, by_file=True)
    confs = arguments.conf
    if arguments.publish and len(confs) > 1:
        raise ConfigError("--publish with several values of --conf - only the dataset file's own become the answer")
    with reach_stores(dataset) as stores:
        run = find_run(stores.results, stores.layout, arguments.at)
        now = max(datetime.now(UTC), run_time(run.run_key) + timedelta(seconds=1))
        asked = Resummary(
            dataset,
            run.run_key,
            run.plan.variant.directory,
            mint_run_key(now),
            confs[0] if len(confs) == 1 else None,
            arguments.publish,
        )
        if len(confs) > 1:
            return _show_thresholds(asked, stores, run.layout, confs, as_json=arguments.json)
        return _write_run(asked, stores, run, as_json=arguments.json)


def _write_run(asked: "Resummary", stores: Stores, run: "StoredRun", *, as_json: bool) -> int:
    from shoal.exports.export import need_exports  # noqa: PLC0415
    from shoal.history.in_flight import need_none_in_flight  # noqa: PLC0415
    from shoal.plan.doubts import describe_unknown_taxa  # noqa: PLC0415
    from shoal.plan.resummary import plan_resummary, tell_not_taken  # noqa: PLC0415
    from shoal.settings.changed import tell_differences  # noqa: PLC0415
    from shoal.summary.summarize import summarize_run  # noqa: PLC0415

    need_exports(asked.dataset)
    if asked.publish:
        need_none_in_flight(stores, asked.of_run)
    plan = plan_resummary(asked, stores)
    done = summarize_run(stores, run.layout, plan.run_key, with_pictures=True)
    missed = asked.publish and done.not_current_because is not None
    if as_json:
        print_json(_as_json(asked, done))
        return 1 if missed else 0
    changes = tell_differences(run.plan.settings, plan.settings) or "the settings are as they were"
    tell(f"run {asked.dataset.name}/{plan.run_key}: the images of run {plan.of_run}{_conf(run, asked)}; {changes}")
    if not_taken := tell_not_taken(run.plan, asked.dataset):
        tell(f"not taken, it takes a run to list or infer by it: {not_taken}")
    tell(*done.describe(), *describe_unknown_taxa(plan.settings, plan.names))
    tell(_species(done))
    for name in ("summary.json", "report.html"):
        key = done.key if name == "summary.json" else done.stored.named[name].key
        tell(f"{name.partition('.')[0]:<8} {stores.results.uri(key)}")
    return 1 if missed else 0


def _conf(run: "StoredRun", asked: "Resummary") -> str:
    """Say from which score on every class counts, where one number replaces those of the dataset file, or did so before."""
    before = run.plan.params.conf
    if asked.conf is not None:
        return f", every class from confidence {asked.conf:g} on"
    return "" if before is None else f", by the dataset file's own confidence again, no more from {before:g} on"


def _species(done: "SummarizedRun") -> str:
    """Lay out the species; of a classifier, which counts nothing in an image, how many images are taken for each."""
    result = done.summary["result"]
    columns = {"detections": "detections", "images_with": "images with", "images": "of", "maxn": "MaxN"}
    if result.get("task") == CLASSIFY.name:
        columns = {"images_with": "images classified as it", "images": "of"}
    rows = [[shown(entry["taxon"]), *(str(entry[name]) for name in columns)] for entry in result["species"]]
    return lay_out(["taxon", *columns.values()], rows)


def _as_json(asked: "Resummary", done: "SummarizedRun") -> dict[str, Any]:
    result = done.summary["result"]
    return {
        "run": f"{asked.dataset.name}/{asked.run_key}",
        "of_run": f"{asked.dataset.name}/{asked.of_run}",
        "conf": result["conf"],
        "result_sha256": done.summary["result_sha256"],
        "is_answer": done.not_current_because is None,
        "new_troubles": list(done.new_troubles),
        "summary": done.key,
        "species": [
            {name: entry[name] for name in ("taxon", "detections", "images_with", "images", "maxn")}
            for entry in result["species"]
        ],
    }


def _show_thresholds(
    asked: "Resummary", stores: Stores, layout: "VariantLayout", confs: tuple[float, ...], *, as_json: bool
) -> int:
    from shoal.plan.resummary import as_planned  # noqa: PLC0415
    from shoal.summary.thresholds import count_at  # noqa: PLC0415

    columns = count_at(stores, layout, as_planned(asked, stores), confs)
    taxa = sorted({taxon for column in columns for taxon in column.taxa})
    if as_json:
        print_json(_thresholds_json(asked, columns))
        return 0
    header = ["detections", *(f"conf {column.conf:g}" for column in columns)]
    rows = [[shown(taxon), *(_detections(column, taxon) for column in columns)] for taxon in taxa]
    tell(f"the images of run {asked.dataset.name}/{asked.of_run}; nothing was written")
    tell(lay_out(header, [*rows, ["used images", *(str(column.used) for column in columns)]]))
    return 0


def _detections(column: "AtThreshold", taxon: str) -> str:
    seen = column.taxa.get(taxon)
    return str(seen.detections) if seen else "0"


def _thresholds_json(asked: "Resummary", columns: "list[AtThreshold]") -> dict[str, Any]:
    return {
        "of_run": f"{asked.dataset.name}/{asked.of_run}",
        "thresholds": [
            {
                "conf": column.conf,
                "used": column.used,
                "species": [
                    {"taxon": taxon, "detections": seen.detections, "images_with": seen.images_with, "maxn": seen.maxn}
                    for taxon, seen in column.taxa.items()
                ],
            }
            for column in columns
        ],
    }


def _confs(text: str) -> tuple[float, ...]:
    """Read one threshold, or several with commas between."""
    from shoal.contract.inference import STORED_CONF  # noqa: PLC0415

    found = []
    for word in text.split(","):
        try:
            conf = float(word)
        except ValueError:
            raise ArgumentTypeError(f"{shown(word, 40)!r} is no number - such as 0.5, or 0.3,0.5,0.7") from None
        if not STORED_CONF <= conf <= 1:
            raise ArgumentTypeError(
                f"{conf:g} is not from {STORED_CONF:g}, below which no box is stored, to 1 - such as 0.5, or 0.3,0.5,0.7 "
                "(commas stand between thresholds)"
            )
        found.append(conf)
    if len(found) > MOST_CONFS:
        raise ArgumentTypeError(f"{len(found)} thresholds - {MOST_CONFS} at most in one table")
    return tuple(dict.fromkeys(found))
