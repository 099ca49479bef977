"""Two models in a row: whether a second one can look at a first one's boxes, and what it calls them."""

from collections.abc import Mapping, Sequence

from shoal.contract.errors import ModelRefusedError, shown
from shoal.contract.families import Understood
from shoal.contract.model_info import resolve_imgsz
from shoal.contract.then import SHARES_SUM, RollUp, Then, need_boxes, need_classifier
from shoal.models.release import ModelRelease
from shoal.settings.analysis import Taxon
from shoal.settings.taxa import taxa_above, taxon_of
from shoal.settings.then import ThenModel

SHOWN_NAMES = 8


def resolve_then(first: ModelRelease, second: ModelRelease, asked: ThenModel, taxa: Mapping[str, Taxon]) -> Then:
    """Resolve a dataset's settings of a second model for one release of each.

    Raises:
        ModelRefusedError: The two do not go together.
    """
    need_boxes_of(first, first.file, asked.classes or ())
    need_classifier(second, second.task)
    if asked.min_conf is not None:
        need_shares(second)
    roll_up = None if asked.min_conf is None else make_roll_up(second.info.names, asked.min_conf, taxa)
    wanted = frozenset(asked.classes or ())
    ids = tuple(class_id for class_id, name in enumerate(first.info.names) if name in wanted)
    return Then(
        imgsz=resolve_imgsz(second.info, None),
        pad=asked.crop.pad,
        square=asked.crop.square,
        classes=ids or None,
        roll_up=roll_up,
        family=second.file.added,
    )


def need_boxes_of(first: object, understood: Understood, classes: Sequence[str] = ()) -> None:
    """Check that a first model finds boxes, of the classes that the second one is to look at.

    Args:
        first: What it is called.
        understood: What it is.
        classes: Those that `model.then.classes` names; none for all.

    Raises:
        ModelRefusedError: It does not.
    """
    names = understood.info.names
    need_boxes(first, understood.family.task)
    if unknown := [name for name in classes if name not in names]:
        more = f" and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else ""
        raise ModelRefusedError(
            f"model.then.classes names {shown(unknown[0], 80)!r}, which is no class of {first}: it has "
            f"{', '.join(shown(name, 60) for name in names[:SHOWN_NAMES])}{more} - correct it, or leave model.then.classes out"
        )


def need_shares(second: ModelRelease) -> None:
    """Check that the scores of a second model may be added up where its best class is unsure.

    Raises:
        ModelRefusedError: Each class has a score of its own.
    """
    if second.scores_sum is not None and second.scores_sum > SHARES_SUM:
        raise ModelRefusedError(
            f"model.then.min_conf adds up the scores of classes, and those of {second} are no shares of one whole: they sum to "
            f"{second.scores_sum:.3g} on a black image, as with a sigmoid for each class - leave min_conf out, or export it "
            "with a softmax"
        )


def make_roll_up(names: Sequence[str], min_conf: float, taxa: Mapping[str, Taxon]) -> RollUp:
    """Put a classifier's classes below the taxa that the dataset file names above them.

    Classes that count as one taxon stand below the first of them, so that its score is theirs together. A taxon above that is
    what a class counts as is that class; the others follow the model's own.

    Args:
        names: Class names of the second model, by class_id.
        min_conf: The score that a name needs.
        taxa: The dataset file's.
    """
    ids: dict[str, int] = {}
    for class_id, name in enumerate(names):
        ids.setdefault(taxon_of(name, taxa), class_id)
    known = _names_of_taxa(taxa)
    ancestors: list[str] = []
    parents: list[int | None] = [None] * len(names)
    for class_id, name in enumerate(names):
        below = ids[taxon_of(name, taxa)]
        if below != class_id:
            parents[class_id] = below
            continue
        for taxon in taxa_above(name, taxa):
            if taxon not in ids:
                ids[taxon] = len(parents)
                ancestors.append(known.get(taxon, taxon))
                parents.append(None)
            parents[below] = below = ids[taxon]
    return RollUp(min_conf, tuple(ancestors), tuple(parents))


def _names_of_taxa(taxa: Mapping[str, Taxon]) -> dict[str, str]:
    """Say under which entry of the file each taxon stands, where it has one: its role and its numbers are there."""
    found: dict[str, str] = {}
    for name, taxon in taxa.items():
        if not taxon.merge_into:
            found.setdefault(taxon.scientific_name or name, name)
    return found
