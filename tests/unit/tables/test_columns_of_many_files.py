"""Files of one schema are described once; one of another schema among them is found all the same."""

import pytest

from shoal.contract.errors import ContractError
from shoal.tables.session import open_database

COLUMNS = {"key": "VARCHAR", "object_version": "VARCHAR", "boxes": "STRUCT(x FLOAT, y FLOAT)[]"}
ROW = "SELECT 'a' AS key, 'v' AS object_version, {boxes} AS boxes"
OURS = "[{'x': 1, 'y': 2}]::STRUCT(x FLOAT, y FLOAT)[]"


def store_files(database, boxes):
    keys = [f"columns/{number:02}.parquet" for number in range(len(boxes))]
    for key, some in zip(keys, boxes, strict=True):
        database.store_parquet(ROW.format(boxes=some), key)
    return keys


def test_forty_files_of_one_release_are_described_once(empty_bucket, monkeypatch):
    with open_database(empty_bucket.stores.results) as database:
        keys, asked = store_files(database, [OURS] * 40), []
        execute = database._execute
        monkeypatch.setattr(
            database, "_execute", lambda sql, parameters: (asked.append(sql), execute(sql, parameters))[1]
        )
        database.view_parquet("rows", keys, COLUMNS)
        assert sum(sql.startswith("DESCRIBE") for sql in asked) == 1
        assert database.value("SELECT count(*) FROM rows") == 40
        database.view_parquet("rows", keys, COLUMNS)
        assert sum("parquet_schema" in sql for sql in asked) == 1, "they never change"


@pytest.mark.parametrize(
    "foreign",
    [
        pytest.param("[{'x': 1, 'y': 2}]::STRUCT(x DOUBLE, y FLOAT)[]", id="another number within"),
        pytest.param("[{'y': 1, 'x': 2}]::STRUCT(y FLOAT, x FLOAT)[]", id="the same fields in another order"),
        pytest.param("[['x']]::VARCHAR[][]", id="another nesting"),
        pytest.param("'x'", id="a text"),
    ],
)
def test_one_foreign_file_among_many_is_refused_by_name(empty_bucket, foreign):
    with open_database(empty_bucket.stores.results) as database:
        keys = store_files(database, [OURS, OURS, foreign, OURS])
        with pytest.raises(ContractError, match=r"columns/02\.parquet.*column boxes is .*, Shoal writes"):
            database.view_parquet("rows", keys, COLUMNS)
