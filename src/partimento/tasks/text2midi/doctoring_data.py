"""The corpora of text2midi as the doctor examines them: triplets of tokens, by part and group."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from partimento.doctor.case import DataFacts
from partimento.music.amt_tokens import (
    DURATION,
    NOTE,
    PAD,
    UNK,
    VOCABULARY,
    encode_amt,
    quantise,
)
from partimento.tasks.text2midi.corpus import LEAST_NOTES, read_corpus
from partimento.tasks.text2midi.interface import CorpusPiece

LIMIT = 5000
"""Pieces that are looked at; of more so many are drawn."""
_NOBODY = ("", "Traditional", "Anonymous", "anon")


def data_facts(folder: Path, *, limit: int = LIMIT, seed: int = 0) -> DataFacts:
    """Facts of a folder or archive in the layout of the tunes or of Mutopia.

    An example is a stretch of one meter.  The parts are ours: by group of near-duplicates for the
    tunes, by composer for Mutopia.  Raises DataError for another layout.
    """
    wanted = 0

    def count(done: int, total: int, what: str) -> None:
        nonlocal wanted
        wanted = total

    pieces = read_corpus(folder, progress=count)
    dropped = wanted - len(pieces)
    if len(pieces) > limit:
        places = np.random.default_rng(seed).choice(len(pieces), limit, replace=False)
        pieces = [pieces[i] for i in sorted(places.tolist())]
    rows = [(piece, row, name) for piece in pieces for row, name in _examples(piece)]
    return DataFacts(
        inputs=[row for _, row, _ in rows],
        split=[piece.part for piece, _, _ in rows],
        groups={
            "tune": [piece.group for piece, _, _ in rows],
            "composer": ["" if p.composer in _NOBODY else p.composer for p, _, _ in rows],
        },
        classes=[piece.about.get("style") or "" for piece, _, _ in rows],
        vocabulary=VOCABULARY,
        pitch_tokens=(NOTE, DURATION - 1),
        unknown_token=UNK,
        pad_token=PAD,
        dropped=dropped,
        names=[name for _, _, name in rows],
    )


def _examples(piece: CorpusPiece) -> list[tuple[np.ndarray, str]]:
    """Tokens of each section, and its name."""
    several = len(piece.sections) > 1
    return [
        (encode_amt(quantise(section)), f"{piece.id}#{number}" if several else piece.id)
        for number, section in enumerate(piece.sections)
        if len(section) >= LEAST_NOTES
    ]
