"""The families of models Shoal runs, and the one judge of whether a file is of any of them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pkgutil import resolve_name

from shoal.contract.carded import need_used
from shoal.contract.errors import ConfigError, ModelRefusedError, ShoalError, one_line, shown
from shoal.contract.families.family import Family, NotOfFamilyError
from shoal.contract.families.not_run import why_not_run
from shoal.contract.model_card import CARD_FILE
from shoal.contract.model_info import Graph, ModelInfo
from shoal.contract.plugged_in import load, load_of_wheel, plugged_in
from shoal.contract.tasks import TASKS
from shoal.contract.tasks.detect import DETECT

FAMILIES = {
    "yolov8": "shoal.contract.families.yolov8:YOLOV8",
    "end_to_end": "shoal.contract.families.end_to_end:END_TO_END",
    "yolov5": "shoal.contract.families.yolov5:YOLOV5",
    "rtdetr": "shoal.contract.families.rtdetr:RTDETR",
    "rtdetr_original": "shoal.contract.families.rtdetr_original:RTDETR_ORIGINAL",
    "rfdetr": "shoal.contract.families.rfdetr:RFDETR",
    "segment": "shoal.contract.families.segment:SEGMENT",
    "pose": "shoal.contract.families.pose:POSE",
    "obb": "shoal.contract.families.obb:OBB",
    "classify": "shoal.contract.families.classify:CLASSIFY",
}
"""Families by name, imported when a model is read. The first that understands a file is its family."""

GROUP = "shoal.tasks"
"""Entry points of families in other people's wheels; provisional until Shoal 1.0."""


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
        ModelRefusedError: It is of one that cannot run it, which alone speaks; or of none, and then it is said what it is, and
            what the families of wheels missed.
        ConfigError: A wheel that adds a family is broken.
    """
    if graph.card and graph.card.family:
        return _understand_as_said(graph, graph.card.family)
    missed: list[str] = []
    for name in _names():
        try:
            return _understand_as(graph, name)
        except NotOfFamilyError as err:
            if name not in FAMILIES:
                missed.append(f"family {name}: {err}")
        except ModelRefusedError as err:
            raise (err if name in FAMILIES else ModelRefusedError(f"family {name}: {err}")) from err
    runs = {load(name, FAMILIES, GROUP).task for name in FAMILIES}
    raise ModelRefusedError("; ".join([why_not_run(graph, runs), *missed]))


def understand_planned(graph: Graph, added: str | None) -> Understood:
    """Read a model file as its plan did.

    Args:
        graph: The file.
        added: The plan's `Understood.added`.

    Raises:
        ModelRefusedError: It is none of that family.
        ConfigError: That family is not installed, or in another version.
    """
    said = graph.card is not None and graph.card.family is not None
    understood = understand(graph) if added is None or said else _understand_as(graph, added.partition("/")[0])
    if understood.added != added:
        planned, here = (family or "one of Shoal's own" for family in (added, understood.added))
        raise ConfigError(
            f"The plan was made with model family {planned}, here it is {here} - "
            "install the same version of its wheel in the worker's image and where plans are made"
        )
    return understood


def family_name(understood: Understood) -> str:
    """Name a family as a card does."""
    if understood.added is not None:
        return understood.added.partition("/")[0]
    return next(name for name, path in FAMILIES.items() if resolve_name(path) is understood.family)


def closest_family(graph: Graph) -> str | None:
    """Name the one of Shoal's own families that a file is of and that cannot run it as it is; None where it is of none."""
    for name in FAMILIES:
        try:
            _understand_as(graph, name)
        except NotOfFamilyError:
            continue
        except ModelRefusedError:
            return name
    return None


def load_codec(understood: Understood) -> type:
    """Import the worker's half of a family.

    Raises:
        ConfigError: It is a wheel's, and that fails.
    """
    path, added = understood.family.codec, understood.added
    codec: type = resolve_name(path) if added is None else load_of_wheel(added, path, GROUP)
    return codec


def check_tileable(understood: Understood) -> None:
    """Check that a model can look at an image in tiles: boxes can be brought together again, nothing else can.

    Raises:
        ModelRefusedError: It is for another task.
    """
    task = understood.family.task
    if task != DETECT.name:
        raise ModelRefusedError(f"model.tile is for detection models, this one is for {task!r} - leave model.tile out")


def _understand_as_said(graph: Graph, name: str) -> Understood:
    """Read a model file as its card says; the family says which task that is, too."""
    known = list(_names())
    if name not in known:
        meant = get_close_matches(name.lower(), known, 1)
        raise ModelRefusedError(
            f"{CARD_FILE} has family: {shown(name, 60)}, there are {', '.join(known)} - "
            + (
                f"write family: {meant[0]}, or leave the line out"
                if meant
                else "write one of these, or leave the line out"
            )
        )
    family: Family = load(name, FAMILIES, GROUP)
    try:
        return _understand_as(replace(graph, metadata={**graph.metadata, "task": family.task}), name)
    except ModelRefusedError as err:
        raise ModelRefusedError(f"{CARD_FILE} says family: {name}, and as that: {err}") from err


def _understand_as(graph: Graph, name: str) -> Understood:
    family: Family = load(name, FAMILIES, GROUP)
    try:
        if family.task in TASKS:
            added = None if name in FAMILIES else f"{name}/{family.version}"
            info = family.understand(graph)
            need_used(graph.card, info, name, family.task, getattr(family, "roles", ()))
            return Understood(family, info, added)
    except ShoalError:
        raise
    except Exception as err:  # a stranger's family may raise anything
        reason = one_line(f"{type(err).__name__}: {err}")
        raise ConfigError(f"{GROUP} {name} failed on a model file: {reason} - tell its author") from err
    raise ConfigError(f"{GROUP} {name} is for task {family.task!r}, there are {', '.join(TASKS)} - tell its author")


def _names() -> Iterator[str]:
    """Name Shoal's own families, and only then look for those of wheels."""
    yield from FAMILIES
    for name in plugged_in(GROUP):
        if name in FAMILIES:
            raise ConfigError(f"{GROUP}: a wheel adds {name!r}, which is Shoal's own - rename its entry point")
        yield name
