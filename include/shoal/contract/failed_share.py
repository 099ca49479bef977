"""When so many images of a shard failed that it must stop: one rule for its worker, who watches it, and the summary."""

TOO_FEW_TO_JUDGE = 50
"""A shard with fewer tried images is not judged by its share of failures."""


def failed_too_often(failed: int, tried: int, tolerated_share: float) -> bool:
    """Whether a shard must stop: more than the tolerated share failed, from 50 tried images on."""
    return tried >= TOO_FEW_TO_JUDGE and failed > tolerated_share * tried
