"""`python -m shoal labels DATASET FILE…`: takes people's labels back, from COCO to Timelapse's CSV.

They belong to the images and serve every later version of a model. `--training OUT` writes them for a model to learn from.
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from shoal.cli._reach import add_dataset, find_dataset, reach_results
from shoal.cli._tell import tell
from shoal.contract.errors import ConfigError


def add_arguments(parser: ArgumentParser) -> None:
    """Describe the command."""
    add_dataset(parser)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="with labels; of YOLO the folder")
    parser.add_argument("--by", default="", metavar="NAME", help="who labelled, where the file does not say")
    parser.add_argument(
        "--all-looked-at",
        action="store_true",
        help="every image of the files was looked at: those without a box are empty",
    )
    parser.add_argument(
        "--with-predictions",
        action="store_true",
        help="people saw the model's boxes, though the sample was handed out without",
    )
    parser.add_argument(
        "--training", type=Path, metavar="OUT", help="write all labels for a model to learn from: YOLO and COCO"
    )
    parser.add_argument("--trained", metavar="VERSION", help="which version of the model learns from it, or from --set")
    parser.add_argument(
        "--set", metavar="SET", help="a training set that was written before, which --trained learnt from"
    )


def execute(arguments: Namespace) -> int:
    """Take labels back, and write them for a model."""
    _need_something(arguments)
    from shoal.answers.find import find_run  # noqa: PLC0415 - other commands do not need them
    from shoal.evidence.sorted_out import Bringing  # noqa: PLC0415
    from shoal.evidence.take import take_labels  # noqa: PLC0415
    from shoal.evidence.told_labels import describe  # noqa: PLC0415
    from shoal.evidence.training import Place, name_version, write_training  # noqa: PLC0415
    from shoal.evidence.training import describe as describe_training  # noqa: PLC0415
    from shoal.stores.folder_access import lies_in  # noqa: PLC0415
    from shoal.tables.session import open_database  # noqa: PLC0415

    dataset = find_dataset(arguments.dataset)
    learn = arguments.training and arguments.training.expanduser().absolute()
    if learn and dataset.source.path and lies_in(learn, dataset.source.path):
        raise ConfigError(f"{learn} lies among the images of dataset {dataset.name} - name another place")
    bringing = Bringing(arguments.by, arguments.all_looked_at, arguments.with_predictions)
    with reach_results(arguments.dataset, dataset) as stores, open_database(stores.results, dataset.run) as database:
        run = find_run(stores.results, stores.layout)
        if arguments.files:
            taken = take_labels(database, stores.layout, run, arguments.files, bringing, taxa=dataset.taxa)
            tell(*describe(taken))
        if learn:
            place = Place(stores.layout, stores.source, learn)
            training = write_training(database, place, run, dataset.taxa, arguments.trained)
            tell(*describe_training(training, arguments.training, arguments.trained))
            return 1 if training.failed else 0
        if arguments.set:
            name_version(database, stores.layout, arguments.set, arguments.trained)
            tell(
                f"training set {arguments.set}: version {arguments.trained} learnt from it, and is judged on other days alone"
            )
    return 0


def _need_something(arguments: Namespace) -> None:
    """Check that what is asked for goes together.

    Raises:
        ConfigError: It does not.
    """
    if not (arguments.files or arguments.training or arguments.set):
        raise ConfigError("labels needs a FILE to take back, or --training OUT - name one")
    if arguments.set and (arguments.training or not arguments.trained):
        raise ConfigError(
            "--set names a training set that --trained VERSION learnt from - write both, without --training"
        )
    if arguments.trained and not (arguments.set or arguments.training):
        raise ConfigError("--trained VERSION needs to know from what - add --training OUT, or --set SET")
