"""Names of what runs share: built by `layout`, read back by `stored_names`, and nothing else taken for them."""

import pytest

from shoal.contract.layout import DatasetLayout
from shoal.contract.stored_names import (
    AnswerFileName,
    Kind,
    is_explore,
    is_export_folder,
    parse_answer_file,
    read_name,
    shelf_of,
)

LAYOUT = DatasetLayout("deep/", "fish")
VARIANT = LAYOUT.variant("demo-fish-v1-0123456789ab")
SHA = "0123456789abcdef" * 4
MONTH = VARIANT.answer_file("counts-day", "2026-06", SHA)
EXPORT = VARIANT.export_folder(SHA) + "report.html"
EXPLORE = VARIANT.explore(SHA)


def test_names_of_an_answer_tell_its_table_its_month_and_its_content():
    assert MONTH == "deep/fish/demo-fish-v1-0123456789ab/answer/counts-day/month=2026-06/0123456789abcdef.parquet"
    assert EXPORT == "deep/fish/demo-fish-v1-0123456789ab/answer/exports/0123456789abcdef/report.html"
    assert parse_answer_file(VARIANT, MONTH) == AnswerFileName("counts-day", "2026-06", "0123456789abcdef")
    assert is_export_folder(VARIANT, VARIANT.export_folder(SHA))
    assert EXPLORE == "deep/fish/demo-fish-v1-0123456789ab/answer/explore/0123456789abcdef.json"
    assert is_explore(EXPLORE)
    assert not is_explore(EXPORT)


@pytest.mark.parametrize(
    ("key", "shelf"),
    [
        pytest.param(MONTH, f"{VARIANT.answer}counts-day/", id="a month of a table"),
        pytest.param(EXPORT, f"{VARIANT.answer}exports/", id="an export"),
        pytest.param(EXPLORE, f"{VARIANT.answer}explore/", id="explore"),
        pytest.param(
            f"{LAYOUT.listings}files/2026-06-0123456789abcdef.parquet",
            f"{LAYOUT.listings}files/",
            id="a month of a listing",
        ),
    ],
)
def test_what_runs_share_is_of_no_run_and_lies_on_a_shelf_with_its_like(key, shelf):
    name = read_name(LAYOUT, key)
    assert (name.kind, name.run_key, name.variant, name.folder) == (Kind.SHARED, "", "", "")
    assert shelf_of(LAYOUT, key) == shelf


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(MONTH.replace("month=", ""), id="no month="),
        pytest.param(MONTH.replace("2026-06", "2026-6"), id="a short month"),
        pytest.param(MONTH.replace("0123456789abcdef.", "0123456789abcde."), id="a short hash"),
        pytest.param(MONTH.replace("0123456789abcdef.", "0123456789ABCDEF."), id="a hash in capitals"),
        pytest.param(MONTH.replace("counts-day", "../counts"), id="a way up"),
        pytest.param(MONTH.replace("counts-day", "a/b"), id="a folder deeper"),
        pytest.param(MONTH + ".csv", id="another ending"),
        pytest.param(MONTH + "\n", id="a line break"),
        pytest.param(EXPORT.replace("report.html", ""), id="a folder"),
        pytest.param(EXPORT.replace("report.html", "a/report.html"), id="a folder in the folder"),
        pytest.param(EXPORT.replace("report.html", "..html"), id="a hidden name"),
        pytest.param(MONTH.replace("fish/", "other/", 1), id="another dataset's"),
        pytest.param(EXPLORE.replace("cdef.", "cde."), id="a short hash of explore"),
        pytest.param(EXPLORE.replace(".json", ".parquet"), id="another ending of explore"),
    ],
)
def test_what_is_not_named_so_is_not_shared(key):
    assert read_name(LAYOUT, key).kind is Kind.OTHER
    assert parse_answer_file(VARIANT, key) is None


def test_a_file_of_another_variant_is_none_of_this_one():
    assert parse_answer_file(LAYOUT.variant("demo-fish-v2-0123456789ab"), MONTH) is None
    assert not is_export_folder(LAYOUT.variant("demo-fish-v2-0123456789ab"), VARIANT.export_folder(SHA))
