"""An estimate as a whole: of which answer, by which samples and labels, all taxa and parts; stored by its content."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shoal.answers.find import StoredRun
from shoal.contract.errors import ConfigError, shown
from shoal.contract.layout import FORMAT_VERSION, DatasetLayout
from shoal.contract.tasks.classify import CLASSIFY
from shoal.contract.units import counted
from shoal.evidence.estimates.cells import BY, Cell, estimate_cells
from shoal.evidence.estimates.frame_days import read_frame_days
from shoal.evidence.estimates.taxa import TaxonEstimate, estimate_taxa
from shoal.evidence.read_sampled import Sampled, read_sampled
from shoal.evidence.stored import store_json
from shoal.settings.analysis import Taxon
from shoal.tables.session import Database


class NoLabelsError(ConfigError):
    """There is no labelled image that a sample drew."""


@dataclass(frozen=True)
class Estimated:
    """What labels make of an answer.

    Attributes:
        name: The 16 digits that it lies under.
        json: All that is stored of it.
        taxa: What is known of all images.
        cells: What is known of parts.
        sampled: What it is made of.
        whole_images: Whether the model classifies images, and counts no individuals.
    """

    name: str
    json: Mapping[str, Any]
    taxa: tuple[TaxonEstimate, ...]
    cells: tuple[Cell, ...]
    sampled: Sampled
    whole_images: bool = False


def make_estimate(
    database: Database, layout: DatasetLayout, run: StoredRun, by: Sequence[str], taxa: Mapping[str, Taxon]
) -> Estimated:
    """Estimate an answer's counts from all labels there are, and store what comes out.

    Args:
        database: A session on the results bucket.
        layout: The dataset.
        run: Whose counts.
        by: Words of `BY`.
        taxa: Those of the dataset file of today.

    Raises:
        NoLabelsError: There are no labels of drawn images.
        ConfigError: A word of `by` is not understood, or the answer does not tell which images show people.
        ContractError: A stored object is not what it must be.
    """
    need_by(by)
    sampled = need_labels(read_sampled(database, layout, run, taxa), layout.dataset, run.plan.models)
    frame = read_frame_days(database, list(sampled.images.predicted))
    whole = estimate_taxa(sampled.images, frame)
    cells = estimate_cells(sampled.images, frame, by, whole) if by else ()
    value = {
        "format_version": FORMAT_VERSION,
        "kind": "estimate",
        "dataset": layout.dataset,
        **told_of(run, sampled),
        "by": list(by),
        "taxa": [taxon.to_json() for taxon in whole],
        "cells": [cell.to_json() for cell in cells],
    }
    name = store_json(database.results, layout, "estimates", value)
    return Estimated(name, value, whole, cells, sampled, whole_images=run.plan.task == CLASSIFY.name)


def need_by(by: Sequence[str]) -> None:
    """Check words by which images are parted.

    Raises:
        ConfigError: One is not understood.
    """
    if odd := [word for word in by if word not in BY]:
        raise ConfigError(f"--by {shown(odd[0], 60)!r} not understood - any of {', '.join(BY)}")
    if len(set(by)) < len(by):
        raise ConfigError(f"--by {','.join(by)} names one twice - write it once")


def need_labels(sampled: Sampled, dataset: str, models: str) -> Sampled:
    """Check that there is a labelled image to estimate from.

    Args:
        sampled: What was read of samples and labels.
        dataset: Name of the dataset.
        models: What the answer is of, in words.

    Raises:
        NoLabelsError: There is none; it says what to do next.
    """
    if sampled.keys:
        return sampled
    if not sampled.designs:
        raise NoLabelsError(
            f"No sample of dataset {dataset} was drawn, so no label can be estimated from - draw one: "
            f"python -m shoal sample {dataset} OUT -n 300"
        )
    if not sampled.label_files:
        raise NoLabelsError(
            f"Nobody has labelled an image of dataset {dataset} yet: {counted(sampled.to_come, 'image')} drawn - bring the "
            f"labels back: python -m shoal labels {dataset} FILE"
        )
    if sampled.of_training:
        raise NoLabelsError(
            f"All labelled images are of days that {models} may have learnt from - draw and label more: "
            f"python -m shoal sample {dataset} OUT -n 300"
        )
    if sampled.unused:
        raise NoLabelsError(
            f"{_not_used(sampled)} - label these first, or bring their labels: python -m shoal labels {dataset} FILE"
        )
    raise NoLabelsError(
        f"No labelled image was drawn by a sample and is counted by this answer ({models}) - what "
        "earlier samples handed out is labelled first, and each sample in its order: python -m shoal sample --help"
    )


def told_of(run: StoredRun, sampled: Sampled) -> dict[str, Any]:
    """Say of which answer, samples and labels something is, and what is left out of it."""
    return {
        "run_key": run.run_key,
        "model": run.plan.models,
        "result_sha256": run.summary.result_sha256,
        "samples": list(sampled.samples),
        "label_files": list(sampled.label_files),
        **told_of_sampled(sampled),
    }


def told_of_sampled(sampled: Sampled) -> dict[str, Any]:
    """Say how much was labelled, and what is left out."""
    return {
        "images": sampled.frame.images,
        "labels": len(sampled.keys),
        "left_out": {
            "people": sampled.people,
            "of_training": sampled.of_training,
            "not_drawable": sampled.not_drawable,
        },
        "passed_over": sampled.passed_over,
        "unused": sampled.unused,
        "not_blind": sampled.not_blind,
    }


def tell_left_out(sampled: Sampled, model: str) -> list[str]:
    """Say what an estimate is not of, and what it takes on trust."""
    said = []
    if sampled.people:
        said.append(f"not of {counted(sampled.people, 'image')} that show people: nobody may label them")
    if sampled.of_training:
        said.append(f"not of {counted(sampled.of_training, 'image')} of days that {model} may have learnt from")
    if sampled.not_drawable:
        waits = sampled.to_come and set(sampled.designs) - set(sampled.samples)
        then = (
            "anybody labelled - label what was drawn since, or draw again, to have them in"
            if waits
            else "was drawn - draw again to have them in"
        )
        said.append(f"not of {counted(sampled.not_drawable, 'image')} that came after the last sample that {then}")
    if _looks_lost(sampled):
        said.append(
            f"people saw none of these taxa in {counted(len(sampled.keys), 'labelled image')}, and the model does: were their "
            "boxes lost on the way, bring the right files with python -m shoal labels DATASET FILE, the newest word counts"
        )
    if sampled.unused:
        said.append(f"{_not_used(sampled)} - once these are labelled, they count")
    if sampled.to_come:
        said.append(f"{counted(sampled.to_come, 'drawn image')} without labels yet: each one narrows the intervals")
    if sampled.passed_over:
        said.append(
            f"{counted(sampled.passed_over, 'drawn image')} passed over: it is taken for chance which ones - were they the "
            "hard ones, the estimate is off"
        )
    if sampled.not_blind:
        said.append(
            f"{counted(sampled.not_blind, 'label')} of people who saw the model's boxes: that draws towards the model, and no "
            "interval knows of it"
        )
    return said


def _looks_lost(sampled: Sampled) -> bool:
    """Whether labels are empty throughout where the model sees something."""
    images = sampled.images
    return not any(one.any() for one in images.labelled.values()) and any(
        one.any() for one in images.predicted.values()
    )


def _not_used(sampled: Sampled) -> str:
    unused, before = counted(sampled.unused, "label"), counted(sampled.before_unused, "image")
    verbs = ("is" if sampled.unused == 1 else "are", "has" if sampled.before_unused == 1 else "have")
    return f"{unused} {verbs[0]} not used, as {before} before them in the order {verbs[1]} none"
