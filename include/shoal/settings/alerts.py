"""Who is told: the `alerts` group of a dataset file."""

from typing import Annotated, Any

from pydantic import Field

from shoal.settings.field_types import Settings

Address = Annotated[str, Field(pattern=r"^[^@\s,;<>]+@[^@\s,;<>]+$", max_length=254)]


class Notifier(Settings):
    """One of Airflow's notifiers, of its providers or your own."""

    notifier: Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$")] = Field(
        description="Import path, such as airflow.providers.slack.notifications.slack.SlackNotifier"
    )
    arguments: dict[str, Any] = Field(
        default_factory=dict,
        description="Its arguments; {{ alert }}, {{ dataset }}, {{ url }}, {{ kind }} and {{ command }} are filled in",
    )


class Alerts(Settings):
    """Who is told when a run fails, is late, waits for a yes or finds that no new images come, and of new versions."""

    email: tuple[Address, ...] = Field((), description="Addresses; sent through Airflow's connection smtp_default")
    notifiers: tuple[Notifier, ...] = Field((), description="Other ways; secrets belong into Airflow connections")

    @property
    def reach_somebody(self) -> bool:
        """Whether anybody is told."""
        return bool(self.email or self.notifiers)
