"""The estimator: what the model predicts for every image, corrected by what people say of those that were drawn.

Images are drawn each on its own with a known probability (Poisson sampling), so how many are drawn is chance, too. The plain
difference estimator of Horvitz and Thompson, `sum(f) + sum((y - f) / p)`, is right but pays for that chance wherever the mean
error is not zero. So the weights are scaled to the number of images there are (Hájek 1971), which also keeps it right where some
of the drawn images were not labelled, as long as it was not the look of an image that decided. Formulas: Särndal, Swensson and
Wretman (1992), Model Assisted Survey Sampling, 5.7 (ratio form), 6.4 to 6.7 (regression estimator), 3.5 (Poisson sampling).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ROUNDING = 1e-12
"""Residuals that vary by less than this share of what people saw are none: what is left is rounding."""


@dataclass(frozen=True)
class Corrected:
    """A mean per image of all images, as the labels correct it.

    Attributes:
        mean: Per image.
        variance: Of it, by the design.
        third: Its third moment, by the design: how skew it is.
        freedom: As many residuals of equal size vary as much as these; the degrees of freedom of Student's quantile. 0 where all
            lie on the line.
        slope: What a predicted individual counts for: 1 where the model is as good as people, 0 where it tells nothing.
        intercept: What an image counts for of which the model predicts nothing.
        weights: Images that each labelled one stands for; their sum is the number of all images.
        residuals: What each labelled image differs from the line.
        squares: `sum(w^2 e^2)`, the variance of a total had images been drawn from endlessly many.
        spared: What of it falls away as there are not endlessly many.
    """

    mean: float
    variance: float
    third: float
    freedom: float
    slope: float
    intercept: float
    weights: Floats
    residuals: Floats
    squares: float
    spared: float

    @property
    def labels_to_halve(self) -> float:
        """How many times as many labels halve the interval, drawn by the same design."""
        return self.squares / ((self.squares - self.spared) / 4 + self.spared)


def image_weights(probability: Floats, images: int) -> Floats:
    """Say how many images each labelled one stands for: `1 / p`, scaled so that their sum is the number of all images."""
    inverse = 1 / probability
    scaled: Floats = inverse * (images / inverse.sum())
    return scaled


def correct(
    labelled: Floats,
    predicted: Floats,
    probability: Floats,
    images: int,
    all_predicted: float,
    *,
    slope: float | None = None,
) -> Corrected:
    """Correct the predictions of all images: `mean(y) + b * (mean(f of all images) - mean(f of the drawn ones))`.

    The slope `b` is the one of least design variance, found on the same labels and kept between 0 and 2; with 1 it is the plain
    difference estimator, with 0 the model is not believed at all. So a useless model costs next to nothing (Angelopoulos et al.
    2023, PPI++, for equal probabilities). The variance is `sum((1 - p) * w^2 * e^2)` of residuals, each divided by `1 - h` for
    its own pull on the line (jackknife, HC3 of MacKinnon and White 1985): with few labels the line lies too close to them.

    Args:
        labelled: Individuals that people saw in each labelled image.
        predicted: Individuals that the model predicts in it.
        probability: Of each of them to be drawn.
        images: All images that could have been drawn.
        all_predicted: Individuals that the model predicts in all of them.
        slope: Known beforehand, as from all cameras for one of them; None finds it here.
    """
    weights = image_weights(probability, images)
    mean_labelled, mean_predicted = float(weights @ labelled) / images, float(weights @ predicted) / images
    apart_labelled, apart_predicted = labelled - mean_labelled, predicted - mean_predicted
    varying = (1 - probability) * weights**2
    pull = weights / images
    spread = float(varying @ apart_predicted**2)
    if slope is None:
        slope = 0.0
        if spread > 0:
            slope = min(max(float(varying @ (apart_predicted * apart_labelled)) / spread, 0.0), 2.0)
            pull = pull + varying * apart_predicted**2 / spread
    residuals = apart_labelled - slope * apart_predicted
    # An image that alone decides the line says nothing of how far it may lie off: its residual counts tenfold.
    shares = weights**2 * (residuals / np.maximum(1 - pull, 0.1)) ** 2
    squares, spared = float(shares.sum()), float(probability @ shares)
    # Never the one less the other: where nearly all are drawn for certain, only rounding would be left.
    by_chance = (1 - probability) * shares
    variance, fourth = float(by_chance.sum()), float(by_chance @ by_chance)
    on_the_line = variance <= ROUNDING * float(varying @ labelled**2)
    intercept = mean_labelled - slope * mean_predicted
    return Corrected(
        mean=intercept + slope * all_predicted / images,
        variance=variance / images**2,
        third=float((varying * weights * (1 - 2 * probability)) @ residuals**3) / images**3,
        freedom=0.0 if on_the_line else variance**2 / fourth,
        slope=slope,
        intercept=intercept,
        weights=weights,
        residuals=residuals,
        squares=squares,
        spared=spared,
    )
