"""The piano primer that ships: written by its script, and a performance rather than a score."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from partimento.examples import PRIMER, example_path
from partimento.music.events import encode_events, quantise_performance
from partimento.music.performance import read_performance

SCRIPT = Path(__file__).parent.parent.parent / "docs" / "make_piano_primer.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("make_piano_primer", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_script_writes_the_file(script):
    assert script.midi_bytes() == example_path(PRIMER).read_bytes()
    assert example_path(PRIMER) == script.TARGET.resolve()


def test_it_has_rubato_dynamics_and_pedal(script):
    primer = read_performance(example_path(PRIMER))
    assert not primer.warnings
    assert 10 < primer.seconds < 20
    assert primer.velocity.max() - primer.velocity.min() > 60
    assert len(primer.pedal_sec) >= 5
    beats = np.diff([script.second_at(beat) for beat in range(script.BEATS + 1)])
    assert beats.max() / beats.min() > 1.4
    seconds = np.array([script.second_at(beat) for beat in range(script.BEATS)])
    nearest = np.abs(seconds[:, None] - primer.onset_sec).min(1)
    assert nearest.max() < 0.03, "every beat has a note, at the place that the curve says"
    tokens = encode_events(quantise_performance(primer))
    # A couple of hundred events: about what the style `long` reads.
    assert 180 < len(tokens) < 300
