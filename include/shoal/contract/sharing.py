"""Objects that several runs use: how long one is left alone that nobody names any more, or something else stands in for.

One rule for whoever deletes and for whoever writes. It holds while no step takes longer than half of `WRITTEN_WITHIN` from its
look to its last read or to what it names; ages are told by the store's clock.
"""

from datetime import datetime, timedelta

WRITTEN_WITHIN = timedelta(days=1)
"""What is younger may be read, or named, by somebody who is at work now."""


def may_be_taken(last_modified: datetime, now: datetime) -> bool:
    """Whether a shared file may be gone by the time that a writer who finds it now has named it.

    Such a writer stores it again, the same bytes under the same name: it is young then, and nobody deletes what is young. Files
    of the dataset's answer, as current.json names it in the same step, need not be stored again: `gc` keeps those, and for a day
    those of an answer whose place another has taken.

    Args:
        last_modified: Of the file.
        now: The store's time.
    """
    return now - last_modified > WRITTEN_WITHIN / 2
