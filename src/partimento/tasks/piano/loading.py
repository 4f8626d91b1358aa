"""Piano weights of any kind, by shipped name or path."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from partimento.core.checkpoint import load_checkpoint, resolve_weights
from partimento.core.errors import DataError
from partimento.nn.device import checked_device

if TYPE_CHECKING:
    from partimento.tasks.piano.interface import PianoModel

DEFAULT_WEIGHTS = "piano-strong"


def load_piano(name_or_path: str | Path = DEFAULT_WEIGHTS, device: str = "cpu") -> PianoModel:
    """The piano model in a checkpoint, ready to score and to play.

    Raises DataError when the weights are of another task, and InputFileError for a bad file.
    """
    path = resolve_weights(name_or_path)
    tensors, meta = load_checkpoint(path)
    place = checked_device(device)
    kind = meta.model_class.rpartition(":")[2]
    floats = {name: tensor.float() for name, tensor in tensors.items()}
    if kind == "StrongPiano":
        from partimento.tasks.piano.strong import StrongConfig, StrongPiano
        from partimento.tasks.piano.strong_player import StrongPianoModel

        network = StrongPiano(StrongConfig(**meta.config))
        network.load_state_dict(floats)
        return StrongPianoModel(network.to(place))
    if kind == "EventTransformer":
        from partimento.tasks.piano.config import EventModelConfig
        from partimento.tasks.piano.event_player import EventPianoModel
        from partimento.tasks.piano.model import EventTransformer

        event_network = EventTransformer(EventModelConfig(**meta.config))
        event_network.load_state_dict(floats)
        return EventPianoModel(event_network.to(place))
    raise DataError(
        f"these weights are of {meta.model_class}, which is no piano model", where=str(path)
    )
