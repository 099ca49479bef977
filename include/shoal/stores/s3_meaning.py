"""What an S3 server's error means to Shoal: whom it concerns, whether it passes, and what helps."""

from dataclasses import dataclass
from enum import StrEnum

CHECK_LOGIN = "check the login and password of the connection and the rights of that key"
NEW_TOKEN = (
    "check the login and password of the connection and its aws_session_token, which has ended or is of another key"  # noqa: S105
)


class About(StrEnum):
    """What an error is about, and so whom it concerns."""

    OBJECT = "one object"
    ARCHIVED = "one object in an archive"
    DENIED = "what was asked for"
    BUCKET = "the bucket"
    LOGIN = "the login"
    REGION = "the region"
    CLOCK = "the clock"
    PACE = "how much is asked for"
    STORE = "the store"
    REQUEST = "the request"


@dataclass(frozen=True)
class Meaning:
    """One line of the table of codes.

    Attributes:
        about: What the error is about.
        way_out: What helps.
        source: Where the code was read, see `SOURCES` of `s3_codes`.
    """

    about: About
    way_out: str
    source: str

    @property
    def is_waited_for(self) -> bool:
        """Whether the same request is sent again after a while, for minutes."""
        return self.about is About.PACE

    @property
    def is_trouble(self) -> bool:
        """Whether neither who asks nor what is asked for is wrong: the same request may be answered later."""
        return self.about in {About.PACE, About.STORE, About.CLOCK}

    @property
    def names_connection(self) -> bool:
        """Whether what helps is said of the login, password or token of a connection."""
        return self.way_out in {CHECK_LOGIN, NEW_TOKEN}

    @property
    def is_setting(self) -> bool:
        """Whether somebody has to change something: trying again cannot help."""
        return self.about in {About.BUCKET, About.LOGIN, About.REGION, About.DENIED}
