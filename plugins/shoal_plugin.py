"""Registers Shoal's plugin where no installed package does: Airflow takes a second one of a name for an error."""

from importlib.metadata import entry_points

if not entry_points(group="airflow.plugins", name="shoal"):
    from shoal.airflow.plugin import ShoalPlugin

    __all__ = ["ShoalPlugin"]
