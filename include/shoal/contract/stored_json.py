"""From parts of a stored JSON object to frozen dataclasses, with one line for what is not as its format promises.

Types are compared with those of the dataclass: a reader further on would fail where nobody knows which object was wrong.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, fields
from functools import cache
from types import UnionType
from typing import TYPE_CHECKING, Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from shoal.contract.errors import ContractError, ShoalError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Value = TypeVar("Value")
Piece = TypeVar("Piece", bound="DataclassInstance")


def pick(kind: type[Piece], stored: Mapping[str, Any]) -> Piece:
    """Make a dataclass of the fields it has; what a later release added beside them is passed over.

    A field with a default is one that earlier releases did not write yet.
    """
    return checked(
        kind(
            **{
                field.name: stored[field.name]
                for field in fields(kind)
                if field.name in stored or (field.default is MISSING and field.default_factory is MISSING)
            }
        )
    )


def checked(piece: Piece) -> Piece:
    """Give a dataclass back whose values are of the types that it declares.

    Raises:
        TypeError: One is not.
    """
    for name, kind in _types_of(type(piece)).items():
        value = getattr(piece, name)
        if not _fits(value, kind):
            declared = kind.__name__ if isinstance(kind, type) else str(kind)
            raise TypeError(f"{name} is {value!r:.60}, not {declared.replace('collections.abc.', '')}")
    return piece


def take(stored: Mapping[str, Any], name: str, kind: type[Value]) -> Value:
    """Take a field of a stored object, of this type.

    Raises:
        KeyError: There is none.
        TypeError: It is of another type.
    """
    value = stored[name]
    if not _fits(value, kind):
        raise TypeError(f"{name} is {value!r:.60}, not {kind.__name__}")
    return cast("Value", value)


@cache
def _types_of(kind: type) -> dict[str, Any]:
    declared = get_type_hints(kind)
    return {field.name: declared[field.name] for field in fields(kind)}


def _fits(value: object, kind: Any) -> bool:
    """Whether a value is of a type, as dataclasses of stored objects declare them."""
    if kind is Any:
        return True
    if kind is float or kind is int:  # JSON writes 1.0 as either; true is no number
        return isinstance(value, (int, float) if kind is float else int) and not isinstance(value, bool)
    origin, of = get_origin(kind), get_args(kind)
    if origin is Union or origin is UnionType:
        return any(_fits(value, one) for one in of)
    if origin is tuple:
        return isinstance(value, tuple | list) and all(_fits(one, of[0]) for one in value)
    if origin is Mapping:
        return isinstance(value, Mapping) and all(_fits(one, of[1]) for one in value.values())
    return isinstance(value, kind)


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
    except ShoalError:  # says it better, and may be a ValueError
        raise
    except KeyError as err:
        raise ContractError(f"{what} has no field {err} - {way_out}") from err
    except (TypeError, AttributeError, ValueError) as err:
        raise ContractError(f"{what} is not what its format promises ({err}) - {way_out}") from err
