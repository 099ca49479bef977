"""Lines of a CSV file by column, whole or not at all."""

import csv
import io
from collections.abc import Iterator

from shoal.evidence.labels import Opened, broken, text_of


def lines_of(opened: Opened) -> Iterator[dict[str, str]]:
    """Read the lines, parted by commas or, as spreadsheets of some countries write them, by semicolons.

    Raises:
        ConfigError: A line has fewer cells than the header, as the last one of a file that was cut off.
    """
    text = text_of(opened.path)
    first = text.splitlines()[0]
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=";" if first.count(";") > first.count(",") else ",")
    try:
        header = [name.strip() for name in next(rows)]
        for cells in rows:
            if not any(cells):
                continue
            if len(cells) != len(header):
                raise broken(opened, f"line {rows.line_num} has {len(cells)} of {len(header)} cells: it may be cut off")
            yield dict(zip(header, cells, strict=True))
    except csv.Error as err:
        raise broken(opened, f"line {rows.line_num} is no CSV ({err})") from err
