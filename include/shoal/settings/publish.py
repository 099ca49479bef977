"""What a published package says of itself and no image tells: the `publish` group of a dataset file. It changes no number."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from shoal.settings.alerts import Address
from shoal.settings.field_types import Settings

Line = Annotated[str, Field(min_length=1, max_length=2000)]
Url = Annotated[str, Field(pattern=r"^(https?|s3)://[^\s/?#]+[^\s]*$", max_length=2000)]
SamplingDesign = Literal[
    "simpleRandom", "systematicRandom", "clusteredRandom", "experimental", "targeted", "opportunistic"
]


class Project(Settings):
    """The project that the images were taken for, in Camtrap DP's terms."""

    title: Line
    sampling_design: SamplingDesign = Field(description="How the places were chosen, in Camtrap DP's words")
    acronym: Line | None = None
    description: Line | None = None
    url: Url | None = None


class Contributor(Settings):
    """A person or an institution."""

    name: Line
    role: Literal["contact", "principalInvestigator", "rightsHolder", "publisher", "contributor"] = "contributor"
    email: Address | None = None
    organization: Line | None = None
    url: Url | None = Field(None, description="Their page, such as https://orcid.org/…")


class Licence(Settings):
    """Under which terms others may use numbers and images: names of SPDX such as CC-BY-4.0, or addresses."""

    data: Line
    media: Line


class Recall(Settings):
    """Which share of a taxon's individuals in the images the model finds, as somebody measured it."""

    value: float = Field(gt=0, le=1)
    source: Line = Field(description="Where that was measured: a paper, a report")


class Publish(Settings):
    """What packages for others need beside the numbers."""

    title: Line | None = Field(None, description="Of the package; default: the project's title")
    project: Project | None = None
    contributors: tuple[Contributor, ...] = ()
    licence: Licence | None = Field(None, description="One for both, or data and media")
    handle: Url | None = Field(None, description="Where the set of images is described for good: its handle or DOI")
    media_url: Url | None = Field(
        None,
        description="What stands before an image's key in its address; default: s3://<bucket>/ or file://<folder>/",
    )
    coordinate_digits: int | None = Field(
        None,
        ge=0,
        le=6,
        strict=True,
        description="Decimals of a degree that positions are rounded to; none: as they are",
    )
    recall: dict[str, Recall] = Field(
        default_factory=dict, description="By taxon: only of these darwin-core says absent where none was found"
    )

    @model_validator(mode="before")
    @classmethod
    def _one_licence(cls, data: Any) -> Any:
        """Let `licence: CC-BY-4.0` be that of numbers and images."""
        if isinstance(data, dict) and isinstance(data.get("licence"), str):
            return {**data, "licence": {"data": data["licence"], "media": data["licence"]}}
        return data

    @property
    def is_said(self) -> bool:
        """Whether anybody wrote anything."""
        return self != Publish()


def say_nothing(publish: Publish) -> bool:
    """Whether a plan leaves it out: the many plans stay as they are."""
    return not publish.is_said
