"""Schema of the networks that read a clip note by note, and the source designs as presets."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from partimento.core.config import Config
from partimento.core.errors import ConfigError

Level = Literal["note", "voice", "beat", "measure"]
LEVELS: tuple[Level, ...] = ("note", "voice", "beat", "measure")


class NetworkConfig(Config):
    """A network over the notes of a clip; the defaults are the source's hierarchical one.

    The rungs of the ladder are ``note`` alone, then with ``voice``, ``beat`` and ``measure``.  The
    baseline is ``note`` alone with seven layers.
    """

    embedding: int = Field(256, ge=1, description="width to which the columns are projected")
    width: int = Field(256, ge=1, description="hidden width of one direction of every LSTM")
    note: bool = Field(True, description="an LSTM over all notes in the order of the score")
    voice: bool = Field(True, description="an LSTM over the notes of each voice, beside the first")
    beat: bool = Field(True, description="attention from notes into beats, an LSTM over the beats")
    measure: bool = Field(
        True, description="attention from beats (else notes) into bars, an LSTM over the bars"
    )
    note_layers: int = Field(2, ge=1, description="layers of the LSTM over notes")
    voice_layers: int = Field(2, ge=1, description="layers of the LSTM over voices")
    beat_layers: int = Field(2, ge=1, description="layers of the LSTM over beats")
    measure_layers: int = Field(1, ge=1, description="layers of the LSTM over bars")
    heads: int = Field(8, ge=1, description="heads of every attention")
    head_width: int = Field(512, ge=1, description="width of the summed-up clip and of the head")
    dropout: float = Field(0.2, ge=0, lt=1, description="between layers, and in the head")
    attention_temperature: float = Field(
        1.0, gt=0, description="divides the logits in every softmax; above 1 spreads attention"
    )
    recurrent_init: Literal["uniform", "orthogonal"] = Field(
        "uniform",
        description="uniform: PyTorch's; orthogonal: recurrences orthogonal, forget bias 1",
    )
    attention_init: Literal["uniform", "xavier"] = Field(
        "uniform", description="uniform: context vectors in -1..1; xavier: nearly even attention"
    )
    outputs: int = Field(19, ge=1, description="dimensions that are scored")

    @model_validator(mode="after")
    def _consistent(self) -> NetworkConfig:
        if not (self.note or self.voice):
            raise ValueError("note and voice are both off: nothing would read the notes")
        pooled = {"head_width": self.head_width}
        if self.beat or self.measure:
            pooled["the joined width of note and voice"] = 2 * self.width * (self.note + self.voice)
        if self.beat and self.measure:
            pooled["twice the width"] = 2 * self.width
        for name, value in pooled.items():
            if value % self.heads:
                raise ValueError(f"{name} {value} is not a multiple of heads {self.heads}")
        return self

    @property
    def levels(self) -> tuple[Level, ...]:
        """The levels that are on."""
        return tuple(level for level in LEVELS if getattr(self, level))


HAN = NetworkConfig()
"""The hierarchical attention network of the source (PercePiano, Park et al. 2024)."""

BILSTM = NetworkConfig(note_layers=7, voice=False, beat=False, measure=False)
"""The baseline of the source: 11.33 M parameters at 79 inputs."""

HAN_SMALL = NetworkConfig(
    embedding=64,
    width=64,
    heads=4,
    head_width=128,
    recurrent_init="orthogonal",
    attention_init="xavier",
)
"""A quarter as wide, for a processor."""

PRESETS: dict[str, NetworkConfig] = {"han": HAN, "bilstm": BILSTM, "han-small": HAN_SMALL}

LADDER: dict[str, tuple[Level, ...]] = {
    "note": ("note",),
    "+voice": ("note", "voice"),
    "+beat": ("note", "voice", "beat"),
    "+measure": LEVELS,
}
"""Which levels each rung has."""


def preset_config(name: str) -> NetworkConfig:
    """A source design by name.  Raises ConfigError for another name."""
    if name not in PRESETS:
        raise ConfigError(f"there is no preset {name!r}", fix=f"Use {' or '.join(PRESETS)}")
    return PRESETS[name]
