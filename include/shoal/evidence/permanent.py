"""Numbers that an image keeps for good: whoever draws again, with more labels or of more images, draws with the same ones.

Each follows from the image's key and its bytes alone, so nobody has to keep it, and anybody can compute it again. An image is in
a sample where its number is below its probability: Poisson sampling with permanent random numbers (Brewer, Early and Joyce 1972;
Ohlsson 1995, Coordination of samples using permanent random numbers). So it is in the union of several samples where its number
is below the greatest of its probabilities, and that is the probability of being in their union: nothing else is random.
"""

import hashlib

DRAWN = "shoal sample 1"
"""Salt of the number by which images are drawn."""

HALF = "shoal half 1"
"""Salt of the number that says to which half an image belongs: what one half's labels tell is used in the other alone."""

TWICE = "shoal twice 1"
"""Salt of the number that says who is labelled by two people."""

DAY = "shoal day 3"
"""Salt of the number of a day, with all of its cameras: whether models may learn from it."""

_DIGITS, _OF = 13, 2**52
"""Hexadecimal digits of the hash that a number is made of: as many as a float holds exactly."""


def number_of(salt: str, *facts: str) -> float:
    """Give the number of an image, or of a day: at least 0 and below 1.

    Args:
        salt: Which number.
        facts: Of an image its key and the sha256 of its bytes.
    """
    digest = hashlib.sha256("\n".join((salt, *facts)).encode("utf-8", "surrogatepass")).hexdigest()
    return int(digest[:_DIGITS], 16) / _OF


def sql_number(salt: str, *facts: str) -> str:
    """Write as SQL what `number_of` gives of these expressions."""
    text = " || chr(10) || ".join((f"'{salt}'", *facts))
    return f"(('0x' || substr(sha256({text}), 1, {_DIGITS}))::BIGINT / {_OF}.0)"


def mark_of(key: str, content_sha256: str) -> str:
    """Give the 16 digits by which an image that was handed out is known again, whatever a tool puts before its name."""
    return hashlib.sha256(f"{key}\n{content_sha256}".encode("utf-8", "surrogatepass")).hexdigest()[:16]


SQL_MARK = "substr(sha256(key || chr(10) || content_sha256), 1, 16)"
"""What `mark_of` gives, as SQL."""

SQL_SMALL_MARK = f"('0x' || {SQL_MARK})::UBIGINT"
"""It as a number of eight bytes, as the frame of a sample holds it of every image."""

DAY_NUMBER = sql_number(DAY, "strftime(captured_at, '%Y-%m-%d')")
"""Number of the day (UTC) of an image, as SQL, whichever camera took it."""
