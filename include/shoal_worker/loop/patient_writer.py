"""Writes the parts of an attempt while the store may be away: rows wait for the next part, and the last one for the store."""

import logging
import time

from shoal.contract.errors import ConfigError, StoreError
from shoal.contract.exit_codes import WorkerExit
from shoal_worker.loop.ending import Ending
from shoal_worker.loop.stop import StopRequest
from shoal_worker.loop.unwritten import Unwritten
from shoal_worker.rows.parts import PartWriter

log = logging.getLogger(__name__)


class PatientWriter:
    """Between rows and the store.

    Args:
        parts: Holds the rows and writes them.
        unwritten: Is told of what was written.
        last_pauses_s: Waits before the last part is tried again.
    """

    def __init__(self, parts: PartWriter, unwritten: Unwritten, last_pauses_s: tuple[float, ...]) -> None:
        self._parts = parts
        self._unwritten = unwritten
        self._last_pauses_s = last_pauses_s

    def write(self) -> Ending | None:
        """Write a part between two others; the rows wait for the next one where the store fails."""
        try:
            self._write()
        except StoreError as err:
            log.warning("%s rows wait for the next part: %s", self._parts.unwritten, err)
        except ConfigError as err:
            return Ending(WorkerExit.CONFIG, str(err))
        return None

    def _write(self) -> None:
        before = self._parts.unwritten_bytes
        try:
            self._parts.write()
        finally:  # of several parts some may be written
            self._unwritten.add(self._parts.unwritten_bytes - before)

    def write_last(self, ending: Ending, stop: StopRequest) -> Ending:
        """Write what is left, patiently; a store that stays away turns any ending into a failed one."""
        for pause_s in (*self._last_pauses_s, None):
            try:
                self._write()
            except ConfigError as err:
                return Ending(WorkerExit.CONFIG, str(err))
            except StoreError as err:
                if pause_s is None or stop.requested:
                    lost = self._parts.unwritten
                    return Ending(
                        WorkerExit.INFRASTRUCTURE, f"{lost} {'row is' if lost == 1 else 'rows are'} lost: {err}"
                    )
                time.sleep(pause_s)
            else:
                break
        return ending
