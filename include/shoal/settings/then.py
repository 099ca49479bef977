"""A second model in a row: which classifier looks at the boxes of the first model, and what it calls what it is unsure of."""

from pydantic import Field

from shoal.settings.field_types import Name, Score, Settings


class Crop(Settings):
    """What of an image the second model sees of a box."""

    pad: float = Field(
        0.0, ge=0, le=1, description="Share of the box's longer side by which the crop is wider on each side"
    )
    square: bool = Field(
        True, description="Make the shorter side as long as the longer one: nothing of the box is cut off, or squeezed"
    )


class ThenModel(Settings):
    """A classifier that looks at each box of the first model; counts go by its classes."""

    name: Name
    version: Name = Field("latest", description="As model.version")
    classes: tuple[str, ...] | None = Field(
        None,
        min_length=1,
        description="Classes of the first model whose boxes it looks at; default: all. The others keep their own",
    )
    crop: Crop = Crop()
    min_conf: Score | None = Field(
        None,
        description="A class under this score rolls up to the lowest taxon above (taxa's parent) whose classes reach it "
        "together, else the first model's class stays; none: the best class whatever its score",
    )
