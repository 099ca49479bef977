"""Two models in a row: one finds boxes, the other one says what is in each.

Boxes and their scores are those of the first model alone, so a threshold means what it means without the second.
"""

from contextlib import nullcontext
from typing import Any, cast

from numpy.typing import NDArray

from shoal.contract.inference import Inference
from shoal.contract.then import Then
from shoal_worker.detector import Detector
from shoal_worker.image.crops import place_of_crop
from shoal_worker.image.letterbox import Image
from shoal_worker.roll_up import Called, Naming
from shoal_worker.sight import Noting, Original
from shoal_worker.tasks.classify import Scores
from shoal_worker.tasks.detect import Detections
from shoal_worker.tasks.reclassified import Reclassified


class TwoInARow:
    """Finds what images show with two models; used as one `Detector` is.

    Args:
        first: Finds boxes.
        second: A classifier.
        then: How it looks at them.

    Raises:
        ConfigError: The plan was made for another classifier.
    """

    def __init__(self, first: Detector, second: Detector, then: Then) -> None:
        self._first = first
        self._second = second
        self._then = then
        self._naming = Naming(len(second.info.names), then.roll_up)
        self._names = (*second.info.names, *(then.roll_up.ancestors if then.roll_up else ()))
        self.info = first.info
        self.task = first.task
        self.imgsz = first.imgsz
        self.on_gpu = first.on_gpu or second.on_gpu
        self.names = first.names
        self.limit_s: float | None = None
        self.start_limit_s: float | None = None
        self.keeps_bytes = False
        self.most_at_once: int | None = 1
        """Images that are looked at together: the crops of one are."""
        self.keeps_image = True
        """A frame is the image itself: what is cut out is known when the first model has looked at it."""

    def await_ready(self) -> None:
        """Nothing has to be waited for."""

    def end(self) -> None:
        """Nothing was started."""

    def frame(self, image: Image, original: Original | None = None) -> NDArray[Any]:  # noqa: ARG002 - its pixels do
        """Give the image: each model's own size is made of it when it looks."""
        return image

    def detect(self, image: Image) -> Reclassified:
        """Find what one image shows, `(H, W, 3)` uint8 BGR; places are in its pixels."""
        return self.detect_frame(image, image.shape[:2])

    def detect_frame(
        self, frame: NDArray[Any], image_hw: tuple[int, int], noting: Noting = nullcontext
    ) -> Reclassified:
        """Run both models; see `Detector.detect_frame`."""
        found = cast(Detections, self._first.detect_frame(self._first.frame(frame), image_hw, noting))
        called: list[Called | None] = [None] * len(found)
        looked = [number for number in range(len(found)) if self._looks_at(int(found.class_id[number]))]
        places = {number: place_of_crop(found.xyxy[number], image_hw, self._then) for number in looked}
        cut = {number: place for number, place in places.items() if place is not None}
        crops = (frame[top:bottom, left:right] for left, top, right, bottom in cut.values())
        for number, scores in zip(cut, self._second.detect_each(crops, noting), strict=True):
            called[number] = self._naming.call(cast(Scores, scores).by_class)
        return Reclassified(found, called, self._names)

    def rehearse(self, frame: NDArray[Any]) -> None:
        """Let the second model look at a whole image: the first one may find nothing in it."""
        for _ in self._second.detect_each([frame]):
            pass

    def cancel(self) -> None:
        """End the running inference, and every later one at once."""
        self._first.cancel()
        self._second.cancel()

    def _looks_at(self, class_id: int) -> bool:
        return self._then.classes is None or class_id in self._then.classes


def inference_of(then: Then) -> Inference:
    """Say how a second model is opened: a classifier takes nothing but its size."""
    return Inference(imgsz=then.imgsz, rect=False, family=then.family)
