"""How far people have labelled a sample: its images are asked for in an order that lets them stop anywhere."""

from collections.abc import Sequence

SKIPPED = 0.05
"""Of the images up to where people came, so many may lack a label: some cannot be judged."""


def reached(labelled: Sequence[tuple[float, bool]]) -> float:
    """Find the share of each probability that the labels at hand stand for.

    An image is drawn where its number `u` is below its probability `p`. Labelled are, up to a place in the order of `u / p`,
    those with `u / p` below some `t`, so those that a sample with the probabilities `t * p` would have drawn: 1 where all are
    labelled. `t` is the ratio of the first image that was not reached, so that weights stay unbiased: Ohlsson (1998), Sequential
    Poisson sampling, J. Official Statistics 14; Duffield, Lund and Thorup (2007), Priority sampling, J. ACM 54.

    Args:
        labelled: Of each image drawn its `u / p` and whether it has a label, in the order of the first.
    """
    found = 0.0
    with_label = 0
    for place, (_, has_label) in enumerate(labelled, 1):
        with_label += has_label
        if has_label and with_label >= (1 - SKIPPED) * place:
            found = labelled[place][0] if place < len(labelled) else 1.0
    # Images behind the last label are few: they were passed over, not yet to come.
    return 1.0 if labelled and with_label >= (1 - SKIPPED) * len(labelled) else found
