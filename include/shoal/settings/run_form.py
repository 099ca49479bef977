"""What a person may say when starting a run; Airflow's trigger form is made from this class."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from operator import not_
from typing import Annotated, Any, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from shoal.contract.errors import ConfigError, shown
from shoal.contract.inference import STORED_CONF
from shoal.contract.minted_names import RUN_KEY
from shoal.contract.rows import Reason
from shoal.contract.run_names import backfill_dag_id, may_move_answer, reanalyse_dag_id
from shoal.settings.typed_numbers import (
    CONF_PATTERN,
    LIMIT_PATTERN,
    WHAT_CONF_IS,
    WHAT_LIMIT_IS,
    read_conf,
    read_limit,
)

MOST_PARAMS = 100
AN_INSTANT = "2026-06-01T00:00:00Z"
INSTANT = r"^(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:?\d\d))?$(?!\n)"
"""A time with its zone, or nothing; Airflow's form, which looks at no formats, asks for it."""

WHAT_A_VERSION_IS = (
    "write it as its folder in the models bucket is called: letters, digits, dots, dashes and underscores, no spaces"
)
WHAT_A_RUN_KEY_IS = "write a run_key as current.json and the folders below runs/ have it"
WHAT_A_PREFIX_IS = "write how the keys begin after the dataset's prefix, without a leading / and in one line"
WAYS_OUT = {
    "conf": WHAT_CONF_IS, "limit": WHAT_LIMIT_IS, "model_version": WHAT_A_VERSION_IS, "prefix": WHAT_A_PREFIX_IS,
    "retry_failed_before": WHAT_A_RUN_KEY_IS,
}  # fmt: skip
"""What to write, by parameter: of those for which there is more to say than the form does."""

# A field for numbers in Airflow's form changes what it does not like, in silence: 0,5 becomes the least and 1.5 the most it
# takes, letters vanish. So these are texts there; a script may send numbers. With examples the form has one line for both.
_CONF_IN_FORM = {
    "type": ["string", "number"], "pattern": CONF_PATTERN, "minimum": STORED_CONF, "maximum": 1, "examples": ["0.25", "0.5"],
}  # fmt: skip
_LIMIT_IN_FORM = {
    "type": ["string", "integer"], "pattern": LIMIT_PATTERN, "minimum": 1, "examples": ["100", "10000"],
}  # fmt: skip


@dataclass(frozen=True)
class Window:
    """A span of capture time: from `start` on, before `end`, UTC without offset; None is open.

    An image without a capture time belongs where its object was last modified, so that every image is in exactly one of
    windows that follow each other.
    """

    start: datetime | None
    end: datetime | None

    @property
    def is_open(self) -> bool:
        """Whether every image is in it."""
        return self.start is None and self.end is None

    @property
    def is_month(self) -> bool:
        """Whether it is one calendar month in UTC, as the windows of backfills are."""
        if self.start is None or self.end is None:
            return False
        first = self.start.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        return self.start == first and self.end == (first + timedelta(days=32)).replace(day=1)


class RunParams(BaseModel):
    """Parameters of one run; the defaults are the dataset file's own settings."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model_version: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")] | None = Field(
        None,
        title="Model version",
        description="A version of the model, written as its folder in the models bucket is called: letters, digits, dots, dashes "
        "and underscores, no spaces. Empty: the dataset's own.",
    )
    conf: (
        Annotated[float, Field(ge=STORED_CONF, le=1), BeforeValidator(read_conf), WithJsonSchema(_CONF_IN_FORM)] | None
    ) = Field(
        None,
        title="Confidence",
        description=f"Count detections from this confidence on, for every class; {WHAT_CONF_IS}. Empty: the dataset's own. "
        "Needs no new inference.",
    )
    prefix: Annotated[str, Field(pattern=r"^([^/\x00-\x1f][^\x00-\x1f]*)?$", max_length=900)] | None = Field(
        None,
        title="Prefix",
        description="Look only at keys that begin with the dataset's prefix and then this. Empty: all.",
    )
    limit: Annotated[int, Field(ge=1), BeforeValidator(read_limit), WithJsonSchema(_LIMIT_IN_FORM)] | None = Field(
        None,
        title="Limit",
        description=f"Look only at the first N images of the listing; {WHAT_LIMIT_IS}. Empty: all.",
    )
    window_start: AwareDatetime | None = Field(
        None,
        title="Window start",
        description=f"Look only at images captured at this time or later, with its zone: {AN_INSTANT}. Empty: all.",
    )
    window_end: AwareDatetime | None = Field(
        None, title="Window end", description="Look only at images captured before this time, likewise. Empty: all."
    )
    plan_only: bool = Field(False, title="Plan only", description="Write the plan and stop before any inference.")
    retry_failed: tuple[Reason, ...] | None = Field(
        None, title="Retry failed", description="Infer images again that failed for these reasons. Empty: none."
    )
    # Left out of plan.json where nobody says it, as in plans before there was such a thing.
    retry_failed_before: Annotated[str, Field(pattern=rf"^{RUN_KEY}$")] | None = Field(
        None,
        exclude_if=not_,
        title="Retry failed before",
        description="Infer again only what failed in runs before this one (its run_key). Filled in where a run goes on with what "
        "another one retried, so that each failure is retried once. Empty: all of them.",
    )
    accept_changed: Literal["infer", "same"] | None = Field(
        None,
        title="Accept changed",
        description="When more than a tenth of the settled images have a new ETag at the same size. same: their bytes are the "
        "same, copy their rows; infer: look at them again. Empty: stop.",
    )
    accept_gone: bool = Field(
        False, title="Accept gone", description="Go on although more than a tenth of the known images are gone."
    )
    # Left out of plan.json where nobody asks for it, as in plans before there was such a thing.
    count_again: bool = Field(
        False,
        exclude_if=not_,
        title="Count again",
        description="Count the images of the dataset's answer again, with the dataset file as it is now (taxa, clock, "
        "thresholds, deployments), or with another confidence: nothing is listed and nothing inferred, it takes seconds.",
    )

    @field_validator("window_end")
    @classmethod
    def _ends_after_its_start(cls, end: datetime | None, info: ValidationInfo) -> datetime | None:
        start = info.data.get("window_start")
        if start is not None and end is not None and end <= start:
            raise ValueError(
                f"not after window_start {start.isoformat()} - the window is from its start on and before its end"
            )
        return end

    @model_validator(mode="after")
    def _counts_again_what_was_looked_at(self) -> "RunParams":
        said = self.model_dump(exclude_defaults=True).keys() - {"count_again", "conf"}
        if self.count_again and said:
            raise ValueError(
                f"{', '.join(sorted(said))} would have images listed or inferred, and count_again does neither - leave one out"
            )
        return self

    @property
    def full_scope(self) -> bool:
        """Whether the run looks at the whole dataset."""
        return self.prefix is None and self.limit is None and self.window.is_open

    def makes_answer(self, dag_id: str) -> bool:
        """Whether a run of a DAG with these may become the dataset's answer: reanalyse, whole scope, the file's thresholds."""
        return may_move_answer(dag_id) and self.full_scope and self.conf is None

    @property
    def own_settings(self) -> bool:
        """Whether nothing was said but what the guard is to accept."""
        return self.model_copy(update={"accept_changed": None, "accept_gone": False}) == RunParams()

    def goes_on_in(self, dataset: str) -> str:
        """Name the DAG in which a chain goes on: with other settings than the dataset's own it holds up no night."""
        return reanalyse_dag_id(dataset) if self.own_settings else backfill_dag_id(dataset)

    def going_on_with(self, run_key: str) -> "RunParams":
        """Say what the run has to be told that goes on with this one: what was retried once is not retried again.

        Args:
            run_key: Of this run.
        """
        if not self.retry_failed or self.retry_failed_before:
            return self
        return self.model_copy(update={"retry_failed_before": run_key})

    @property
    def window(self) -> Window:
        """The span of capture time the run looks at."""
        start, end = (
            moment and moment.astimezone(UTC).replace(tzinfo=None) for moment in (self.window_start, self.window_end)
        )
        return Window(start, end)

    @classmethod
    def parse(cls, params: dict[str, Any]) -> "RunParams":
        """Check parameters again where they are used: a run's conf is user input.

        Raises:
            ConfigError: One line naming the first bad parameter.
        """
        if len(params) > MOST_PARAMS:
            raise ConfigError(f"A run has {len(params)} parameters - there are {', '.join(cls.model_fields)}")
        try:
            # A form sends what was left empty as null, an empty text or an empty list.
            return cls.model_validate({name: value for name, value in params.items() if not _is_empty(name, value)})
        except ValidationError as err:
            raise ConfigError(_explain(err.errors()[0], params)) from err


def _is_empty(name: str, value: Any) -> bool:
    # Keys may begin with a space: a prefix is taken as it is.
    return (
        value is None or value == [] or (isinstance(value, str) and not (value if name == "prefix" else value.strip()))
    )


def _explain(error: Any, params: dict[str, Any]) -> str:
    name = ".".join(str(part) for part in error["loc"][:1]) or "count_again"  # the one that does not go with others
    if error["type"] == "extra_forbidden":
        known = list(RunParams.model_fields)
        meant = get_close_matches(name, known, 1)
        way_out = f"did you mean {meant[0]}?" if meant else f"there are {', '.join(known)}"
        return f"No run parameter is called {shown(repr(name), 80)} - {way_out}"
    if error["type"].startswith(("datetime", "timezone")):
        problem = f"no time with a zone, such as {AN_INSTANT}"
    elif error["type"] == "string_pattern_mismatch" and name in WAYS_OUT:
        problem = "not what it can be"
    else:
        problem = error["msg"].removeprefix("Value error, ")
    way_out = "" if " - " in problem else f" - {WAYS_OUT.get(name, 'see the trigger form')}"
    # What was typed, not what was made of it; of a list the element that is wrong.
    value = error["input"] if len(error["loc"]) > 1 else params.get(name, error["input"])
    return f"Run parameter {name} is {shown(repr(value), 80)}: {problem}{way_out}"
