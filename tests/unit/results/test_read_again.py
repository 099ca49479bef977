"""Who listed rows that lie elsewhere by now lists them anew, once."""

import pytest

from shoal.contract.errors import MovedError, StoreError
from shoal.results.read_again import read_listed


def fails(errors, calls):
    def read(database):
        database.run("CREATE TABLE mine AS SELECT 1 AS one")  # a second session is empty
        calls.append(database)
        if errors:
            raise errors.pop(0)
        return database.value("SELECT one FROM mine")

    return read


@pytest.mark.parametrize(
    ("errors", "raised", "called"),
    [
        pytest.param([], None, 1, id="nothing goes"),
        pytest.param([MovedError("Ledger went")], None, 2, id="a ledger went"),
        pytest.param(
            [MovedError("Ledger went"), MovedError("Ledger went again")], "Ledger went again", 2, id="and another"
        ),
        pytest.param([StoreError("The store does not answer")], "The store does not answer", 1, id="the store fails"),
    ],
)
def test_what_was_moved_is_read_again_and_nothing_else_is(errors, raised, called):
    calls = []
    if raised:
        with pytest.raises(StoreError, match=f"^{raised}$"):
            read_listed(None, None, fails([*errors], calls))
    else:
        assert read_listed(None, None, fails([*errors], calls)) == 1
    assert len(calls) == called
