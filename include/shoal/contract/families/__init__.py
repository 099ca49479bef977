"""The families of models Shoal runs, and the one judge of whether a file is of any of them."""

from dataclasses import dataclass

from shoal.contract.entry_points import find_added, load_added, load_path, one_line
from shoal.contract.errors import ConfigError, ModelRefusedError, ShoalError
from shoal.contract.families.family import Family
from shoal.contract.model_info import Graph, ModelInfo
from shoal.contract.tasks import TASKS

FAMILIES = {"yolov8": "shoal.contract.families.yolov8:Yolov8"}
"""Classes by name, imported when a model is read. The first that understands a file is its family."""

GROUP = "shoal.tasks"
"""Entry points of families from other people's wheels; provisional until there is a second family of our own."""


@dataclass(frozen=True)
class Understood:
    """A model file that can be run.

    Attributes:
        family: Whose file it is.
        info: What the file says.
        added: `<name>/<version>` of a family from somebody's wheel, None for Shoal's own.
    """

    family: Family
    info: ModelInfo
    added: str | None


def understand(graph: Graph) -> Understood:
    """Find the family of a model file: Shoal's own are asked first, so no wheel changes what they do.

    Raises:
        ModelRefusedError: It is of none; says what each family missed.
        ConfigError: A wheel that adds a family is broken.
    """
    refusals = []
    for name in FAMILIES:
        try:
            return understand_as(graph, name)
        except ModelRefusedError as err:
            refusals.append(str(err))
    for name in find_added(GROUP, FAMILIES):
        try:
            return understand_as(graph, name)
        except ModelRefusedError as err:
            refusals.append(f"{name}: {err}")
    raise ModelRefusedError("; family ".join(refusals))


def understand_as(graph: Graph, name: str) -> Understood:
    """Read a model file as one of a family.

    Raises:
        ModelRefusedError: It is none of it.
        ConfigError: There is no such family, or its wheel is broken.
    """
    if name in FAMILIES:
        family: Family = load_path(FAMILIES[name])()
        return Understood(family, family.understand(graph), None)
    added = find_added(GROUP, FAMILIES)
    if name not in added:
        raise ConfigError(
            f"Model family {name!r} not found, there are: {', '.join([*FAMILIES, *added])} - "
            "install the wheel that adds it here, too"
        )
    return _ask_added(name, load_added(added[name]), graph)


def understand_planned(graph: Graph, added: str | None) -> Understood:
    """Read a model file as its plan did.

    Args:
        graph: The file.
        added: The plan's `Understood.added`.

    Raises:
        ModelRefusedError: It is none of that family.
        ConfigError: That family is not installed, or in another version.
    """
    understood = understand(graph) if added is None else understand_as(graph, added.partition("/")[0])
    if understood.added != added:
        planned, here = (family or "Shoal's own" for family in (added, understood.added))
        raise ConfigError(
            f"The plan was made with model family {planned}, here it is {here} - "
            "install the same version of its wheel in the worker's image and where plans are made"
        )
    return understood


def _ask_added(name: str, family: Family, graph: Graph) -> Understood:
    try:
        task = family.task
        understood = Understood(family, family.understand(graph), f"{name}/{family.version}")
    except ShoalError:
        raise
    except Exception as err:  # other people's code
        raise ConfigError(
            f"Model family {name!r} failed on a model file: {one_line(err)} - report it to its author"
        ) from err
    if task not in TASKS:
        raise ConfigError(f"Model family {name!r} is for task {task!r}, there are: {', '.join(TASKS)} - ask its author")
    return understood
