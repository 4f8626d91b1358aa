"""Instruments as a text names them: a few dozen classes over the 128 General MIDI programs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Instrument:
    """A class of instruments.

    ``program`` is what is written for it; ``programs`` are all General MIDI programs (from 0) that
    are read as it; ``low`` and ``high`` bound its comfortable range (MIDI pitch).
    """

    name: str
    program: int
    programs: tuple[int, ...]
    low: int = 21
    high: int = 108


INSTRUMENTS: tuple[Instrument, ...] = (
    Instrument("piano", 0, (0, 1, 2, 3, 4, 5)),
    Instrument("harpsichord", 6, (6, 7), 29, 89),
    Instrument("bells", 14, (8, 9, 10, 11, 12, 13, 14, 15, 112, 113, 114), 48, 108),
    Instrument("organ", 19, (16, 17, 18, 19, 20), 24, 96),
    Instrument("accordion", 21, (21, 22, 23), 41, 93),
    Instrument("guitar", 24, (24, 25, 26, 27, 28, 29, 30, 31), 40, 83),
    Instrument("bass guitar", 32, (32, 33, 34, 35, 36, 37, 38, 39), 24, 67),
    Instrument("violin", 40, (40, 110), 55, 100),
    Instrument("viola", 41, (41,), 48, 91),
    Instrument("cello", 42, (42,), 36, 81),
    Instrument("double bass", 43, (43,), 28, 67),
    Instrument("strings", 48, (44, 45, 48, 49, 50, 51), 28, 100),
    Instrument("harp", 46, (46,), 24, 103),
    Instrument("timpani", 47, (47, 115, 116, 117, 118, 119), 36, 60),
    Instrument("choir", 52, (52, 53, 54, 55, 85, 91), 36, 84),
    Instrument("trumpet", 56, (56, 59), 52, 86),
    Instrument("trombone", 57, (57,), 34, 77),
    Instrument("tuba", 58, (58,), 26, 62),
    Instrument("horn", 60, (60,), 34, 79),
    Instrument("brass", 61, (61, 62, 63), 28, 86),
    Instrument("saxophone", 65, (64, 65, 66, 67), 37, 92),
    Instrument("oboe", 68, (68, 69), 52, 93),
    Instrument("bassoon", 70, (70,), 34, 75),
    Instrument("clarinet", 71, (71,), 50, 94),
    Instrument("flute", 73, (72, 73, 75, 76, 77), 59, 98),
    Instrument("recorder", 74, (74,), 53, 96),
    Instrument("whistle", 78, (78, 79), 62, 98),
    Instrument("banjo", 105, (105,), 43, 88),
    Instrument("sitar", 104, (104,), 40, 84),
    Instrument("shamisen", 106, (106,), 45, 88),
    Instrument("koto", 107, (107, 108), 38, 91),
    Instrument("bagpipe", 109, (109, 111), 53, 84),
    Instrument("synthesizer", 80, (*range(80, 85), *range(86, 91), *range(92, 104)), 24, 103),
)
"""In the order of their ids, which checkpoints store; new ones go to the end.  Programs of sound
effects are read as synthesizer.  Drums are no class: no pitched score of ours has them."""

INSTRUMENT_NAMES: tuple[str, ...] = tuple(i.name for i in INSTRUMENTS)
INSTRUMENT_ID: dict[str, int] = {i.name: n for n, i in enumerate(INSTRUMENTS)}


def _by_program() -> np.ndarray:
    table = np.full(128, INSTRUMENT_ID["synthesizer"], dtype=np.int64)
    for number, instrument in enumerate(INSTRUMENTS):
        table[list(instrument.programs)] = number
    return table


OF_PROGRAM: np.ndarray = _by_program()
"""(128,) id of the instrument that a General MIDI program (from 0) is read as."""
