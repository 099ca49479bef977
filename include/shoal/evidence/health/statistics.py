"""The named statistics that findings rest on: two tests of ranks and a slope, each of which one odd day does not move.

Mann & Whitney (1947), Annals of Mathematical Statistics 18: is one group below the other? Mann (1945), Econometrica 13, and
Kendall (1975), Rank Correlation Methods: does a series fall? Sen (1968), JASA 63: by how much.
"""

from math import sqrt

import numpy as np
from numpy.typing import NDArray

Series = NDArray[np.float64]


def lower_share(before: Series, after: Series) -> float:
    """Say of which share of all pairs the later value is the lower one: Mann and Whitney's U over the number of pairs.

    1.0 means that every later value is below every earlier one. Of 14 and 3 values without a change that happens once in 680
    times.
    """
    pairs = before[:, None] > after[None, :]
    return float(pairs.mean())


def falls_by_rank(values: Series) -> float:
    """Give Mann and Kendall's Z of a series: below -3 one without a trend falls so steadily once in 700 times.

    Days are alike those before, which Z does not know: whoever asks demands a size, too.
    """
    count = len(values)
    signs = np.sign(values[None, :] - values[:, None])
    score = float(np.triu(signs, 1).sum())
    spread = sqrt(count * (count - 1) * (2 * count + 5) / 18)
    return (score - np.sign(score)) / spread if score else 0.0


def slope(values: Series) -> float:
    """Give Sen's slope: the median of those between all pairs, per step."""
    first, second = np.triu_indices(len(values), 1)
    return float(np.median((values[second] - values[first]) / (second - first)))
