"""The two steps of an image, each of which ends with one outcome whatever it raises: no image is lost to an exception.

Several go through the model at once where that is wanted. As many outcomes come of that, in their order; where it fails, each
is tried with fewer others, or alone: none goes with another.
"""

import time
from collections.abc import Sequence

from shoal.contract.errors import BrokeOffError, StoreError
from shoal.stores.images import ImageDenied
from shoal_worker.examine import Examiner
from shoal_worker.loop.batches import Batches
from shoal_worker.loop.intake import Intake
from shoal_worker.loop.outcome import BrokeOff, Fatal, Outcome, Refused, Unreached, Wake
from shoal_worker.ready import Decoder, Ready, here
from shoal_worker.rows.parts import ListedImage, Row
from shoal_worker.sight import GpuFailedError, InferenceCancelledError


class EachImage:
    """Asks the examiner, and says what became of each image.

    `prepare` is thread-safe, what finishes is one thread's.

    Args:
        examiner: Turns images into rows.
        batches: Learn from what goes through the model together.
        intake: Is closed where no further image can be looked at.
    """

    def __init__(self, examiner: Examiner, batches: Batches, intake: Intake) -> None:
        self._examiner = examiner
        self._batches = batches
        self._intake = intake

    def prepare(self, image: ListedImage, decoding: Decoder = here) -> Ready | Outcome:
        """Fetch and decode an image; what comes of it where that is not ready for the model."""
        try:
            return self._examiner.prepare(image, decoding)
        except ImageDenied as err:
            return Refused(image, err)
        except (StoreError, MemoryError) as err:
            return Unreached(image, err)
        except Exception as err:  # noqa: BLE001 - the main thread raises it again
            return Fatal(err)

    def finish(self, ready: Ready) -> Outcome:
        """Run the model on an image, or ask the service."""
        try:
            return self._examiner.finish(ready)
        except InferenceCancelledError:
            self._intake.close()
            return Wake()
        except BrokeOffError as err:
            self._intake.close()
            return BrokeOff(ready.image, str(err).replace(": ", ", "))  # what stands before the image is the cause
        except (StoreError, MemoryError) as err:
            return Unreached(ready.image, err)
        except Exception as err:  # noqa: BLE001 - the main thread raises it again
            return Fatal(err)

    def finish_together(self, batch: Sequence[Ready]) -> list[Outcome]:
        """Run the model on images of one shape together; where that fails, on fewer of them or on each alone.

        Returns:
            One outcome for each, in their order.
        """
        started, count, proof_s = time.perf_counter(), len(batch), self._examiner.proof_s
        if count == 1:
            outcome = self.finish(batch[0])
            if isinstance(outcome, Row):
                self._batches.note(1, time.perf_counter() - started)
            return [outcome]
        try:
            rows = self._examiner.finish_together(batch)
        except InferenceCancelledError:
            self._intake.close()
            return [Wake() for _ in batch]
        except GpuFailedError as err:
            return [Fatal(err) for _ in batch]
        except MemoryError:
            return self._finish_with_less(batch)
        except Exception as err:  # noqa: BLE001 - each of them alone says whose it is
            outcomes = [self.finish(one) for one in batch]
            if all(isinstance(one, Row) for one in outcomes):  # it is the model's: it takes no batches
                self._batches.give_up(err)
            return outcomes
        # What a place of the batch is asked for alone is asked for once, and says nothing of batches of this size.
        self._batches.note(count, time.perf_counter() - started - (self._examiner.proof_s - proof_s))
        return list(rows)

    def _finish_with_less(self, batch: Sequence[Ready]) -> list[Outcome]:
        """Run the model on as many of them at once as there is room for, as far as that is known by then."""
        if not self._batches.shrink(len(batch), batch[0].shape):
            return [self.finish(one) for one in batch]
        outcomes: list[Outcome] = []
        while len(outcomes) < len(batch):
            outcomes += self.finish_together(
                batch[len(outcomes) : len(outcomes) + self._batches.size_of(batch[0].shape)]
            )
        return outcomes
