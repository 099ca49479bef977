"""`python -m shoal model FILE`: what Shoal understands of a model file and its card, tried on a black image or on a photo.

Exit status 0 when it runs, 1 when it is refused, 2 when it cannot be told.
"""

import json
import subprocess
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from shoal.cli._tell import tell
from shoal.contract.ask_worker import ask_worker
from shoal.contract.errors import ConfigError, ModelRefusedError, one_line, shown
from shoal.contract.families import Understood, family_name, understand
from shoal.contract.model_card import CARD_FILE
from shoal.contract.model_file import MODEL_FILE
from shoal.contract.model_files import UPLOAD_ORDER
from shoal.contract.model_info import Graph, Tensor
from shoal.contract.read_card import FIELDS

LIMIT_S = 300.0
"""Seconds in which a model has to look at one photo."""

_MOST_NAMES = 10
_WRITTEN = (
    f"{CARD_FILE} is part of what a model is: a version that was used without it is another one with it. Lines with # in front"
    f" are yours to write; {UPLOAD_ORDER}"
)


def add_arguments(parser: ArgumentParser) -> None:
    """Describe the command."""
    parser.add_argument(
        "file",
        metavar="FILE",
        type=Path,
        help=f"an ONNX file, or the folder of a {MODEL_FILE}; its card ({CARD_FILE}) lies beside",
    )
    parser.add_argument("--image", type=Path, metavar="PHOTO", help="look at this photo, and print what is found")
    parser.add_argument(
        "--then", type=Path, metavar="FILE", help="a classifier that looks at each box, as model.then of a dataset file"
    )
    parser.add_argument("-o", "--out", type=Path, metavar="FILE", help="with --image: the photo with its boxes, .jpg")
    parser.add_argument(
        "--write", action="store_true", help=f"write the lines that are missing into {CARD_FILE} beside the model"
    )


def execute(arguments: Namespace) -> int:
    """Say what is understood, try it, write the card."""
    from shoal.models.inspect import find_dropped, read_graph  # noqa: PLC0415 - other commands do not need them
    from shoal.models.trial import judge_model  # noqa: PLC0415
    from shoal.written.write_card import add_lines, missing_lines  # noqa: PLC0415

    path = _find(arguments)
    try:
        graph = read_graph(path)
    except ModelRefusedError as err:
        tell(f"refused   {err}")
        return 1
    tell(*_of_file(path, graph))
    understood, refusal = None, None
    try:
        understood = understand(graph)
        tell(*_of_family(understood))
        if dropped := find_dropped(path, graph):
            tell(f"drops     {dropped.describe()}")
        judged = judge_model(path)
        tell(*(f"file      {one.name}: {one.size_bytes} bytes, sha256 {one.sha256}" for one in judged.files))
        tell(f"file      {path.name}: {path.stat().st_size} bytes, sha256 {judged.sha256}")
        tell(f"tried     {judged.untried or 'it runs on a black image'}")
    except ModelRefusedError as err:
        refusal = str(err)
    if arguments.write:
        lines = add_lines(path.parent, missing_lines(graph, understood))
        tell(f"written   {path.parent / CARD_FILE}" if lines else f"written   nothing: {CARD_FILE} has every line")
        tell(*(f"  {line}" for line in lines), *([_WRITTEN] if lines else []))
    if refusal is not None:
        tell(f"refused   {refusal}")
        return 1
    if arguments.then is not None and understood is not None:
        return _with_then(path, arguments, understood)
    if arguments.image is not None:
        _look(path, arguments.image, arguments.out, () if understood is None else understood.info.names)
    return 0


def _with_then(path: Path, arguments: Namespace, understood: Understood) -> int:
    """Say what is understood of a second model, whether the two go together, and let both look at a photo."""
    from shoal.contract.then import need_boxes, need_classifier  # noqa: PLC0415 - other commands do not need them
    from shoal.models.trial import judge_model  # noqa: PLC0415

    then = _model_file(arguments.then)
    try:
        judged = judge_model(then)
        tell("", f"then      {then}", *_of_family(judged.understood))
        tell(f"file      {then.name}: {then.stat().st_size} bytes, sha256 {judged.sha256}")
        tell(f"tried     {judged.untried or 'it runs on a black image'}")
        need_boxes(path.name, understood.family.task, "--then")
        need_classifier(then.name, judged.understood.family.task, "--then")
    except ModelRefusedError as err:
        tell(f"refused   {err}")
        return 1
    if arguments.image is not None:
        _look(path, arguments.image, arguments.out, understood.info.names, then)
    return 0


def _find(arguments: Namespace) -> Path:
    path = _model_file(arguments.file)
    if arguments.out is not None and (arguments.image is None or arguments.out.suffix.lower() not in {".jpg", ".jpeg"}):
        raise ConfigError("-o writes the photo of --image with its boxes - give both, and a name that ends in .jpg")
    if arguments.out is not None and arguments.out.exists():
        raise ConfigError(f"{arguments.out} is there already - write another name, or remove it")
    if arguments.image is not None and not arguments.image.is_file():
        raise ConfigError(f"No photo {arguments.image} - give the path of an image")
    return path


def _model_file(given: Path) -> Path:
    path = given.expanduser().absolute()
    path = path / MODEL_FILE if path.is_dir() else path
    if not path.is_file():
        raise ConfigError(f"No model file {path} - give the path of an ONNX file")
    return path


def _of_file(path: Path, graph: Graph) -> Iterator[str]:
    """Tell what the file and its card say."""
    yield f"model     {path}"
    yield from (f"input     {_tensor(tensor)}" for tensor in graph.inputs)
    yield from (f"output    {_tensor(tensor)}" for tensor in graph.outputs)
    card = {name for name in FIELDS if graph.card is not None and getattr(graph.card, name) not in (None, (), {})}
    said = [
        name for name in ("task", "names", "imgsz", "stride", "license") if name in graph.metadata and name not in card
    ]
    yield f"metadata  {', '.join(said) if said else 'say none of names, task, imgsz, stride'}"
    told = ", ".join(name for name in FIELDS if name in card) or f"{CARD_FILE} says nothing yet"
    yield f"card      {told if graph.card else f'no {CARD_FILE} beside it'}"
    licence = (
        (graph.card and graph.card.licence)
        or graph.metadata.get("license")
        or "not said: write licence: into " + CARD_FILE
    )
    yield f"licence   {shown(licence, 200)}"
    if graph.card and graph.card.citation:
        yield f"cite      {one_line(graph.card.citation)}"


def _of_family(understood: Understood) -> Iterator[str]:
    """Tell what a family makes of it."""
    info = understood.info
    yield f"family    {family_name(understood)}, task {understood.family.task}"
    more = f", … ({len(info.names) - _MOST_NAMES} more)" if len(info.names) > _MOST_NAMES else ""
    yield f"classes   {len(info.names)}: {', '.join(shown(name, 60) for name in info.names[:_MOST_NAMES])}{more}"
    size = "fixed" if info.fixed_hw else f"or another multiple of {info.stride}"
    yield f"size      {info.imgsz[0]}x{info.imgsz[1]} px ({size}), {info.resize}, {info.channels} channels"
    if info.mean and info.std:
        yield f"pixels    mean {list(info.mean)}, std {list(info.std)}"
    if info.background is not None:
        yield f"columns   number {info.background} of the scores stands for no class"


def _tensor(tensor: Tensor) -> str:
    sides = " x ".join("?" if side is None else str(side) for side in tensor.shape)
    return f"{shown(tensor.name, 60)}: {tensor.type} {shown(sides, 100)}"


def _look(path: Path, image: Path, out: Path | None, names: Sequence[str], then: Path | None = None) -> None:
    """Let the worker look at a photo."""
    found = _ask(path, image, then)
    if found["status"] != "processed":
        raise ConfigError(
            f"{image} was not looked at: {found.get('reason')} {found.get('detail') or ''} - give another photo"
        )
    scores = found.get("class_scores")
    if scores:
        known = [(number, score) for number, score in enumerate(scores) if score is not None]
        best = sorted(known, key=lambda one: -one[1])[:5]
        unknown = len(scores) - len(known)
        tell(
            f"photo     {image}, {found['width']}x{found['height']} px"
            + (f": the model gave no number for {unknown} of {len(scores)} classes" if unknown else ""),
            *(f"  {score:.2f}  {shown(names[number], 60)} (class {number})" for number, score in best),
        )
        if out is not None:
            raise ConfigError(f"{out} is not written: a classifier finds no boxes - leave -o out")
        return
    boxes: Sequence[Mapping[str, Any]] = found.get("detections") or ()
    tell(f"photo     {image}, {found['width']}x{found['height']} px: {len(boxes)} above 0.25", *map(_line, boxes))
    if out is not None:
        _draw(image, out, found)


def _ask(path: Path, image: Path, then: Path | None) -> dict[str, Any]:
    second = [] if then is None else ["--then", str(then)]
    words = ["predict", "--model", str(path), *second, str(image.absolute())]
    try:
        done = ask_worker(words, LIMIT_S)
    except subprocess.TimeoutExpired as err:
        raise ConfigError(f"{path.name} took more than {LIMIT_S:.0f} s for {image} - take a smaller imgsz") from err
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError as err:
        lines = done.stderr.strip().splitlines() or [f"the worker ended with {done.returncode}"]
        raise ConfigError(one_line(lines[-1], 1000)) from err
    return answer


def _line(box: Mapping[str, Any]) -> str:
    x1, y1, x2, y2 = box["xyxy"]
    place = f"({x1:.0f}, {y1:.0f}) to ({x2:.0f}, {y2:.0f})"
    then = box.get("then")
    said = ""
    if then and then["class_name"]:
        said = f", then {then['confidence']:.2f}  {shown(then['class_name'], 60)} (class {then['class_id']})"
    return f"  {box['confidence']:.2f}  {shown(box['class_name'], 60)} (class {box['class_id']}){said}  {place}"


def _draw(image: Path, out: Path, found: Mapping[str, Any]) -> None:
    from shoal.pictures.answered import boxes_of, side_of  # noqa: PLC0415 - who draws nothing needs none of it
    from shoal.pictures.draw import draw  # noqa: PLC0415
    from shoal.pictures.drawing import Drawing, PictureLimits  # noqa: PLC0415
    from shoal.pictures.one_photo import OnePhoto  # noqa: PLC0415

    data = image.read_bytes()
    drawing = Drawing(str(image), "", len(data), tuple(boxes_of(found)), long_side_px=side_of(found))
    (picture,) = draw(OnePhoto(data), [drawing], PictureLimits())
    if picture.jpeg is None:
        raise ConfigError(f"No picture of {image}: {picture.why}")
    try:
        out.write_bytes(picture.jpeg)
    except OSError as err:
        raise ConfigError(f"{out} cannot be written: {err.strerror} - write another place with -o") from err
    tell(f"written   {out}")
