"""Whether it is the mount that hangs or the store that is slow: asked when nothing was fetched for a while.

A read of a mount has no end of its own, and a slow store looks the same from the file that is read. So three others are asked
side by side: the mount for its state, which needs no store; the mount for an image that it gave before, which needs no
listing; and the store itself for the same image.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from shoal.contract.errors import ConfigError, StoreError, one_line
from shoal.stores.images import ImageArchived, ImageChanged, ImageDenied, ImageGone, ImageSource
from shoal.stores.mounted_names import mounted_path
from shoal_worker.sources.mount import AskedFor, MountSource

log = logging.getLogger(__name__)

SILENT_S = 60.0
"""Nothing came for so long: longer than rclone itself waits for a byte of the store."""

ANSWER_S = 20.0
"""Whoever has not answered by then does not: with the silence before it, a mount that hangs is known in a minute and a half."""


@dataclass
class _Answers:
    """What came of one question, written by threads that may hang for ever."""

    mount_answers: bool = False
    mount_gives: bool = False
    store_gave_in_s: float | None = None
    store_said: str = ""


class MountDoubt:
    """Judges a mount that gives nothing.

    Args:
        mount: The mount.
        open_store: Opens the store behind it, which is asked only when it comes to that.
        silent_s: Seconds without a byte after which it is asked, and asked again.
        answer_s: Seconds an answer may take.
    """

    def __init__(
        self,
        mount: MountSource,
        open_store: Callable[[], ImageSource],
        silent_s: float = SILENT_S,
        answer_s: float = ANSWER_S,
    ) -> None:
        self._mount = mount
        self._open_store = open_store
        self._silent_s, self._answer_s = silent_s, answer_s
        self._asked_at: float | None = None
        self._answers = _Answers()
        self._judged = False
        self.story = ""
        """What the last answers tell, for a message that begins with how long nothing was fetched."""

    @property
    def look_s(self) -> float:
        """How often it is worth a look."""
        return self._answer_s / 4

    @property
    def last_byte_s(self) -> float:
        """When the mount gave something last, by the monotonic clock."""
        return self._mount.last_byte_s

    def find_hang(self, silent_s: float) -> str:
        """Say that the mount hangs; empty while it may not. Never waits.

        Args:
            silent_s: Seconds since something came.
        """
        if silent_s < self._silent_s:
            self._asked_at, self.story = None, ""
            return ""
        now = time.monotonic()
        if self._asked_at is None or now - self._asked_at >= self._silent_s + self._answer_s:
            self._asked_at, self._judged = now, False
            self._ask()
        if self._judged or now - self._asked_at < self._answer_s:
            return ""
        self._judged = True
        return self._judge(silent_s)

    def _judge(self, silent_s: float) -> str:
        told, known = self._answers, self._mount.known is not None
        store = (
            f"the store itself gave an image in {told.store_gave_in_s:.1f} s"
            if told.store_gave_in_s is not None
            else f"the store itself does not ({told.store_said or f'nothing in {self._answer_s:.0f} s'})"
        )
        if not told.mount_answers or (known and not told.mount_gives and told.store_gave_in_s is not None):
            does_not = "give an image that it gave before" if told.mount_answers else "answer"
            return (
                f"Mount {self._mount.root} hangs: nothing was fetched for {silent_s:.0f} s and it does not {does_not}; {store} - "
                "look at the bucket sidecar's log and its memory, the next attempt mounts anew"
            )
        slow = "a directory is being listed" if told.store_gave_in_s is not None else "the store is slow"
        self.story = f": the mount answers, {store}, so {slow}"
        log.warning("Nothing was fetched for %.0f s%s; it is waited for", silent_s, self.story)
        return ""

    def _ask(self) -> None:
        self._answers = answers = _Answers()
        image, known = self._mount.known or self._mount.asked, self._mount.known
        # Daemons: where one hangs, nothing waits for it, the end of the process neither.
        threading.Thread(target=self._ask_mount, args=(answers, known), name="ask mount", daemon=True).start()
        if image is not None:
            threading.Thread(target=self._ask_store, args=(answers, image), name="ask store", daemon=True).start()

    def _ask_mount(self, answers: _Answers, known: AskedFor | None) -> None:
        with suppress(OSError):  # an error is an answer, too
            os.statvfs(self._mount.root)
        answers.mount_answers = True
        if known is not None:
            with suppress(OSError), (self._mount.root / mounted_path(known.key)).open("rb", buffering=0) as file:
                file.read(1)
            answers.mount_gives = True

    def _ask_store(self, answers: _Answers, image: AskedFor) -> None:
        began = time.monotonic()
        try:
            with suppress(ImageArchived, ImageChanged, ImageDenied, ImageGone):
                self._open_store().read(image.key, image.object_version, image.size_bytes)
            answers.store_gave_in_s = time.monotonic() - began
        except (StoreError, ConfigError) as err:
            answers.store_said = one_line(err, 300)
