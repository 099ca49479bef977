"""A name that was not resolved is no server that does not run: what helps is another thing."""

LOOK_AT_DNS = "check name resolution (DNS) where this runs"


def is_unresolved(said: object) -> bool:
    """Tell whether a name that was not resolved is what an error of urllib3's tells of, or one around it."""
    text = str(said)
    return "NameResolutionError" in text or "Failed to resolve '" in text
