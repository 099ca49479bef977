"""What the page of a run says, from what is known of it."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from shoal.airflow.pages.frame import NOTHING, to_airflow, to_compare, to_run
from shoal.answers.find import CURRENT
from shoal.contract.errors import shown
from shoal.contract.rows import FATES
from shoal.contract.run_names import CHECK_DAG_ID
from shoal.history.digest import tell_start
from shoal.history.facts import RunFacts
from shoal.history.progress import RunProgress, ShardNow, ShardState
from shoal.history.why import State, diagnose
from shoal.results.stored_plan import StoredPlan

MOST_SHARDS = 200
"""Shards that the page shows: the others are in the line over all."""

_TONES = {
    State.COMPLETE: "good",
    State.RUNNING: "",
    State.WAITING: "warn",
    State.STOPPED: "warn",
    State.INCOMPLETE: "warn",
    State.ENDED: "bad",
}
_SHARD_TONES = {
    **dict.fromkeys((ShardState.SILENT, ShardState.STILL, ShardState.LEFT, ShardState.ENDED), "warn"),
    ShardState.DONE: "good",
}
_ORDER = (
    ShardState.SILENT, ShardState.STILL, ShardState.LEFT, ShardState.ENDED, ShardState.AT_WORK, ShardState.WAITING,
    ShardState.DONE,
)  # fmt: skip


_WATCHED = {ShardState.AT_WORK, ShardState.STILL}


@dataclass(frozen=True)
class Step:
    """A step of a run: its sign is for the eye, what is said of it for all."""

    name: str
    sign: str
    said: str
    kind: str = ""


@dataclass(frozen=True)
class ShardLine:
    """A shard as the page shows it."""

    now: ShardNow
    percent: str
    tone: str
    trouble: str


@dataclass(frozen=True)
class Bar:
    """The run's progress in one line."""

    images: int
    done: int
    failed: int
    left: int
    images_per_s: float
    eta: str
    waits: str
    not_in_time: int


@dataclass(frozen=True)
class RunView:
    """The page of a run, as it is kept for all who look: each field is a part of it, and no plan or summary is in it."""

    run_key: str
    about: str
    state: str
    tone: str
    cause: str
    next: str
    is_over: bool
    progress: Bar | None
    steps: tuple[Step, ...]
    balances: tuple[str, ...]
    places: tuple[str, ...]
    shards: tuple[ShardLine, ...]
    more_shards: int
    links: tuple[tuple[str, str], ...]
    in_airflow: str


def view_run(dag_id: str, variant: str, facts: RunFacts) -> RunView:
    """Say what the page of a run says.

    Args:
        dag_id: The DAG under which it is shown.
        variant: Folder of its variant.
        facts: What is known of it.
    """
    found, plan, progress = diagnose(facts), facts.plan, facts.progress
    lines = _shard_lines(facts)
    return RunView(
        run_key=facts.run_key,
        about=_about(plan) if plan else "",
        state=str(found.state),
        tone=_TONES[found.state],
        cause=found.cause,
        next=found.next,
        is_over=facts.summary is not None or found.state is State.STOPPED,
        progress=_bar(progress) if progress and progress.images else None,
        steps=tuple(_steps(facts, found.state)),
        balances=tuple(_balances(facts)),
        places=tuple(_places(plan, progress)) if plan and facts.summary is None else (),
        shards=lines[:MOST_SHARDS],
        more_shards=max(0, len(lines) - MOST_SHARDS),
        links=tuple(_links(dag_id, variant, facts)),
        in_airflow=to_airflow(plan.dag_run.dag_id, plan.dag_run.run_id) if plan and _is_of_airflow(plan) else "",
    )


def _bar(progress: RunProgress) -> Bar:
    return Bar(
        progress.images, progress.done, progress.failed, progress.left, progress.images_per_s, progress.eta, progress.waits,
        progress.not_in_time,
    )  # fmt: skip


def _is_of_airflow(plan: StoredPlan) -> bool:
    return bool(plan.dag_run.dag_id and plan.dag_run.run_id) and plan.dag_run.dag_id != CHECK_DAG_ID


def _about(plan: StoredPlan) -> str:
    conf = plan.params_json.get("conf")
    said = f"conf {conf} (asked)" if conf is not None else f"conf {plan.settings.conf:g} (dataset file)"
    what = f"a count of the images of run {plan.of_run}" if plan.of_run else f"model {plan.models}"
    return f"{what} · {said} · started {tell_start(plan)}"


def _steps(facts: RunFacts, state: State) -> Iterator[Step]:
    plan, summary, progress = facts.plan, facts.summary, facts.progress
    if plan is None:
        yield Step("plan", "▶", "no plan yet")
        return
    yield Step("plan", "✓", "done", "good")
    if (
        summary is None
        and state is State.WAITING
        and plan.approval
        and plan.approval.decision == "ask"
        and not facts.answer
    ):
        yield Step("approve", "!", "waits for a person", "warn")
        return
    if facts.answer is not None:
        sign, kind = ("✓", "good") if facts.answer.yes else ("✗", "warn")
        yield Step("approve", sign, facts.answer.describe(), kind)
    else:
        yield Step("approve", "✓", "not needed", "good")
    if summary is not None or (progress is not None and progress.is_done) or not plan.shards:
        yield Step("infer", "✓", "done" if plan.shards else "nothing to do", "good")
    else:
        yield Step(
            "infer", "▶", "at work" if state is State.RUNNING else str(state), "" if state is State.RUNNING else "warn"
        )
    if summary is not None:
        yield Step("summarize", "✓", "done", "good")
    else:
        yield Step("summarize", "·", "to come" if state in {State.RUNNING, State.WAITING} else "not done")


def _balances(facts: RunFacts) -> Iterator[str]:
    """Tell both balances; before there is a summary the first one, by what workers say."""
    plan, summary = facts.plan, facts.summary
    if summary is not None:
        balance = summary.balance
        fates = " + ".join(f"{fate} {balance[fate]:,}" for fate in FATES if balance[fate])
        yield f"Listed {balance['listed']:,} = {fates or '0'}"
        uses = " + ".join(f"{use} {count:,}" for use, count in summary.uses.items() if count)
        yield f"Examined {summary.examined:,} = {uses or '0'}"
    elif plan is not None:
        counts, progress = plan.counts, facts.progress
        parts = [f"reused {counts.reused:,}"]
        parts += [f"done {progress.done:,}", f"open {progress.left:,}"] if progress else [f"to infer {counts.chosen:,}"]
        parts += [f"archived {counts.archived:,}"] if counts.archived else []
        parts += [f"left for later {counts.pending:,}"] if counts.pending else []
        yield f"Listed {counts.listed:,} = {' + '.join(parts)}"


def _places(plan: StoredPlan, progress: RunProgress | None) -> Iterator[str]:
    """Tell what binds on which node, and who is at work there."""
    if plan.capacity is None:
        return
    yield f"Room: {plan.capacity.reason}"
    at_work = Counter(one.node for one in (progress.shards if progress else ()) if one.state in _WATCHED)
    for node in plan.capacity.nodes:
        binds = f", bound by {', '.join(node.binds)}" if node.binds else ""
        now = f"; at work now: {at_work[node.name]}" if node.name in at_work else ""
        yield f"{node.name}: room for {node.pods}{binds} when it was planned{now}"


def _shard_lines(facts: RunFacts) -> tuple[ShardLine, ...]:
    if facts.progress is None:
        return ()
    failures: dict[int, list[str]] = {}
    for failed in facts.attempts:
        failures.setdefault(failed.shard, []).append(failed.error)
    ordered = sorted(facts.progress.shards, key=lambda one: (_ORDER.index(one.state), one.shard))
    return tuple(
        ShardLine(
            one,
            f"{one.done / one.images:.0%}" if one.images else NOTHING,
            _SHARD_TONES.get(one.state, ""),
            f"attempt {len(errors)} failed: {shown(errors[-1], 200)}" if (errors := failures.get(one.shard)) else "",
        )
        for one in ordered
    )


def _links(dag_id: str, variant: str, facts: RunFacts) -> Iterator[tuple[str, str]]:
    """Name the other pages of the run that there are."""
    if facts.plan is not None:
        yield "Plan", to_run("plan", dag_id, variant, facts.run_key)
    summary = facts.summary
    if summary is not None and "report.html" in summary.named:
        yield "Report", to_run("report", dag_id, variant, facts.run_key)
    if summary is not None and summary.complete and summary.by_month:
        yield "Explore", to_run("explore", dag_id, variant, facts.run_key)
        yield "Beside the numbers", to_run("evidence", dag_id, variant, facts.run_key)
        yield "Images", to_run("images", dag_id, variant, facts.run_key)
        before = facts.plan.compared_with if facts.plan is not None else None
        if not facts.is_answer:
            yield "Compare with the answer", to_compare(dag_id, CURRENT, facts.run_key)
        elif before is not None:
            yield "Compare with the version before", to_compare(dag_id, before.run_key, facts.run_key)
    if facts.plan is not None:
        yield "Try a picture", to_run("try", dag_id, variant, facts.run_key)
    if summary is not None:
        yield "Failures", to_run("failures", dag_id, variant, facts.run_key)
        yield "Summary (JSON)", to_run("summary", dag_id, variant, facts.run_key)
