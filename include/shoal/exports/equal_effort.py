"""MaxN that can be compared, as the summary tells it of each camera, deployment and taxon, for formats that have a place for it.

MaxN of a day or an event grows with the images that were looked at. Its mean over groups of equally many images does not, nor its
mean over events; the mean count of an image stands beside. They are of the whole answer: groups of a part would be other groups.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from shoal.answers.where import Where
from shoal.contract.tasks.classify import CLASSIFY
from shoal.exports.export import Answer
from shoal.pictures.people import counted_as_people

GROUP_IMAGES = 50
"""Used images of a group in which MaxN is told: about a day of a camera that looks every half hour."""

COLUMNS = (
    "images", "mean_per_image", f"groups_of_{GROUP_IMAGES}_images", "mean_maxn_of_groups", "events", "mean_maxn_of_events",
)  # fmt: skip
"""What tables call its numbers."""


@dataclass(frozen=True)
class EqualEffort:
    """What is comparable of one series; as `result.series` of summary.json has it.

    Attributes:
        images: Effort: used images.
        mean_per_image: Mean of its detections in an image.
        groups: Of so many images each that follow each other in time.
        mean_maxn_of_groups: Mean over them of the most boxes of it in any one image; None without a group.
        events: Of a deployment with an `event_gap`, those with a used image.
        mean_maxn_of_events: Likewise, over events.
    """

    camera: str
    deployment: str | None
    taxon: str
    images: int
    mean_per_image: float
    groups: int
    mean_maxn_of_groups: float | None
    events: int | None
    mean_maxn_of_events: float | None

    @property
    def numbers(self) -> tuple[int | float | None, ...]:
        """They, as in `COLUMNS`."""
        maxn = self.groups, self.mean_maxn_of_groups, self.events, self.mean_maxn_of_events
        return self.images, self.mean_per_image, *maxn


def has_maxn(answer: Answer) -> bool:
    """Whether MaxN tells anything: of a classifier it is 1 where an image is of the taxon, and nothing is counted in it."""
    return answer.plan.task != CLASSIFY.name


def equal_effort(answer: Answer, where: Where) -> tuple[Sequence[EqualEffort], dict[str, int]]:
    """Give the series that are asked for, without taxa that people were counted as; and how many are not told of.

    Args:
        answer: Its result tells them.
        where: What is asked for: of a span of time nothing is known.
    """
    people = counted_as_people(answer.result, answer.described.taxa)
    asked = [
        one
        for one in answer.result["series"]
        if one["taxon"] not in people
        and (not where.cameras or one["camera"] in where.cameras)
        and (not where.deployments or one["deployment"] in where.deployments)
        and (not where.taxa or one["taxon"] in where.taxa)
    ]
    if where.start or where.end:
        return [], {"series whose MaxN of equal effort is known of the whole time only": len(asked)} if asked else {}
    if any("groups" not in one for one in asked):
        return [], {"series whose MaxN of equal effort an earlier release did not tell": len(asked)}
    found = [
        EqualEffort(**{name: one[name] for name in EqualEffort.__dataclass_fields__})
        for one in sorted(asked, key=lambda one: (one["camera"], one["deployment"] or "", one["taxon"]))
    ]
    return found, {}
