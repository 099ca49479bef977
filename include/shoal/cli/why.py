"""`python -m shoal why RUN`: why a run is as it is, from the results bucket alone and, if it answers, the cluster.

Exit status 0 when the run is complete, 1 when it is not, 2 when it cannot be told.
"""

from argparse import ArgumentParser, Namespace
from dataclasses import asdict

from shoal.cli._json import add_json, print_json
from shoal.cli._reach import find_dataset, reach_results
from shoal.cli._tell import tell
from shoal.cli._which_run import read_word
from shoal.contract.errors import ConfigError, ShoalError
from shoal.history.facts import RunFacts
from shoal.results.plan_parts import PlannedBy


def add_arguments(parser: ArgumentParser) -> None:
    """Describe the command."""
    parser.add_argument(
        "run",
        metavar="RUN",
        help="<dataset>/<run_key>, the URI or path of something of the run, or a dataset: its latest run; where there is no "
        "dataset file, s3://<connection>@<bucket>/<prefix><dataset>/, with the run_key or without",
    )
    add_json(parser)


def execute(arguments: Namespace) -> int:
    """Find the run, read what is known of it, say why."""
    from shoal.history.facts import read_facts  # noqa: PLC0415
    from shoal.history.find_run import latest_run  # noqa: PLC0415
    from shoal.history.why import State, diagnose  # noqa: PLC0415 - other commands do not need it
    from shoal.results.run_list import list_runs  # noqa: PLC0415

    name, run_key = read_word(arguments.run)
    dataset = find_dataset(name)
    with reach_results(name, dataset) as stores:
        runs = list_runs(stores.results, stores.layout)
        if run_key is not None and run_key not in runs:
            raise ConfigError(
                f"Nothing of run {run_key} lies below {stores.results.uri(stores.layout.root)}: there is no such run, or its "
                f"plan failed before it froze its listing - see the log of its task plan, and: python -m shoal check {name}"
            )
        if not runs:
            raise ConfigError(
                f"Dataset {name!r} has no run yet, or its plans failed before they froze a listing - see the log of task plan, "
                f"and: python -m shoal check {name}"
            )
        facts = read_facts(stores, run_key or latest_run(stores, runs), runs, name)
    found, pods = diagnose(facts), _ask_cluster(facts)
    if arguments.json:
        print_json(
            {
                "run": f"{name}/{facts.run_key}",
                **_planned(facts),
                **found.to_json(),
                "progress": _progress(facts),
                "pods": pods,
            }
        )
    else:
        tell("\n".join(_lines(f"{name}/{facts.run_key}", facts, found.to_json(), pods)))
    return 0 if found.state is State.COMPLETE else 1


def _progress(facts: RunFacts) -> dict[str, object] | None:
    return facts.progress.to_json() if facts.progress else None


def _planned(facts: RunFacts) -> dict[str, object]:
    """Name the Dag run and the model, where there is a plan."""
    if facts.plan is None:
        return {"dag_run": None, "model": None}
    return {**facts.plan.copied("dag_run"), "model": facts.plan.models}


def _lines(run: str, facts: RunFacts, found: dict[str, object], pods: list[str]) -> list[str]:
    lines = [("run", run)]
    if facts.plan is not None:
        lines.append(("planned", f"{_planner(facts.plan.dag_run)}, model {facts.plan.models}"))
        lines.append(("", ", ".join(f"{count} {what}" for what, count in asdict(facts.plan.counts).items())))
    if facts.summary is not None:
        lines.append(("balance", ", ".join(f"{count} {fate}" for fate, count in facts.summary.balance.items())))
    lines += [("state", str(found["state"])), ("cause", str(found["cause"]))]
    if facts.progress is not None:
        lines.append(("progress", facts.progress.describe()))
    for label in ("shards", "images"):
        values = found[label]
        lines += [
            (label if number == 0 else "", str(value))
            for number, value in enumerate(values if isinstance(values, list) else ())
        ]
    lines += [("pods" if number == 0 else "", line) for number, line in enumerate(pods)]
    lines.append(("next", str(found["next"])))
    return [f"{label:<8} {text}" for label, text in lines]


def _planner(dag_run: PlannedBy) -> str:
    return f"by {dag_run.dag_id or 'hand'} {dag_run.run_id}".rstrip()


def _ask_cluster(facts: RunFacts) -> list[str]:
    """Ask the cluster that the run was planned for about its pods, where there is one and the run is not complete."""
    if facts.plan is None or (facts.summary and facts.summary.complete):
        return []
    from shoal.airflow.engine_of import engine_of  # noqa: PLC0415 - other commands do not need it

    try:
        return engine_of(facts.plan.settings).tell(
            facts.run_key, {failed.pod for failed in facts.attempts if failed.pod}
        )
    except ShoalError as err:
        return [f"not asked: {err}"]
