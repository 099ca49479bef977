"""What every run may have one of, plan.json and summary.json: read from where it lies, refused where it is of another run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from shoal.contract.errors import ContractError, shown
from shoal.contract.stored_names import RunPlace, need_own_variant, read_run_place
from shoal.stores.object_store import ObjectStore

T = TypeVar("T")


@dataclass(frozen=True)
class RunObject(Generic[T]):
    """A kind of object, one of which lies with a run.

    Attributes:
        name: `plan` or `summary`.
        parse: Reads what is stored.
        variant_of: Tells whose it says it is: folder of the variant, or a key below that.
        of_its_place: Checks that it names nothing that lies elsewhere, for what it names is read; writes keys as they are now.
    """

    name: str
    parse: Callable[[Mapping[str, Any]], T]
    variant_of: Callable[[T], str]
    of_its_place: Callable[[T, RunPlace, str], T]

    def read(self, results: ObjectStore, key: str) -> T:
        """Read that of a run.

        Raises:
            ContractError: Missing, or not what its format promises.
        """
        return self._checked(results.read_json(key), key)

    def find(self, results: ObjectStore, key: str) -> T | None:
        """Read that of a run; None where there is none.

        Raises:
            ContractError: Not what its format promises.
        """
        found = results.find_json(key)
        return None if found is None else self._checked(found, key)

    def _checked(self, stored: Mapping[str, Any], key: str) -> T:
        parsed, place = self.parse(stored), read_run_place(key)
        if place is None:
            raise ContractError(
                f"{shown(key)} is no name of a {self.name} - Shoal writes <variant>/runs/<run_key>/{self.name}.json"
            )
        need_own_variant(place, key, self.variant_of(parsed))
        return self.of_its_place(parsed, place, key)
