"""What can be asked of the studio: one schema per kind of job, the one place with its limits.

Forms, the API's documentation and the checks of a request all come from here.  Names and defaults
are those of the Python functions that do the work; a test compares them.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

_REF = r"^(upload:[a-z0-9]{16}|job:[1-9][0-9]{0,8}/[A-Za-z0-9._-]{1,120})$"
Ref = Annotated[
    str,
    StringConstraints(pattern=_REF),
    Field(description="A file: upload:ID of an upload, or job:NUMBER/NAME of a finished job."),
]
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
Span = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9]{1,4}(\.[0-9]{1,2})?(-[0-9]{1,4}(\.[0-9]{1,2})?)?$"),
]
Lock = Annotated[str, StringConstraints(max_length=40)]
ArrangedFor = Literal[
    "string quartet", "brass quartet", "wind quartet", "saxophone quartet", "choir", "keyboard",
    "organ", "harpsichord",
]  # fmt: skip
"""The ensembles of :mod:`partimento.music.ensembles`, which the server does not load."""
Seed = Annotated[
    int, Field(ge=0, le=2**31 - 1, description="Seed of the drawing; the same seed, the same piece")
]


class Order(BaseModel):
    """What every order has in common: unknown fields are errors, nothing changes afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    def refs(self) -> list[str]:
        """Every file that the order names."""
        return _refs(self.model_dump())

    def title(self) -> str:
        """A line for the history."""
        return type(self).__name__


def _refs(value: Any) -> list[str]:
    if isinstance(value, str):
        # By the whole form: words of the user may well begin with "job:".
        return [value] if re.fullmatch(_REF, value) else []
    if isinstance(value, dict):
        return [ref for part in value.values() for ref in _refs(part)]
    if isinstance(value, list | tuple):
        return [ref for part in value for ref in _refs(part)]
    return []


class ComposeOrder(Order):
    """Pieces from words."""

    text: Words = Field(description="What you want to hear, in words")
    settings: dict[str, str] = Field(
        default_factory=dict, max_length=40, description="Corrections of what was understood"
    )
    bars: int | None = Field(
        None, ge=1, le=64, description="Length in bars; empty: as the text says, or 16"
    )
    n: int = Field(2, ge=1, le=8, description="How many candidates")
    best_of: int = Field(
        1, ge=1, le=8, description="Draws for each candidate; the best match is kept"
    )
    guidance: float = Field(1.5, ge=0, le=10, description="How hard the model listens to the words")
    temperature: float | None = Field(
        None, ge=0, le=5, description="Spread of the drawing; empty: 0.9"
    )
    seed: Seed = 0

    def title(self) -> str:
        """The words."""
        return self.text


class RegenerateOrder(Order):
    """A region of a composed piece drawn anew; everything outside it stays."""

    piece: Ref
    text: str = Field("", max_length=2000, description="What the new bars should be like")
    bars: Span = Field(description="First and last bar of the region, such as 3-4")
    instruments: list[str] = Field(
        default_factory=list, max_length=16, description="Only these instruments; empty: all"
    )
    locked: list[Lock] = Field(
        default_factory=list,
        max_length=4000,
        description="Notes that stay, as bar:beat:pitch or rows of the note table",
    )
    settings: dict[str, str] = Field(
        default_factory=dict, max_length=40, description="Corrections of what was understood"
    )
    n: int = Field(1, ge=1, le=8, description="How many alternatives")
    candidates: int = Field(
        8, ge=1, le=8, description="Draws for each; that which leads best into what follows is kept"
    )
    guidance: float = Field(1.5, ge=0, le=10, description="How hard the model listens to the words")
    temperature: float | None = Field(
        None, ge=0, le=5, description="Spread of the drawing; empty: 0.9"
    )
    seed: Seed = 0

    def title(self) -> str:
        """The region."""
        return f"Bars {self.bars} anew"


class SongOrder(Order):
    """The whole way: a sentence becomes a played, judged, engraved, heard and pictured piece."""

    text: Words = Field(description="What you want to hear, in words")
    settings: dict[str, str] = Field(
        default_factory=dict, max_length=40, description="Corrections of what was understood"
    )
    bars: int | None = Field(
        None, ge=1, le=64, description="Length in bars; empty: as the text says, or 16"
    )
    candidates: int = Field(4, ge=1, le=16, description="Pieces to compose; the best is kept")
    players: int = Field(3, ge=1, le=16, description="Players of each piece; the best is kept")
    guidance: float = Field(1.5, ge=0, le=10, description="How hard the model listens to the words")
    expression: Literal["learnt", "rules"] = Field(
        "learnt", description="Players that learnt from pianists, or rules of the literature"
    )
    harmonize: bool = Field(False, description="Harmonise the melody in four parts as well")
    arrange: ArrangedFor | None = Field(None, description="Arrange it for this ensemble as well")
    seed: Seed = 0

    def title(self) -> str:
        """The words."""
        return self.text


class HarmonizeOrder(Order):
    """Four parts for a melody, or for whatever voices are given."""

    source: Ref
    voices: str | None = Field(
        None, pattern=r"^[SATB]{1,4}$", description="Which voices the file gives; empty: found"
    )
    upper_line: bool = Field(
        False, description="Take the upper line of a piece with several notes at once (MIDI)"
    )
    key: str = Field("auto", max_length=20, description='Key such as "G minor"; auto detects it')
    lock: list[Lock] = Field(
        default_factory=list, max_length=400, description='Stretches to keep, such as "A:5-6"'
    )
    region: str | None = Field(
        None,
        # Printed numbers may be X1 where a bar is cut in two.
        pattern=r"^(bars:)?[0-9A-Za-z]{1,6}(\.[0-9]{1,2})?(-[0-9A-Za-z]{1,6}(\.[0-9]{1,2})?)?$",
        description="Write only these bars anew, such as 5-8",
    )
    mode: Literal["strict", "free", "off"] = Field(
        "strict", description="Voice-leading rules: strict forbids, free discourages, off ignores"
    )
    n: int = Field(1, ge=1, le=8, description="How many alternatives")
    temperature: float = Field(
        0.6, ge=0, le=5, description="Spread of the drawing; 0 takes the likeliest"
    )
    layout: Literal["four", "two"] = Field("four", description="Four staves, or two")
    seed: Seed = 0

    def title(self) -> str:
        """The task."""
        if self.region is None:
            return "Harmonise"
        return f"Harmonise bars {self.region.removeprefix('bars:')} anew"


class CheckOrder(Order):
    """Voice leading of a score, or of several one after the other."""

    source: Ref
    more: list[Ref] = Field(
        default_factory=list, max_length=39, description="Further scores for the same table"
    )

    def title(self) -> str:
        """The task."""
        count = 1 + len(self.more)
        return "Check voice leading" if count == 1 else f"Check voice leading of {count} scores"


Style = Literal["balanced", "creative", "deterministic", "long"]


class _PlayingOrder(Order):
    """How daring the pianist of the model is."""

    style: Style = Field(
        "balanced", description="How daring: a named set of temperature, top-k and top-p"
    )
    temperature: float | None = Field(
        None, ge=0, le=5, description="Spread of the drawing; empty: the style's"
    )
    top_k: int | None = Field(
        None, ge=0, le=391, description="Draw from so many likeliest; empty: the style's"
    )
    top_p: float | None = Field(
        None, gt=0, le=1, description="Draw from this total mass; empty: the style's"
    )
    seed: Seed = 0


class ContinueOrder(_PlayingOrder):
    """A piano performance goes on."""

    primer: Ref
    seconds: float = Field(
        20.0, ge=1, le=120, description="How long the continuation lasts, seconds"
    )
    primer_seconds: float | None = Field(
        None, ge=0.1, le=3600, description="Go on from here, seconds; empty: from the end"
    )
    n: int = Field(2, ge=1, le=8, description="How many continuations")

    def title(self) -> str:
        """The task."""
        return f"Continue for {self.seconds:g} s"


class InfillOrder(_PlayingOrder):
    """A passage of a piano performance written anew between what stands before and after."""

    primer: Ref
    start: float = Field(ge=0, le=3600, description="Begin of the gap, seconds")
    end: float = Field(gt=0, le=3600, description="End of the gap, seconds")
    n: int = Field(1, ge=1, le=8, description="How many alternatives")

    def title(self) -> str:
        """The gap."""
        return f"Seconds {self.start:g} to {self.end:g} anew"


class VaryOrder(_PlayingOrder):
    """Some stretches of a piano performance played anew, the rest as it is."""

    primer: Ref
    start: float = Field(0.0, ge=0, le=3600, description="From here on, seconds")
    end: float | None = Field(None, gt=0, le=3600, description="Up to here; empty: the end")
    strength: float = Field(
        0.5, gt=0, le=1, description="Share of the time that is played anew, up to 1"
    )
    n: int = Field(1, ge=1, le=8, description="How many variations")

    def title(self) -> str:
        """The task."""
        return f"Vary {self.strength:.0%}"


class DreamOrder(_PlayingOrder):
    """A piano piece from nothing."""

    seconds: float = Field(30.0, ge=1, le=120, description="How long the piece lasts, seconds")
    n: int = Field(1, ge=1, le=8, description="How many pieces")

    def title(self) -> str:
        """The task."""
        return f"Dream for {self.seconds:g} s"


class CritiqueOrder(Order):
    """Performances judged on nineteen dimensions; several of one passage are compared."""

    performances: list[Ref] = Field(min_length=1, max_length=8, description="Performances to judge")
    score: Ref | None = Field(None, description="The score, where there is one")

    def title(self) -> str:
        """The task."""
        count = len(self.performances)
        return "Critique" if count == 1 else f"Critique of {count} performances"


class PictureOrder(Order):
    """A cover picture for a piece or a sound."""

    source: Ref
    n: int = Field(1, ge=1, le=6, description="How many, with the seeds that follow")
    size: int | None = Field(
        None, ge=128, le=1536, description="Width and height, pixels; empty: 1024"
    )
    caption: str = Field("", max_length=60, description="Words on the cover of a piece of music")
    seed: Seed = 0

    def title(self) -> str:
        """The task."""
        return "Cover picture"


RunName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,80}(/[A-Za-z0-9._-]{1,80}){0,3}$"),
]


class ExamineOrder(Order):
    """The doctor looks at a training run."""

    run: RunName = Field(description="Name of a run folder")
    others: list[RunName] = Field(
        default_factory=list, max_length=4, description="Runs to compare with"
    )
    seed: Seed = 0

    def title(self) -> str:
        """The run."""
        return f"Examine {self.run}"


class ReplayOrder(Order):
    """A known failure is trained again in small, beside its healthy twin, examined and treated."""

    fault: str = Field(
        pattern=r"^[a-z0-9]{1,20}: [A-Za-z0-9 ,'-]{1,80}$",
        description="Name of a planted fault; GET /api/faults has the list",
    )
    seed: Seed = 0

    def title(self) -> str:
        """The failure."""
        return f"Sick model, {self.fault}"


class AttentionOrder(Order):
    """Where the harmonising network looks, for one score in four parts."""

    source: Ref
    weights: str = Field(
        "chorale-strong", pattern=r"^[a-z0-9-]{1,60}$", description="Shipped chorale model"
    )
    first_step: int = Field(0, ge=0, le=20_000, description="First 16th note that is shown")
    steps: int = Field(32, ge=4, le=64, description="How many 16th notes")

    def title(self) -> str:
        """The model."""
        return f"Attention of {self.weights}"


ORDERS: dict[str, type[Order]] = {
    "compose": ComposeOrder,
    "regenerate": RegenerateOrder,
    "song": SongOrder,
    "harmonize": HarmonizeOrder,
    "check": CheckOrder,
    "continue": ContinueOrder,
    "infill": InfillOrder,
    "vary": VaryOrder,
    "dream": DreamOrder,
    "critique": CritiqueOrder,
    "picture": PictureOrder,
    "examine": ExamineOrder,
    "replay": ReplayOrder,
    "attention": AttentionOrder,
}
"""Kind of job -> what it takes."""
