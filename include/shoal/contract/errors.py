"""The errors people see: one line each, `what failed: the values - the way out`."""

from unicodedata import category


class ShoalError(Exception):
    """Base of every error Shoal raises on purpose; wherever it is told, nothing in it is hidden or an order to a terminal."""

    def __str__(self) -> str:
        """Write what it says, control characters and marks of direction as escapes."""
        return shown_lines(super().__str__())


class ConfigError(ShoalError, ValueError):
    """A setting, a model or a bucket is not as it must be; trying again cannot help."""


class EmptyBucketError(ConfigError):
    """The listing holds no image in scope."""


class AccessDeniedError(ConfigError):
    """The key is good, but has no right to what was asked for."""


class LoginRefusedError(ConfigError):
    """The key is unknown, wrong or has ended."""


class ModelRefusedError(ConfigError):
    """The model file is of no family that Shoal can run."""


class NoRoomError(ConfigError):
    """Memory or disk of this machine is too small for what was asked; what is stored is as it was."""


class InsufficientCapacityError(ShoalError):
    """No node has room for one pod."""


class NeverFitsError(ConfigError):
    """No node would have room for one pod even if it were empty; waiting cannot help."""


class NoRoomInTimeError(ConfigError):
    """A pod was waited for as long as one may be, and nothing had room for it; the next run takes its images."""


class ClusterError(ShoalError):
    """The Kubernetes API did not answer as it should; trying again may help."""


class QuotaExceededError(ClusterError):
    """A ResourceQuota has no room for one more pod; there may be some later."""


class StoreError(ShoalError):
    """The object store did not answer as it should; trying again may help."""


class NoAnswerError(StoreError):
    """Nothing answers at the store's address, or not in time."""


class NoRunKeyError(ConfigError):
    """No key of a run's own is to be had; the message is the reason alone."""


class NoEventsError(StoreError):
    """A store tells nobody what comes; it can be listed all the same."""


class UnreadableError(StoreError):
    """A stored table cannot be read as what it is: it is damaged, or the disk is."""


class MovedError(StoreError):
    """A ledger or part that was listed is there no more: its rows lie in another one, which a new listing shows."""


class ContractError(ShoalError):
    """A stored object does not hold what its format promises."""


class TooLargeError(ContractError):
    """An object has more bytes than its reader takes."""


class ServiceError(ShoalError):
    """A service does not answer as it should, whatever it is shown; trying again may help."""


class BrokeOffError(ServiceError):
    """A service ended, or fell silent, while it looked at an image: that may be why."""


class WorkerError(ShoalError):
    """A worker ended without finishing its shard; the next attempt takes what is left."""


class WorkerCrashError(WorkerError):
    """A worker was ended by what it did itself: one of its images may be why.

    Attributes:
        cause: How, in a few words that name neither worker nor image.
    """

    def __init__(self, message: str, cause: str = "") -> None:
        super().__init__(message)
        self.cause = cause


def one_line(text: object, most: int | None = None) -> str:
    """Write a text, or what an error says, in one line.

    Args:
        text: Whatever it is; None is empty.
        most: Characters that are kept.
    """
    return shown(" ".join(str("" if text is None else text).split()))[:most]


def first_line(err: BaseException) -> str:
    """Keep the first line of an error that says more than people need; one that says nothing is named."""
    return shown((str(err).strip().splitlines() or [type(err).__name__])[0])


def shown(text: str, most: int | None = None) -> str:
    """Write a key, or what somebody typed, so that people see all of it: what prints nothing or breaks a line is escaped.

    Spaces of any width stay, and the joiners that Persian, Malayalam and emoji are written with.

    Args:
        text: Whatever it is.
        most: Characters that are kept; a text that is cut ends with an ellipsis.
    """
    # Before it is escaped: of ten thousand characters only the first count.
    cut = text if most is None or len(text) <= most else f"{text[: max(0, most - 1)]}…"
    if cut.isprintable():
        return cut
    return "".join(c if _is_plain(c) else c.encode("unicode_escape", "surrogatepass").decode() for c in cut)


def _is_plain(character: str) -> bool:
    return character.isprintable() or character in "\u200c\u200d" or category(character) == "Zs"


def shown_lines(text: str) -> str:
    """Write a text of several lines so that people see all of it; line breaks and tabs stay."""
    return "\n".join("\t".join(map(shown, line.split("\t"))) for line in text.split("\n"))
