"""Made-up tunes in two manners, as training examples of the source design."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from partimento.music.amt_tokens import EOS, encode_amt, quantise
from partimento.music.barpiece import BarPiece, bar_piece
from partimento.tasks.text2midi.corpus import split_part
from partimento.tasks.text2midi.examples_json import TrainingExample, write_examples
from partimento.tasks.text2midi.source_data import SourcePiece, piece_example

SCALES = ((60, 62, 64, 65, 67, 69, 71, 72), (48, 50, 51, 53, 55, 56, 58, 60))
STEPS = (12, 24)


def tune(rng: np.random.Generator, manner: int, bars: int = 4) -> BarPiece:
    """Quick and high, or slow and low, in bars of 3/4."""
    onset = np.arange(0, bars * 72, STEPS[manner])
    pitch = rng.choice(SCALES[manner], len(onset))
    duration = np.full(len(onset), STEPS[manner])
    same = np.full(len(onset), 90), np.zeros(len(onset), dtype=np.int64)
    return bar_piece(onset, duration, pitch, *same, meter="3/4", bars=bars)


def pieces(count: int, seed: int = 0) -> list[SourcePiece]:
    """Tunes with EOS, the manner as semantic token."""
    rng = np.random.default_rng(seed)
    return [
        SourcePiece(
            f"tune {i}",
            f"group {i}",
            f"manner {i % 2}",
            i % 2,
            np.append(encode_amt(quantise(tune(rng, i % 2))), EOS),
        )
        for i in range(count)
    ]


def examples(count: int, seed: int = 0) -> list[TrainingExample]:
    """The same as training examples; names that fall in both parts."""
    return [piece_example(piece) for piece in pieces(count, seed)]


def examples_file(folder: Path, count: int = 40) -> Path:
    """A JSON file of examples, a few of them held out."""
    made = examples(count)
    assert {split_part(e.midi_file) for e in made} == {"train", "valid"}
    path = folder / "examples.json"
    write_examples(path, made)
    return path


def recipe_values(examples: Path, **training: Any) -> dict[str, Any]:
    """A recipe that trains in a second."""
    return {
        "task": "text2midi",
        "kind": "source",
        "card": {"name": "toy"},
        "model": {
            **{"width": 32, "layers": 2, "heads": 4, "feedforward": 48, "context": 64},
            "dropout": 0.1,
        },
        "data": {"examples": str(examples), "buckets": 2},
        "training": {
            **{"batch_size": 8, "max_epochs": 4, "patience": 0, "validate_steps": 3},
            **{"keep_last": 3, "checkpoint_every": 4, "log_every": 1, "accumulate": 1},
            "optimizer": {"lr": 3e-3, "weight_decay": 0.01},
            "schedule": {"kind": "fixed", "warmup_steps": 3},
            "curriculum": {"on": False},
            **training,
        },
    }
