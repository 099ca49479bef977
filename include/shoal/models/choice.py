"""Which release a run uses: `latest` is the best version that may be used without asking, or that this run asks for."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial

from shoal.contract.errors import ConfigError, ContractError, ModelRefusedError
from shoal.models.approval import Answer, Asks, Work, exceeds, read_answer
from shoal.models.variant import Variant, make_variant
from shoal.models.versions import LATEST, PassedOver, list_candidates, model_root, read_release
from shoal.results.answer import read_current
from shoal.settings.dataset import Dataset
from shoal.settings.dataset_stores import Stores


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

    Args:
        stores: The dataset's buckets.
        dataset: Names the model.
        wanted: The run's own choice; None takes the dataset's.

    Raises:
        ConfigError: No such version.
    """

    def __init__(self, stores: Stores, dataset: Dataset, wanted: str | None) -> None:
        self.stores = stores
        self.dataset = dataset
        self.wanted = wanted or dataset.model.version
        self.broken: list[PassedOver] = []
        self._left = list_candidates(stores.models, dataset, wanted)
        self._read: list[Variant] = []

    def variants(self) -> Iterator[Variant]:
        """Give the readable versions; a broken or missing file of `latest` is noted and passed over.

        Raises:
            ModelRefusedError: A version that was named is no model Shoal runs.
        """
        yield from self._read
        while self._left:
            version = self._left.pop(0)
            try:
                release = read_release(self.stores.models, self.dataset, version)
                self._read.append(make_variant(release, self.dataset.model))
            except (ModelRefusedError, ContractError) as err:
                if self.wanted != LATEST:
                    raise
                self.broken.append(PassedOver(version, str(err)))
                continue
            yield self._read[-1]

    def first(self) -> Variant:
        """Give the best readable version.

        Raises:
            ConfigError: No version is readable.
        """
        for variant in self.variants():
            return variant
        reasons = "; ".join(f"{passed.version}: {passed.reason}" for passed in self.broken)
        raise ConfigError(f"{self.stores.models.uri(model_root(self.dataset))} holds no usable model: {reasons}")

    def standing(self, variant: Variant) -> Standing:
        """Look up what was said about a variant."""
        answer = read_answer(self.stores.results, self.stores.layout.variant(variant.directory))
        return Standing(answer, in_use=variant.sha256 == self._in_use)

    @cached_property
    def _in_use(self) -> str | None:
        """The variant of the dataset's answer."""
        current = read_current(self.stores.results, self.stores.layout)
        return str(current["variant"]["sha256"]) if current else None


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
    if shelf.wanted != LATEST:
        variant = shelf.first()
        return ChosenRelease(variant, shelf.standing(variant), _is_selected(shelf, variant))
    threshold = shelf.dataset.run.approval_cpu_hours
    passed: list[PassedOver] = []
    selected = shelf.dataset.model.version == LATEST
    for variant in shelf.variants():
        standing = shelf.standing(variant)
        reason = _why_not(standing, asks, threshold, partial(remaining, variant))
        if reason is None:
            return ChosenRelease(variant, standing, selected, (*shelf.broken, *passed))
        passed.append(PassedOver(variant.release.version, reason))
    best = shelf.first()
    return ChosenRelease(best, shelf.standing(best), selected, tuple(shelf.broken))


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
    if own != LATEST:
        return variant.release.version == own
    for other in Shelf(shelf.stores, shelf.dataset, None).variants():
        if other.release.version == variant.release.version:
            return True
        if not shelf.standing(other).refused:
            return False
    return False
