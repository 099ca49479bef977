"""Work of a trigger's in a thread that nobody waits for at the end.

A triggerer that is told to stop answers no trigger any more, and joins the threads of `asyncio.to_thread`: one that asks for a
connection just then would hold it until it is killed.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")


ASK_S = 0.5
"""Between two looks whether a thread has ended."""


class Aside:
    """Such a thread for one thing after the other: what was given up and still blocks has no second one beside it.

    Args:
        name: Of its threads.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._thread: threading.Thread | None = None

    async def free(self) -> None:
        """Wait until what was begun last has ended, also where nobody waits for its end any more."""
        while self._thread is not None and self._thread.is_alive():  # noqa: ASYNC110 - a thread sets no event when it hangs
            await asyncio.sleep(ASK_S)

    async def run(self, work: Callable[[], T]) -> T:
        """Run something in a thread, and wait for it.

        Args:
            work: What blocks.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Any] = loop.create_future()

        def tell(found: T | None, err: BaseException | None) -> None:
            if done.done():
                return  # the wait was given up
            if err is not None:
                done.set_exception(err)
            else:
                done.set_result(found)

        def run() -> None:
            found, failure = None, None
            try:
                found = work()
            except Exception as err:  # noqa: BLE001 - it is raised where it is waited for
                failure = err
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(tell, found, failure)

        self._thread = threading.Thread(target=run, name=self._name, daemon=True)
        self._thread.start()
        result: T = await done
        return result


async def aside(work: Callable[[], T], name: str) -> T:
    """Run something in such a thread of its own, and wait for it.

    Args:
        work: What blocks.
        name: Of the thread.
    """
    return await Aside(name).run(work)
