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


async def aside(work: Callable[[], T], name: str) -> T:
    """Run something in such a thread, and wait for it.

    Args:
        work: What blocks.
        name: Of the thread.
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

    threading.Thread(target=run, name=name, daemon=True).start()
    result: T = await done
    return result
