"""The lines of a model card that neither the card nor the file's own metadata have yet, and a card with them."""

import io
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from shoal.contract.carded import is_fixed
from shoal.contract.errors import ConfigError
from shoal.contract.families import FAMILIES, Understood, closest_family, family_name
from shoal.contract.model_card import CARD_FILE, Card
from shoal.contract.model_info import Graph
from shoal.contract.read_card import LONGEST_LICENCE, read_card

_HEADER = (
    "# What this model is: docs/models.md. Part of the model's identity, so it is written before the model is used.\n"
)


def missing_lines(graph: Graph, understood: Understood | None) -> list[str]:
    """Write what is known of a model and stands nowhere, and as comments what only a person knows.

    Args:
        graph: What its file and its card say.
        understood: What its family makes of that; None where none takes it.
    """
    card = graph.card or Card()
    return [line for name, line in _lines(graph, understood) if getattr(card, name) in (None, (), {})]


def _lines(graph: Graph, understood: Understood | None) -> Iterator[tuple[str, str]]:
    said, info = graph.metadata, understood.info if understood else None
    yield "family", _family(graph, understood)
    if "names" not in said:
        yield "names", "# names: [first class, second class]  # in the order of training"
    if "imgsz" not in said and info is not None:
        yield "imgsz", f"imgsz: {list(info.imgsz)}"
    elif "imgsz" not in said and not is_fixed(graph):
        yield "imgsz", "# imgsz: 640"
    if info is None and len(graph.outputs) > 1:
        yield "background", "# background: -1  # where a column of the scores stands for no class: -1 is the last one"
    if info is not None:
        if "stride" not in said and info.fixed_hw is None:
            yield "stride", f"stride: {info.stride}"
        yield "resize", f"resize: {info.resize}"
        if info.mean and info.std:
            yield "mean", f"mean: {list(info.mean)}"
            yield "std", f"std: {list(info.std)}"
        if info.background is not None:
            yield "background", f"background: {info.background}"
    licence = said.get("license", "").strip()
    taken = 0 < len(licence) <= LONGEST_LICENCE and licence.isprintable()
    yield "licence", f"licence: {json.dumps(licence, ensure_ascii=False)}" if taken else "# licence: CC-BY-4.0"
    yield "citation", "# citation: who made it, when, where it is found"


def _family(graph: Graph, understood: Understood | None) -> str:
    name = family_name(understood) if understood else closest_family(graph)
    return f"family: {name}" if name else f"# family: {next(iter(FAMILIES))}  # one of {', '.join(FAMILIES)}"


def add_lines(folder: Path, lines: Sequence[str]) -> list[str]:
    """Write a card with further lines, or add them to the one that is there.

    Returns:
        The lines that were not there yet, such as comments nobody has filled in.

    Raises:
        ConfigError: It cannot be written, or would not be read as it was: it is left as it is.
    """
    from yaml import YAMLError  # noqa: PLC0415 - whoever writes none needs no YAML

    from shoal.written.yaml_text import read_yaml  # noqa: PLC0415

    path = folder / CARD_FILE
    before = path.read_text(encoding="utf-8-sig") if path.exists() else _HEADER
    lines = [line for line in lines if line not in before.splitlines()]
    if not lines:
        return []
    text = before + ("" if before.endswith("\n") or not before else "\n") + "".join(f"{line}\n" for line in lines)
    added = {line.partition(":")[0] for line in lines if not line.startswith("#")}
    try:
        old, new = (read_card(read_yaml(io.BytesIO(one.encode()))) for one in (before, text))
        kept = all(getattr(new, name) == getattr(old, name) for name in Card.__dataclass_fields__ if name not in added)
    except (ValueError, YAMLError):
        kept = False
    if not kept:
        raise ConfigError(f"{path} is written in a way that lines cannot be added to - add by hand: {'; '.join(lines)}")
    beside = path.with_name(f".{CARD_FILE}.{os.getpid()}")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    except OSError as err:
        beside.unlink(missing_ok=True)
        raise ConfigError(f"{path} cannot be written: {err.strerror} - copy the model to a folder of yours") from err
    return lines
