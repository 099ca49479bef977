"""What a sample of images knows, as estimates and evaluations take it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class SampledImages:
    """The images of a dataset that were drawn by its designs and that people have labelled, one place each in every array.

    Attributes:
        probability: Of being drawn by any of the designs so far, known beforehand: above 0, at most 1.
        camera: Name of each image's camera, '' without one.
        captured_at: UTC, `datetime64[us]`; NaT where undated.
        predicted: By taxon, individuals that the model saw at the answer's thresholds.
        labelled: By taxon, individuals that people saw; the same taxa.
    """

    probability: NDArray[np.float64]
    camera: NDArray[np.str_]
    captured_at: NDArray[np.datetime64]
    predicted: Mapping[str, NDArray[np.int64]]
    labelled: Mapping[str, NDArray[np.int64]]

    def only(self, which: NDArray[np.bool_]) -> "SampledImages":
        """Take some of the images."""
        return SampledImages(
            self.probability[which],
            self.camera[which],
            self.captured_at[which],
            {taxon: counts[which] for taxon, counts in self.predicted.items()},
            {taxon: counts[which] for taxon, counts in self.labelled.items()},
        )

    def of(self, taxa: Collection[str]) -> "SampledImages":
        """Take some of the taxa."""
        return replace(
            self,
            predicted={taxon: self.predicted[taxon] for taxon in taxa},
            labelled={taxon: self.labelled[taxon] for taxon in taxa},
        )


@dataclass(frozen=True)
class Frame:
    """What the model predicts for all images that could have been drawn.

    Attributes:
        images: How many there are.
        predicted: By taxon, the sum of individuals over them.
        predicted_in: By taxon, how many of them have at least one.
    """

    images: int
    predicted: Mapping[str, int]
    predicted_in: Mapping[str, int]
