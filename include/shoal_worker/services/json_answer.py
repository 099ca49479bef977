"""JSON from a program that nobody here wrote: bounded, and read as strictly as what Shoal stores."""

import json
from typing import Any

from shoal.contract.errors import ContractError, first_line, one_line
from shoal.contract.json_bounds import need_few_values
from shoal_worker.services.asking import MOST_ANSWER_BYTES, SAID, RefusedError


def too_long(what: str) -> RefusedError:
    """Say that an answer was not read to its end."""
    return RefusedError(f"{what} has more than {MOST_ANSWER_BYTES >> 20} MiB, and one image's boxes or scores never do")


def read_json(data: bytes, what: str) -> Any:
    """Read an answer.

    Args:
        data: Its bytes.
        what: What they are, for people.

    Raises:
        RefusedError: They are no JSON.
    """
    if len(data) > MOST_ANSWER_BYTES:
        raise too_long(what)
    try:
        need_few_values(data)
        return json.loads(data.decode())
    except RecursionError as err:
        raise RefusedError(f"{what} is JSON of too many levels") from err
    except ContractError as err:
        raise RefusedError(f"{what} is not read: {err}") from err
    except ValueError as err:
        raise RefusedError(f"{what} is no JSON ({first_line(err)[:100]}): {said(data)}") from err


def said(data: bytes) -> str:
    """Show how an answer begins."""
    text = one_line(data[: 4 * SAID].decode(errors="replace"), SAID)
    return text or "nothing"
