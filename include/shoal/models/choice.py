"""Which release a run uses: `latest` is the best version that may be used without asking, or that this run asks for."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial

from shoal.contract.errors import ConfigError, ContractError, ModelRefusedError
from shoal.contract.then import need_classifier
from shoal.models.approval import Answer, Asks, Work, exceeds, read_answer
from shoal.models.read_release import read_release
from shoal.models.release import ModelRelease
from shoal.models.then import need_boxes_of
from shoal.models.variant import Variant, make_variant
from shoal.models.versions import LATEST, PassedOver, WantedModel, list_candidates
from shoal.results.answer import read_current
from shoal.settings.dataset import Dataset
from shoal.settings.dataset_stores import Stores
from shoal.settings.then import ThenModel


@dataclass(frozen=True)
class Standing:
    """What is known about a variant before its work is counted.

    Attributes:
        answer: What a person said about it, None when nobody was asked.
        in_use: Whether the dataset's answer is of this variant.
    """

    answer: Answer | None
    in_use: bool

    @property
    def refused(self) -> bool:
        """Whether a person, or time, said no."""
        return self.answer is not None and not self.answer.yes

    @property
    def free(self) -> bool:
        """Whether it may be used whatever its work."""
        return self.in_use or (self.answer is not None and self.answer.yes)


@dataclass(frozen=True)
class ChosenRelease:
    """The variant a run uses.

    Attributes:
        variant: Model and inference settings.
        standing: What is known about it.
        selected: Whether it is the version that the dataset's own setting means now.
        passed_over: Better versions that are not used.
    """

    variant: Variant
    standing: Standing
    selected: bool
    passed_over: tuple[PassedOver, ...] = ()


class Shelf:
    """The versions a run may use, best first; each file is read once, and only when it is looked at.

    Of two models in a row these are pairs: the best version of the first with each of the second, then its next one. So an
    older version of the first is used only where none of the second may be used with a newer one.

    Args:
        stores: The dataset's buckets.
        dataset: Names the model, or both.
        wanted: The run's own choice of the first; None takes the dataset's.

    Raises:
        ConfigError: No such version.
    """

    def __init__(self, stores: Stores, dataset: Dataset, wanted: str | None) -> None:
        self.stores = stores
        self.dataset = dataset
        self.broken: list[PassedOver] = []
        asked, then = dataset.model.then, WantedModel.then(dataset)
        self._firsts = _Versions(stores, WantedModel.first(dataset, wanted), self.broken, _need_first(asked))
        self._thens = None
        if then is not None:
            self._thens = _Versions(stores, then, self.broken, _need_then, f"then {then.name} ")
        self._made: dict[tuple[str, str | None], Variant | None] = {}

    @property
    def wanted(self) -> str:
        """The version of the first model that is asked for."""
        return self._firsts.wanted.version

    @property
    def may_choose(self) -> bool:
        """Whether a version may be passed over: one was asked for as `latest`."""
        return self.wanted == LATEST or (self._thens is not None and self._thens.wanted.version == LATEST)

    @property
    def available(self) -> tuple[str, ...]:
        """All versions of the first model that have a file, the highest first."""
        return self._firsts.available

    def variants(self) -> Iterator[Variant]:
        """Give what is readable and goes together; a broken or missing file of `latest` is noted and passed over.

        Raises:
            ModelRefusedError: A version that was named is no model Shoal runs, or two that were named do not go together.
        """
        for release in self._firsts.releases():
            for then in (None,) if self._thens is None else self._thens.releases():
                if (variant := self._variant(release, then)) is not None:
                    yield variant

    def _variant(self, release: ModelRelease, then: ModelRelease | None) -> Variant | None:
        """Make a variant, once; None where the two do not go together, and another one may."""
        pair = release.version, None if then is None else then.version
        if pair not in self._made:
            try:
                self._made[pair] = make_variant(release, self.dataset, then)
            except ModelRefusedError as err:
                if not self.may_choose:
                    raise
                self._made[pair] = None
                self.broken.append(PassedOver(release.version, str(err)))
        return self._made[pair]

    def first(self) -> Variant:
        """Give the best readable version.

        Raises:
            ConfigError: No version is readable.
        """
        for variant in self.variants():
            return variant
        reasons = "; ".join(f"{passed.version}: {passed.reason}" for passed in self.broken)
        raise ConfigError(f"{self.stores.models.uri(self._firsts.wanted.root)} holds no usable model: {reasons}")

    def standing(self, variant: Variant) -> Standing:
        """Look up what was said about a variant."""
        answer = read_answer(self.stores.results, self.stores.layout.variant(variant.directory))
        return Standing(answer, in_use=(variant.sha256, variant.directory) == self._in_use)

    @cached_property
    def _in_use(self) -> tuple[str, str] | None:
        """The variant of the dataset's answer: under another name or version all of it would be inferred again."""
        current = read_current(self.stores.results, self.stores.layout)
        return (str(current["variant"]["sha256"]), str(current["variant"]["directory"])) if current else None


def _need_first(asked: ThenModel | None) -> Callable[[ModelRelease], None] | None:
    if asked is None:
        return None
    return lambda release: need_boxes_of(release, release.file, asked.classes or ())


def _need_then(release: ModelRelease) -> None:
    need_classifier(release, release.task)


class _Versions:
    """The versions of one model, best first; each file is read once, and only when it is looked at.

    Args:
        stores: The dataset's buckets.
        wanted: The model.
        broken: Takes what is no model Shoal runs, or not the one that is needed.
        need: Refuses what is not; None where any is.
        said: What stands before a version there.
    """

    def __init__(
        self,
        stores: Stores,
        wanted: WantedModel,
        broken: list[PassedOver],
        need: Callable[[ModelRelease], None] | None = None,
        said: str = "",
    ) -> None:
        self.wanted = wanted
        self._need = need
        self._stores = stores
        self._broken = broken
        self._said = said
        found = list_candidates(stores.models, wanted)
        self.available = tuple(found.available)
        self._left = found.usable
        self._read: list[ModelRelease] = []

    def releases(self) -> Iterator[ModelRelease]:
        """Give the readable ones.

        Raises:
            ModelRefusedError: The one that was named is no model Shoal runs.
        """
        yield from self._read
        while self._left:
            version = self._left.pop(0)
            try:
                release = read_release(self._stores.models, self.wanted, version)
                if self._need is not None:
                    self._need(release)
                self._read.append(release)
            except (ModelRefusedError, ContractError) as err:
                if self.wanted.version != LATEST:
                    raise
                self._broken.append(PassedOver(f"{self._said}{version}", str(err)))
                continue
            yield release


def choose_release(shelf: Shelf, asks: Asks, remaining: Callable[[Variant], Work]) -> ChosenRelease:
    """Choose what a run uses; where `latest` has no version that may be used, the best one, which then waits or was refused.

    Args:
        shelf: The candidates.
        asks: When the run asks.
        remaining: Counts a variant's remaining work; called only where the choice depends on it.

    Raises:
        ConfigError: No version is readable.
        ModelRefusedError: The version that was named is no model Shoal runs.
    """
    if not shelf.may_choose:
        variant = shelf.first()
        return ChosenRelease(variant, shelf.standing(variant), _is_selected(shelf, variant))
    threshold = shelf.dataset.run.approval_cpu_hours
    passed: list[PassedOver] = []
    for variant in shelf.variants():
        standing = shelf.standing(variant)
        reason = _why_not(standing, asks, threshold, partial(remaining, variant))
        if reason is None:
            return ChosenRelease(variant, standing, _is_selected(shelf, variant), (*shelf.broken, *passed))
        passed.append(PassedOver(variant.version, reason))
    best = shelf.first()
    return ChosenRelease(best, shelf.standing(best), _is_selected(shelf, best), tuple(shelf.broken))


def _why_not(standing: Standing, asks: Asks, threshold: float | None, remaining: Callable[[], Work]) -> str | None:
    """Say why `latest` does not mean a readable version; None when it does."""
    if standing.free:
        return None
    if standing.refused and standing.answer is not None:
        return standing.answer.describe()
    if asks is Asks.NEVER and exceeds(work := remaining(), threshold):
        return f"waits for approval: {work.describe()}"
    return None


def _is_selected(shelf: Shelf, variant: Variant) -> bool:
    """Whether a version that a run names is the one the dataset's own setting means: for `latest`, nothing usable is above it."""
    own = shelf.dataset.model.version
    if shelf.wanted == LATEST:
        return own == LATEST
    if own != LATEST:
        return variant.release.version == own
    for other in Shelf(shelf.stores, shelf.dataset, None).variants():
        if other.release.version == variant.release.version:
            return True
        if not shelf.standing(other).refused:
            return False
    return False
