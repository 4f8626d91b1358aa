"""Scheme ``amt``: a piece as triplets TIME_ON (time since the note before), NOTE, DURATION.

Time is counted in ticks of 1/24 quarter.  What the scheme cannot say - instruments, loudness,
tempo, meter - is dropped by :func:`quantise`, after which every piece has exactly one spelling and
no token is unknown.

Shape suffixes: N notes, L tokens.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from partimento.music.barpiece import BarPiece, bar_piece

PAD, BOS, EOS, UNK = 0, 1, 2, 3
SEMANTIC = 4
SEMANTICS = 32
"""Most semantic tokens that a codebook can have here."""
TIME_ON = SEMANTIC + SEMANTICS
LONGEST_GAP = 96
"""Ticks of the longest TIME_ON, a whole note.  A longer gap takes several, the rest last."""
NOTE = TIME_ON + LONGEST_GAP + 1
PITCHES = 128
DURATION = NOTE + PITCHES
LENGTHS: np.ndarray = np.concatenate(
    [
        np.arange(1, 193),
        np.arange(204, 385, 12),
        np.arange(408, 769, 24),
        np.arange(816, 1537, 48),
        np.arange(1632, 2593, 96),
    ]
)
"""Ticks of the durations: every tick up to two whole notes, then ever wider, up to 27 of them."""
VOCABULARY = DURATION + len(LENGTHS)
"""512."""
TYPES: tuple[str, ...] = ("TIME_ON", "NOTE", "DURATION", "EOS")
"""Kinds of events, as reports name them."""
VELOCITY = 80
"""Loudness that decoded notes get: the scheme has none."""
_FIRST = (TIME_ON, NOTE, DURATION, VOCABULARY)
_SPECIAL = {"PAD": PAD, "BOS": BOS, "EOS": EOS, "UNK": UNK}
_SPECIAL_NAMES = {number: name for name, number in _SPECIAL.items()}
_WORD = re.compile(r"(SEMANTIC_TOKEN|TIME_ON|NOTE|DURATION)_(\d{1,6})")


def quantise(piece: BarPiece) -> BarPiece:
    """What of a piece the scheme can say.

    All notes go to one instrument and one loudness; of notes of one pitch that then overlap, the
    earlier is cut.  Durations over two whole notes are rounded down to :data:`LENGTHS`, so that
    nothing begins to overlap.  Applied twice it changes nothing more.
    """
    flat = bar_piece(
        piece.onset,
        piece.duration,
        piece.pitch,
        np.full(len(piece), VELOCITY),
        np.zeros(len(piece), dtype=np.int64),
        meter=piece.meter,
        bars=piece.bars,
    )
    held = LENGTHS[np.searchsorted(LENGTHS, flat.duration, side="right") - 1]
    return BarPiece(
        flat.onset,
        held.astype(np.int64),
        flat.pitch,
        flat.velocity,
        flat.instrument,
        flat.meter,
        flat.bars,
        tempo_stated=False,
    )


def encode_amt(piece: BarPiece) -> np.ndarray:
    """Tokens (L,) int64 of a quantised piece, without BOS, semantic token and EOS.

    Raises ValueError for a piece with durations that :func:`quantise` would change.
    """
    place = np.searchsorted(LENGTHS, piece.duration)
    if len(piece) and (place.max() >= len(LENGTHS) or (LENGTHS[place] != piece.duration).any()):
        raise ValueError("encode_amt needs a quantised piece")
    gap = np.diff(piece.onset, prepend=0)
    # A gap of exactly k whole notes is k tokens, without a 0 after them.
    whole = np.maximum(0, -(-gap // LONGEST_GAP) - 1)
    rest = TIME_ON + gap - whole * LONGEST_GAP
    tokens: list[int] = []
    for long, *note in np.stack([whole, rest, NOTE + piece.pitch, DURATION + place], 1).tolist():
        tokens += [TIME_ON + LONGEST_GAP] * long + note
    return np.array(tokens, dtype=np.int64)


def decode_amt(tokens: Sequence[int] | np.ndarray, meter: str, bars: int | None = None) -> BarPiece:
    """The piece that tokens (L,) spell; BOS, semantic tokens and what follows EOS are left out.

    ``meter`` and ``bars`` are given because the scheme has none; without ``bars`` as many as the
    notes fill.  A triplet that is not finished says nothing, stray tokens are passed over: any
    sequence decodes to a valid piece.  Raises ValueError for no meter.
    """
    rows = []
    onset, pitch = 0, -1
    for token in np.asarray(tokens, dtype=np.int64).tolist():
        if token == EOS:
            break
        if TIME_ON <= token < NOTE:
            onset, pitch = onset + token - TIME_ON, -1
        elif NOTE <= token < DURATION:
            pitch = token - NOTE
        elif DURATION <= token < VOCABULARY and pitch >= 0:
            rows.append((onset, int(LENGTHS[token - DURATION]), pitch))
            pitch = -1
    onsets, held, pitches = np.array(rows, dtype=np.int64).reshape(-1, 3).T
    return bar_piece(
        onsets,
        held,
        pitches,
        np.full(len(rows), VELOCITY),
        np.zeros(len(rows), dtype=np.int64),
        meter=meter,
        bars=bars,
        tempo_stated=False,
    )


def token_types(tokens: np.ndarray) -> np.ndarray:
    """Index into :data:`TYPES` of every token; -1 for PAD, BOS, UNK and semantic tokens."""
    tokens = np.asarray(tokens)
    kind = np.searchsorted(_FIRST, tokens, side="right") - 1
    kind = np.where(tokens >= VOCABULARY, -1, kind)
    found: np.ndarray = np.where(tokens == EOS, TYPES.index("EOS"), kind)
    return found


def semantic_token(number: int) -> int:
    """The token of semantic cluster ``number``.  Raises ValueError for one over the table."""
    if not 0 <= number < SEMANTICS:
        raise ValueError(f"there are {SEMANTICS} semantic tokens, from 0; not {number}")
    return SEMANTIC + number


def word_of(token: int) -> str:
    """``NOTE_60`` and the like.  Raises ValueError for a number that is no token."""
    if token in _SPECIAL_NAMES:
        return _SPECIAL_NAMES[token]
    if SEMANTIC <= token < TIME_ON:
        return f"SEMANTIC_TOKEN_{token - SEMANTIC}"
    if TIME_ON <= token < NOTE:
        return f"TIME_ON_{token - TIME_ON}"
    if NOTE <= token < DURATION:
        return f"NOTE_{token - NOTE}"
    if DURATION <= token < VOCABULARY:
        return f"DURATION_{LENGTHS[token - DURATION]}"
    raise ValueError(f"{token} is no token: they go from 0 to {VOCABULARY - 1}")


def text_of(tokens: Sequence[int] | np.ndarray) -> str:
    """Tokens as words with a space between them."""
    return " ".join(word_of(int(token)) for token in tokens)


def tokens_of(text: str) -> np.ndarray:
    """Tokens (L,) of words; the inverse of :func:`text_of`.

    Times and durations that the tables lack are brought onto them first, so that nothing is
    unknown: a long TIME_ON becomes several, a DURATION is rounded down (0 up to 1).  Raises
    ValueError for a word that is none of the scheme, a pitch over 127 or too high a cluster.
    """
    tokens: list[int] = []
    for word in text.split():
        if word in _SPECIAL:
            tokens.append(_SPECIAL[word])
            continue
        match = _WORD.fullmatch(word)
        if match is None:
            raise ValueError(f"{word[:40]!r} is no word of the scheme amt")
        tokens += _numbered(match[1], int(match[2]))
    return np.array(tokens, dtype=np.int64)


def _numbered(kind: str, value: int) -> list[int]:
    if kind == "SEMANTIC_TOKEN":
        return [semantic_token(value)]
    if kind == "NOTE":
        if value >= PITCHES:
            raise ValueError(f"NOTE_{value} is over 127")
        return [NOTE + value]
    if kind == "DURATION":
        return [DURATION + int(np.searchsorted(LENGTHS, max(1, value), side="right")) - 1]
    whole = max(0, -(-value // LONGEST_GAP) - 1)
    return [TIME_ON + LONGEST_GAP] * whole + [TIME_ON + value - whole * LONGEST_GAP]
