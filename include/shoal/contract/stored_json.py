"""From parts of a stored JSON object to frozen dataclasses, with one line for what is not as its format promises."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any, TypeVar

from shoal.contract.errors import ContractError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Piece = TypeVar("Piece", bound="DataclassInstance")


def pick(kind: type[Piece], stored: Mapping[str, Any]) -> Piece:
    """Make a dataclass of the fields it has; what a later release added beside them is passed over.

    A field with a default is one that earlier releases did not write yet.
    """
    return kind(
        **{
            field.name: stored[field.name]
            for field in fields(kind)
            if field.name in stored or (field.default is MISSING and field.default_factory is MISSING)
        }
    )


def picked(kind: type[Piece], stored: Iterable[Mapping[str, Any]]) -> tuple[Piece, ...]:
    """Make one dataclass of each element."""
    return tuple(pick(kind, entry) for entry in stored)


@contextmanager
def reading(what: str, way_out: str) -> Iterator[None]:
    """Say in one line that a stored object lacks a field, or has a value of another kind there.

    Raises:
        ContractError: It does.
    """
    try:
        yield
    except KeyError as err:
        raise ContractError(f"{what} has no field {err} - {way_out}") from err
    except (TypeError, AttributeError) as err:
        raise ContractError(f"{what} is not what its format promises ({err}) - {way_out}") from err
