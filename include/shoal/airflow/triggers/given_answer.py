"""Reads what a person answered to an attempt that Airflow took for failed: a task cannot read it itself, a trigger can."""

from collections.abc import AsyncIterator
from typing import Any

from airflow.sdk.execution_time.hitl import get_hitl_detail_content_detail
from airflow.triggers.base import BaseTrigger, TriggerEvent
from asgiref.sync import sync_to_async


class GivenAnswerTrigger(BaseTrigger):
    """Fires at once, with the answer that lies beside a task instance; with an empty event where there is none.

    Args:
        ti_id: The task instance that has asked.
    """

    def __init__(self, ti_id: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.ti_id = ti_id

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Name the class and its arguments, for the triggerer."""
        return f"{type(self).__module__}.{type(self).__qualname__}", {"ti_id": self.ti_id}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look once; what goes wrong costs a second question, and no answer."""
        try:
            found = await sync_to_async(get_hitl_detail_content_detail)(ti_id=self.ti_id)  # type: ignore[arg-type]
        except Exception as err:  # noqa: BLE001 - Airflow's own errors differ from release to release
            self.log.warning("What was answered before cannot be read, it is asked again: %s", err)
            yield TriggerEvent({})  # type: ignore[no-untyped-call]
            return
        yield TriggerEvent(_event(found))  # type: ignore[no-untyped-call]


def _event(found: Any) -> dict[str, Any]:
    """Write an answer as `execute_complete` takes it."""
    if not (found.response_received and found.chosen_options and found.responded_at):
        return {}
    user = found.responded_by_user
    return {
        "chosen_options": list(found.chosen_options),
        "params_input": found.params_input or {},
        "responded_at": found.responded_at,
        "responded_by_user": None if user is None else {"id": user.id, "name": user.name},
        "timedout": user is None,
    }
