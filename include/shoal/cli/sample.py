"""`python -m shoal sample DATASET OUT -n 300`: draws images for people to label, by a design that is stored first.

What people see in them corrects the model's counts, whatever the model is worth; `python -m shoal labels` takes it back. The same
command again writes the same sample; a larger -n, or later the same one, adds images and never draws one twice.
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from shoal.cli._reach import add_dataset, find_dataset, reach_stores
from shoal.cli._tell import tell
from shoal.contract.errors import ConfigError, shown
from shoal.contract.typed_numbers import positive
from shoal.evidence.lists import KINDS


def add_arguments(parser: ArgumentParser) -> None:
    """Describe the command."""
    add_dataset(parser, by_file=True)
    parser.add_argument("out", type=Path, metavar="OUT", help="a new folder for pictures and list")
    parser.add_argument("-n", type=positive, default=300, metavar="N", help="images to be expected (300)")
    parser.add_argument(
        "--stratify", metavar="WORDS", default="", help="any of camera,month,hour (UTC): deal labels to each"
    )
    parser.add_argument(
        "--allocation",
        choices=("proportional", "equal"),
        default="proportional",
        help="labels of a stratum: by its images, or as many as of each other one",
    )
    parser.add_argument("--for", dest="taxon", metavar="TAXON", help="whose errors matter, once labels tell of errors")
    parser.add_argument(
        "--with-predictions", action="store_true", help="show the model's boxes; the labels are marked so"
    )
    parser.add_argument("--format", choices=sorted(KINDS), default="coco", help="for which tool (coco)")
    parser.add_argument(
        "--at", metavar="RUN", help="another run than the dataset's answer: the beginning of its run_key"
    )
    parser.add_argument("--again", metavar="SAMPLE", help="draw nothing, write this stored sample again")


def execute(arguments: Namespace) -> int:
    """Draw, store, then write what people are shown."""
    from shoal.answers.find import CURRENT, find_run  # noqa: PLC0415 - other commands do not need them
    from shoal.evidence.draw import Drawn, Wish, describe, draw_sample  # noqa: PLC0415
    from shoal.evidence.frame import view_frame  # noqa: PLC0415
    from shoal.evidence.hand_out import describe as describe_files  # noqa: PLC0415
    from shoal.evidence.hand_out import hand_out, need_shown  # noqa: PLC0415
    from shoal.evidence.lists import find_list  # noqa: PLC0415
    from shoal.evidence.stored import read_designs  # noqa: PLC0415
    from shoal.stores.folder_access import lies_in  # noqa: PLC0415
    from shoal.tables.session import open_database  # noqa: PLC0415

    kind = find_list(arguments.format)
    need_shown(kind, arguments.format, blind=not arguments.with_predictions)
    strata = tuple(word.strip() for word in arguments.stratify.split(",") if word.strip())
    wish = Wish(arguments.n, strata, arguments.allocation, arguments.taxon, not arguments.with_predictions)
    dataset = find_dataset(arguments.dataset, by_file=True)
    folder = arguments.out.expanduser().absolute()
    if dataset.source.path and lies_in(folder, dataset.source.path):
        raise ConfigError(f"{folder} lies among the images of dataset {dataset.name} - name another place")
    with reach_stores(dataset) as stores, open_database(stores.results, dataset.run) as database:
        run = find_run(stores.results, stores.layout, arguments.at or CURRENT)
        if arguments.again:
            designs = read_designs(stores.results, stores.layout)
            design = next((one for one in designs if one.name == arguments.again), None)
            if design is None:
                there = ", ".join(one.name for one in designs[-5:]) or "none"
                raise ConfigError(
                    f"No sample {shown(arguments.again, 40)!r} of dataset {dataset.name} - the latest are {there}"
                )
            need_shown(kind, arguments.format, blind=design.blind)
            view_frame(database, run, dataset.taxa)
        else:
            drawn: Drawn = draw_sample(database, stores.layout, run, wish, dataset.taxa)
            design = drawn.design
            tell(*describe(drawn))
        if not design.json["drawn"]["new"]:
            tell(_nothing_new(drawn=design.json["drawn"]["images"], there=design.json["frame"]["images"]))
            return 0
        found = hand_out(database, stores.source, run, design, kind=kind, to=folder)
    tell(*describe_files(found, design, arguments.out))
    return 1 if found.failed else 0


def _nothing_new(*, drawn: int, there: int) -> str:
    """Say that all of a sample has been handed out, and what may be done."""
    more = "ask for more with -n, or " if drawn < there else ""
    return (
        f"nothing to label: earlier samples have handed out all of its images - {more}write these again: --again SAMPLE"
    )
