"""Approval: whether a model version's remaining work is large enough to ask a person, and what they said.

The answer lies in the variant's `approval.json` and holds for all its work: a person is asked once.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from shoal.contract.errors import ConfigError
from shoal.contract.layout import FORMAT_VERSION, VariantLayout
from shoal.contract.minted_names import run_time
from shoal.contract.stored_json import checked, reading
from shoal.contract.units import parse_quantity, read_time
from shoal.results.stored_plan import StoredPlan
from shoal.settings.dataset import Dataset
from shoal.stores.object_store import ObjectStore

SECONDS_PER_HOUR = 3600.0


class Asks(StrEnum):
    """When the run that plans asks a person."""

    NEVER = "never"
    """Nobody is awake: a scheduled run."""
    ONCE = "once"
    """Unless somebody has answered: a run that a release, a backfill or an earlier run started."""
    AGAIN = "again"
    """Also after a no: a run that a person started by hand."""


class Decision(StrEnum):
    """What becomes of a plan's inference."""

    NOT_NEEDED = "not_needed"
    APPROVED = "approved"
    ASK = "ask"
    REFUSED = "refused"
    WAITS = "waits"

    @property
    def starts(self) -> bool:
        """Whether inference starts, at once or after a yes."""
        return self not in {Decision.REFUSED, Decision.WAITS}


@dataclass(frozen=True)
class Rate:
    """Expected seconds of one worker per image, and where the figure comes from."""

    seconds_per_image: float
    source: str

    def to_json(self) -> dict[str, Any]:
        """Write the rate as plan.json shows it."""
        return {"value": self.seconds_per_image, "source": self.source}


@dataclass(frozen=True)
class Work:
    """What a variant still has to infer in a run's scope.

    Attributes:
        images: How many.
        rate: Of one worker.
        cores: That one worker takes, see `cores_of`.
    """

    images: int
    rate: Rate
    cores: float = 1.0

    @property
    def cpu_hours(self) -> float:
        """Hours of one core."""
        return self.images * self.rate.seconds_per_image * self.cores / SECONDS_PER_HOUR

    def describe(self) -> str:
        """Tell the figures and where they come from."""
        return (
            f"{self.images} images, {self.cpu_hours:.3g} CPU hours at {self.rate.seconds_per_image:.3g} s per image "
            f"({self.rate.source})"
        )


def cores_of(dataset: Dataset) -> float:
    """Count the cores that others cannot have while a worker is at work: its own and its service's, no less than one."""
    asked = [dataset.cluster.pod.cpu, *([dataset.worker.service.cpu] if dataset.worker.service else [])]
    return max(1.0, float(sum(map(parse_quantity, asked))))


@dataclass(frozen=True)
class Answer:
    """What a person said.

    Attributes:
        yes: Whether the work may be done.
        by: Name of the person, None when nobody answered in time.
        at: When, as it is stored: UTC.
        run_key: The run that asked; empty where that is not known yet.
        images: How many it was about; None where that is not known yet.
        cpu_hours: How much work that was.
    """

    yes: bool
    by: str | None
    at: str
    run_key: str = ""
    images: int | None = None
    cpu_hours: float | None = None

    def describe(self) -> str:
        """Tell who said what, and when."""
        if self.by is None:
            return f"nobody answered until {self.at}"
        return f"{'approved' if self.yes else 'refused'} by {self.by} at {self.at}"

    def tell(self) -> str:
        """Tell it with the work that it was about, where that is known."""
        about = f": {self.images} images, {self.cpu_hours:.3g} CPU hours" if self.images and self.cpu_hours else ""
        asked = f", asked by run {self.run_key}" if self.run_key else ""
        return f"{self.describe()}{about}{asked}"


def exceeds(work: Work, threshold_cpu_hours: float | None) -> bool:
    """Whether work is more than may be done without asking; no threshold lets everything pass."""
    return threshold_cpu_hours is not None and work.images > 0 and work.cpu_hours > threshold_cpu_hours


def decide(
    work: Work, threshold_cpu_hours: float | None, answer: Answer | None, asks: Asks, *, in_use: bool
) -> Decision:
    """Decide whether a plan's inference starts.

    Args:
        work: All that the variant still has to infer in the run's scope.
        threshold_cpu_hours: More than this is asked for; None for never.
        answer: What was said about the variant before, None when nothing was.
        asks: When this run asks.
        in_use: Whether the dataset's answer is of this variant: new images are no reason to stop a series.
    """
    if answer is not None and answer.yes:
        return Decision.APPROVED
    if work.images == 0 or in_use:
        return Decision.NOT_NEEDED
    if answer is not None and asks is not Asks.AGAIN:
        return Decision.REFUSED
    if not exceeds(work, threshold_cpu_hours):
        return Decision.NOT_NEEDED
    return Decision.WAITS if asks is Asks.NEVER else Decision.ASK


@dataclass(frozen=True)
class Approval:
    """What a plan says about its approval: `plan.json`'s `approval`.

    Attributes:
        decision: What becomes of the inference.
        work: All that the variant still has to infer in the run's scope.
        threshold_cpu_hours: The dataset's run.approval_cpu_hours.
        answer: What was said before.
        void_at: When something was said that does not count: it was about images of another bucket or prefix.
    """

    decision: Decision
    work: Work
    threshold_cpu_hours: float | None
    answer: Answer | None
    void_at: str | None = None

    def describe(self) -> list[str]:
        """Tell it in one line; nothing where nobody has to be asked."""
        figures = self.work.describe()
        said = self.answer.describe() if self.answer else ""
        match self.decision:
            case Decision.NOT_NEEDED:
                return []
            case Decision.APPROVED:
                return [f"{said}: {figures}"]
            case Decision.REFUSED:
                return [f"{said}: {figures} are not inferred"]
            case _:
                return [f"needs approval: {figures}, more than run.approval_cpu_hours {self.threshold_cpu_hours:g}"]

    def to_json(self) -> dict[str, Any]:
        """Write it as plan.json shows it."""
        return {
            "decision": str(self.decision),
            "images": self.work.images,
            "cpu_hours": round(self.work.cpu_hours, 3),
            "threshold_cpu_hours": self.threshold_cpu_hours,
            "answered_by": self.answer.by if self.answer else None,
            "answered_at": self.answer.at if self.answer else None,
            "void_at": self.void_at,
        }


def read_answer(results: ObjectStore, layout: VariantLayout) -> Answer | None:
    """Read what was said about a variant; None when nobody was asked."""
    found = results.find_json(layout.approval)
    if found is None:
        return None
    about = found.get("run_key", ""), found.get("images"), found.get("cpu_hours")
    with reading(layout.approval, "delete it, and the next run asks again"):
        read_time(found["at"])
        return checked(Answer(found["answer"] == "yes", found["by"], found["at"], *about))


def write_answer(results: ObjectStore, layout: VariantLayout, plan: StoredPlan, answer: Answer) -> None:
    """Write `approval.json`: the answer and the figures it was given on.

    Args:
        results: The results bucket.
        layout: The variant.
        plan: Plan of the run that asked.
        answer: What was said.
    """
    results.write_json(
        layout.approval,
        {
            "format_version": FORMAT_VERSION,
            "variant_sha256": plan.variant.sha256,
            "model": {"name": plan.model.name, "version": plan.model.version},
            "answer": "yes" if answer.yes else "no",
            "by": answer.by,
            "at": answer.at,
            "run_key": plan.run_key,
            "images": plan.question.images,
            "cpu_hours": plan.question.cpu_hours,
            **plan.copied("seconds_per_image"),
            "threshold_cpu_hours": plan.question.threshold_cpu_hours,
        },
    )


def answer_to(plan: StoredPlan, results: ObjectStore, layout: VariantLayout) -> Answer | None:
    """Read what was said about a plan's variant, unless that was about other images than the plan's; None where nothing was."""
    answer = read_answer(results, layout)
    void_at = plan.approval.void_at if plan.approval else None
    return None if answer is not None and answer.at == void_at else answer


def need_answer(results: ObjectStore, layout: VariantLayout, plan: StoredPlan) -> None:
    """Refuse the work of a plan that asks as long as nobody has said yes: the stored answer counts, no task's state.

    Raises:
        ConfigError: Nobody said yes.
        StoreError: The results bucket does not answer.
    """
    if plan.approval is None or plan.approval.decision != Decision.ASK or plan.plan_only:
        return
    answer = answer_to(plan, results, layout)
    if answer is not None and answer.yes:
        return
    said = f"{answer.describe()}" if answer is not None and is_newer(answer, plan.run_key) else "nobody said yes"
    raise ConfigError(
        f"{plan.model} leaves {plan.approval.images} images to infer, {plan.approval.cpu_hours:.3g} CPU hours, and {said}: a "
        "task that is marked success is no answer - clear task approve and answer under Required actions"
    )


def is_newer(answer: Answer, run_key: str) -> bool:
    """Whether an answer was given after a run was planned; a run_key begins with that time."""
    return datetime.fromisoformat(answer.at) >= run_time(run_key)
