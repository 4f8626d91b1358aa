"""What the parts of the slice ask of one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from partimento.core.progress import Progress
from partimento.music.attributes import Attributes
from partimento.music.barpiece import BarPiece
from partimento.nn.sampling import Sampling


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a model is given: every entry may be missing.

    ``attributes`` as parsed, measured or set; ``semantic`` the numbers of the semantic tokens of
    the first and, if there is one, of the residual codebook.  ``opens`` and ``closes``: the
    excerpt begins with its piece, ends with it; None leaves it to the model.
    """

    attributes: Attributes = field(default_factory=Attributes)
    semantic: tuple[int, ...] = ()
    opens: bool | None = True
    closes: bool | None = True


@dataclass(frozen=True, slots=True)
class Wish:
    """One piece to compose.

    ``bars`` is obeyed exactly.  ``forced`` names attributes that are not only given to the model
    but enforced while drawing: of tempo, meter, key, instruments, and polyphony "monophonic".
    ``start`` is music to go on from: its bars come first and stay as they are.
    ``also`` is a second set of conditions, mixed in with weight ``blend``.
    """

    conditions: Conditions
    bars: int = 16
    forced: frozenset[str] = frozenset({"tempo", "meter", "instruments"})
    start: BarPiece | None = None
    also: Conditions | None = None
    blend: float = 0.0


@runtime_checkable
class TextModel(Protocol):
    """A model of music under conditions."""

    name: str

    def nats(self, piece: BarPiece, conditions: Sequence[Conditions]) -> list[float]:
        """Nats of all that the piece says, under each of the conditions."""
        ...

    def compose(
        self,
        wishes: Sequence[Wish],
        *,
        seed: int,
        sampling: Sampling,
        guidance: float = 1.0,
        progress: Progress | None = None,
    ) -> list[BarPiece]:
        """One piece for each wish, side by side.  The same arguments give the same pieces.

        ``guidance`` weighs conditions by classifier-free guidance (Ho and Salimans 2022); 1 is the
        plain sampler.
        """
        ...

    def semantic(self, text: str) -> tuple[int, ...]:
        """Numbers of the semantic tokens of a text, by the codebooks stored with the weights."""
        ...


@dataclass(frozen=True, slots=True)
class CorpusPiece:
    """One piece of a corpus, as the archives tell it.

    ``group`` joins near-duplicates and movements or parts of one piece; ``composer`` may be empty.
    ``part`` is train or valid, drawn by ``group`` and, for composers, by composer.
    ``sections`` are stretches of one meter.  ``about`` holds what people wrote: title, style (our
    name for rhythm or period), instrument, composer, key, licence.
    """

    id: str
    source: str
    group: str
    composer: str
    part: str
    sections: tuple[BarPiece, ...]
    about: Mapping[str, str]
