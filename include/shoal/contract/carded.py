"""A graph and its card, held against each other: what the card says takes the place of the file's own metadata."""

import json
from collections.abc import Collection
from dataclasses import replace

from shoal.contract.errors import ModelRefusedError, shown
from shoal.contract.model_card import CARD_FILE, Card
from shoal.contract.model_info import Dim, Graph, ModelInfo, Resize


def with_card(graph: Graph, card: Card) -> Graph:
    """Put a card beside a graph.

    Raises:
        ModelRefusedError: It contradicts the graph; says which line to write instead.
    """
    _check_outputs(graph, card)
    _check_size(graph, card)
    _check_background(graph, card)
    said = {
        "names": json.dumps(card.names) if card.names else None,
        "imgsz": json.dumps(card.imgsz) if card.imgsz else None,
        "stride": None if card.stride is None else str(card.stride),
    }
    metadata = {**graph.metadata, **{name: text for name, text in said.items() if text is not None}}
    return replace(graph, metadata=metadata, card=card)


def need_used(card: Card | None, info: ModelInfo, family: str, task: str, roles: Collection[str]) -> None:
    """Refuse what a card says of pixels, columns and outputs where its family does nothing with it.

    Args:
        card: It, None where there is none.
        info: What the family made of it.
        family: Its name.
        task: What it is for: what is cut off by a crop is nowhere but where no place is asked for.
        roles: Which outputs it lets a card name.

    Raises:
        ModelRefusedError: A line would be passed over, or means colours that a grey image has not.
    """
    if card is None:
        return
    passed_over = {
        "resize": card.resize is not None
        and (card.resize != info.resize or (card.resize == Resize.CENTRE_CROP and task != "classify")),
        "mean": card.mean is not None and card.mean != info.mean,
        "std": card.std is not None and card.std != info.std,
        "background": card.background is not None and info.background is None,
        "stride": card.stride is not None and card.stride != info.stride,
    }
    if any(len(set(values)) > 1 for values in (card.mean or (), card.std or ())) and info.channels == 1:
        raise ModelRefusedError(
            f"{CARD_FILE} has mean and std of three colours, and the model takes one channel - write its own value three times, "
            "such as mean: [0.45, 0.45, 0.45]"
        )
    unknown = [role for role in card.outputs if role not in roles]
    if unknown:
        there = f"it asks for {', '.join(roles)}" if roles else "it finds its outputs by itself"
        raise ModelRefusedError(
            f"{CARD_FILE} says which output is {' and '.join(unknown)}, and family {family} does not ask: {there} - leave it "
            "out, or write the family that the model is of"
        )
    lines = [name for name, passed in passed_over.items() if passed]
    if lines:
        raise ModelRefusedError(
            f"{CARD_FILE} says {' and '.join(lines)}, and family {family} has no use for it - leave it out, or write the family "
            "that the model is of"
        )


def _check_outputs(graph: Graph, card: Card) -> None:
    there = [tensor.name for tensor in graph.outputs]
    for what, name in card.outputs.items():
        if name not in there:
            raise ModelRefusedError(
                f"{CARD_FILE} says that {shown(what, 60)} are output {shown(name, 60)!r}, the graph has {', '.join(there)} - "
                f"write outputs: {{{shown(what, 60)}: {there[0]}}}"
            )


def is_fixed(graph: Graph) -> bool:
    """Whether the graph says both sides of its image."""
    return all(isinstance(side, int) for side in _image_sides(graph))


def _image_sides(graph: Graph) -> tuple[Dim, ...]:
    return next((tensor.shape[2:] for tensor in graph.inputs if len(tensor.shape) == 4), (None,))


def _check_size(graph: Graph, card: Card) -> None:
    sides = _image_sides(graph)
    if card.imgsz is None or len(sides) != 2:
        return
    if any(isinstance(side, int) and side != said for side, said in zip(sides, card.imgsz, strict=True)):
        there = ", ".join(str(side) if isinstance(side, int) else "any" for side in sides)
        raise ModelRefusedError(
            f"{CARD_FILE} has imgsz: {list(card.imgsz)}, the graph takes [{there}] - write that, or leave the line out"
        )


def _check_background(graph: Graph, card: Card) -> None:
    """Refuse a column that no output has; its family knows in which output it is, and looks again."""
    if card.background is None:
        return
    named = [tensor for tensor in graph.outputs if tensor.name in card.outputs.values()]
    widths = [tensor.shape[-1] if tensor.shape else 0 for tensor in named or graph.outputs]
    most = max((width if isinstance(width, int) else card.background + 1 for width in widths), default=0)
    if card.background >= most:
        raise ModelRefusedError(
            f"{CARD_FILE} has background: {card.background}, and no output has such a column ({most} at most) - write "
            f"background: -1 for the last one, or leave the line out where each column is a class"
        )
