"""What is said of labels that came back, in lines: what counts, what does not and why, and how two people agree."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from shoal.contract.errors import shown
from shoal.contract.units import counted

if TYPE_CHECKING:
    from shoal.evidence.take import Taken

SAID_OF = {
    "not_looked_at": "{} without a word are taken for not looked at - if they were and are empty, bring the files again with "
    "--all-looked-at",
    "perhaps_the_model_s": "{} have boxes that may be the model's, and are taken for not looked at - bring only images that "
    "somebody looked at, with --all-looked-at",
    "not_in_the_dataset": "{} are not in the dataset, or their name is not of one image alone",
    "changed_or_gone": "{} have changed since they were drawn, or the answer counts them no more: kept, and not used",
    "twice": "{} were there twice of one person: the last word counts",
    "contradicted": "{} were called nothing and have boxes: the boxes count",
    "other_shape": "{} have boxes of a picture of another shape, turned or cut: they count, and where they lie is not kept",
    "annotated_before": "{} have annotations of the same person, which labels of whole images alone do not take the place of - "
    "bring both of BIIGLE's reports in one command",
    "without_a_name": "{} are of nobody in particular: with --by NAME the words of two people are kept apart and compared",
    "by_number": "{} are of people whom the file names by a number, which is somebody else in another installation: with "
    "--by NAME they are kept apart",
    "not_drawn": "{} were drawn by no sample: models may learn from them, no estimate is made of them",
}


def describe(taken: "Taken") -> Iterator[str]:
    """Say what became of labels, in lines."""
    counts = taken.json["counts"]
    words = f" in the words of {counts['people']} people" if counts["people"] > 1 else ""
    yield (
        f"labels {taken.name}{', taken before: nothing is new' if taken.again else ''}: {counted(counts['images'], 'image')}, "
        f"{counted(counts['individuals'], 'individual')} of its taxa{words}, {counts['empty']} looked at and without any"
    )
    if counts["images"] == counts["empty"]:
        yield (
            "all of them are empty: if the boxes were lost on the way, bring the right file - the newest word of a person counts"
        )
    yield from (words.format(counts[name]) for name, words in SAID_OF.items() if counts[name])
    if counts["not_in_the_dataset"]:
        yield f"not in the dataset are such as {', '.join(shown(one, 100) for one in counts['first_not_in_the_dataset'])}"
    if counts["unknown"]:
        some = ", ".join(f"{shown(label, 60)} ({number})" for label, number in [*counts["unknown"].items()][:8])
        yield f"no taxon of the dataset, kept and not used until taxa names them: {some}"
    yield from _describe_progress(taken)


def _describe_progress(taken: "Taken") -> Iterator[str]:
    for sample, (handed, labelled) in taken.progress.items():
        yield f"sample {sample}: {labelled} of {counted(handed, 'image')} labelled"
    for taxon, of_two in taken.agreement.items():
        kappa = "no kappa, both saw it everywhere or nowhere" if of_two.kappa is None else f"kappa {of_two.kappa:.2f}"
        yield f"two people, {shown(taxon, 80)}: equal counts in {of_two.equal:.0%} of {counted(of_two.images, 'image')}, {kappa}"


def why_none(counts: Mapping[str, Any]) -> str:
    """Say why no label was taken."""
    if counts["annotated_before"]:
        return SAID_OF["annotated_before"].format(counts["annotated_before"])
    if counts["perhaps_the_model_s"]:
        return (
            f"{counts['perhaps_the_model_s']} have boxes that may be the model's, and the format does not tell whether a person "
            "looked at them - bring only images that somebody looked at, and say so: --all-looked-at"
        )
    if counts["not_looked_at"]:
        return (
            f"{counts['not_looked_at']} have no box, and the format does not tell empty images from those nobody looked at - "
            "if all were looked at, say so: --all-looked-at"
        )
    some = ", ".join(shown(one, 100) for one in counts["first_not_in_the_dataset"])
    return f"none is of the dataset, such as {some or 'nothing'} - bring the files to the dataset that they are of"
