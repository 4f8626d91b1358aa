"""Keys: parsing, finding the key of a piece, and spelling pitches in a key.

Key finding follows Albrecht & Shanahan, "The Use of Large Corpora to Train a New Type of
Key-Finding Algorithm", Music Perception 31 (2013): the duration-weighted pitch-class distribution
of the piece is compared with 24 profiles by Euclidean distance.

Spelling works on the line of fifths (... Bb F C G D A E B F# ...): every key owns twelve
neighbouring places, from two fifths flat of its signature's F to the raised degrees that Bach
uses, so C major spells F#, C#, G#, D# and Bb, and A minor spells G#, F#, C#, D# and Bb.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from partimento.core.errors import ConfigError, MusicError
from partimento.music.score import Mode, Score, Spelling

MAJOR_PROFILE = np.array(
    [0.238, 0.006, 0.111, 0.006, 0.137, 0.094, 0.016, 0.214, 0.009, 0.080, 0.008, 0.081]
)
MINOR_PROFILE = np.array(
    [0.220, 0.006, 0.104, 0.123, 0.019, 0.103, 0.012, 0.214, 0.062, 0.022, 0.061, 0.052]
)

_LINE = "FCGDAEB"
"""Steps along the line of fifths; F is place -1, C 0, G 1 ..."""
_KEY_TEXT = re.compile(
    r"\s*([A-Ga-g])\s*([#♯b♭]|-(?=\s|$)|[- ]?sharp|[- ]?flat)?[\s-]*"
    r"((?i:major|maj|dur|minor|min|moll)|m)?\s*"
)
_MINOR_WORDS = {"m", "min", "minor", "moll"}
_SIGNS = {"#": "#", "♯": "#", "sharp": "#", "b": "b", "♭": "b", "flat": "b"}


def fifths_name(place: int) -> str:
    """Pitch name at a place on the line of fifths (C = 0): 6 is ``F#``, -2 is ``Bb``."""
    octave, step = divmod(place + 1, 7)
    return _LINE[step] + ("#" * octave if octave > 0 else "b" * -octave)


def fifths_place(name: str) -> int:
    """Place of a pitch name on the line of fifths: ``C#`` is 7."""
    return _LINE.index(name[0]) - 1 + 7 * (name.count("#") - name[1:].count("b"))


def spelling_place(spelling: Spelling) -> int:
    """Place of a spelled pitch on the line of fifths, whatever its octave."""
    return _LINE.index(spelling.step) - 1 + 7 * spelling.alter


def spell_at(midi: int, place: int) -> Spelling:
    """Spelling of a MIDI pitch at a place on the line of fifths.

    ValueError when the place is another pitch class.
    """
    if (7 * place - midi) % 12:
        raise ValueError(f"{fifths_name(place)} is not the pitch class of MIDI {midi}")
    alter, step = divmod(place + 1, 7)
    natural = Spelling(_LINE[step], 0, 0).midi
    return Spelling(_LINE[step], alter, (midi - alter - natural) // 12)


@dataclass(frozen=True, slots=True)
class Key:
    """A key such as ``Key("F#", "minor")``; ``tonic`` is a spelled pitch class."""

    tonic: str
    mode: Mode

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-G](#|b)?", self.tonic) or self.mode not in ("major", "minor"):
            raise ValueError(f"{self.tonic!r} {self.mode!r} is no key")
        if abs(self.fifths) > 7:
            raise ValueError(f"{self.tonic} {self.mode} needs more than seven accidentals")

    @property
    def fifths(self) -> int:
        """Sharps (positive) or flats (negative) of the signature."""
        return fifths_place(self.tonic) - (3 if self.mode == "minor" else 0)

    @property
    def tonic_pitch_class(self) -> int:
        """Pitch class of the tonic, C = 0."""
        return 7 * fifths_place(self.tonic) % 12

    @property
    def name(self) -> str:
        """Name such as ``F# minor``."""
        return f"{self.tonic} {self.mode}"

    def __str__(self) -> str:
        return self.name

    @property
    def relative(self) -> Key:
        """The key of the other mode with the same signature."""
        return Key.from_fifths(self.fifths, "minor" if self.mode == "major" else "major")

    @classmethod
    def from_fifths(cls, fifths: int, mode: Mode) -> Key:
        """Key of a signature; ValueError outside 7 flats to 7 sharps."""
        if not -7 <= fifths <= 7:
            raise ValueError(f"a key signature has at most 7 accidentals, not {abs(fifths)}")
        return cls(fifths_name(fifths + (3 if mode == "minor" else 0)), mode)

    @classmethod
    def from_pitch_class(cls, pitch_class: int, mode: Mode, near_fifths: int = 0) -> Key:
        """Key on a pitch class, in the spelling whose signature is nearest to ``near_fifths``.

        Of two equally near ones the one with fewer accidentals, then the one with flats.
        """
        offset = 3 if mode == "minor" else 0
        places = [f for f in range(-7, 8) if (7 * (f + offset) - pitch_class) % 12 == 0]
        best = min(places, key=lambda f: (abs(f - near_fifths), abs(f), f))
        return cls.from_fifths(best, mode)

    @classmethod
    def parse(cls, text: str) -> Key:
        """Read ``G minor``, ``Gm``, ``g`` (small letter: minor), ``Bb major`` or ``F#``.

        Raises ConfigError for anything else.
        """
        match = _KEY_TEXT.fullmatch(text)
        if match is None:
            raise ConfigError(
                f"{text[:40]!r} is no key", fix='Write for example "G minor", "Bb major" or "F#m"'
            )
        letter, sign, word = match.groups()
        name = letter.upper() + _SIGNS.get((sign or "").strip(" -"), "b" if sign else "")
        minor = (word or "").lower() in _MINOR_WORDS or (not word and letter.islower())
        mode: Mode = "minor" if minor else "major"
        try:
            return cls(name, mode)
        except ValueError as error:
            twin = cls.from_pitch_class(7 * fifths_place(name) % 12, mode)
            raise ConfigError(str(error), fix=f"Take {twin.name}") from None

    def transposed(self, semitones: int) -> Key:
        """The key moved by semitones, in the spelling with the fewest accidentals."""
        return Key.from_pitch_class((self.tonic_pitch_class + semitones) % 12, self.mode)


MODES: tuple[Mode, ...] = ("major", "minor")
ALL_KEYS: tuple[Key, ...] = tuple(Key.from_pitch_class(pc, m) for m in MODES for pc in range(12))
"""One key per tonic pitch class and mode: 12 major keys, then 12 minor keys."""

_PROFILES = np.stack(
    [np.roll(MAJOR_PROFILE, pc) for pc in range(12)]
    + [np.roll(MINOR_PROFILE, pc) for pc in range(12)]
)
_SIGNATURE_BONUS = 0.2
_ENDING_BONUS = 0.08
"""Both in units of profile distance, chosen on 229 training chorales (see detect_score_key)."""


def key_scores(pitch_class_weights: Sequence[float] | np.ndarray) -> dict[Key, float]:
    """Minus the Euclidean distance of each of the 24 keys; the best key has the highest.

    ``pitch_class_weights``: 12 non-negative numbers (for instance total durations), C first.
    ValueError for another shape, negative numbers or only zeros.
    """
    weights = np.asarray(pitch_class_weights, dtype=np.float64)
    if weights.shape != (12,) or not np.isfinite(weights).all() or (weights < 0).any():
        raise ValueError("a key needs 12 finite, non-negative pitch-class weights")
    if weights.sum() == 0:
        raise ValueError("a key needs at least one note: all weights are zero")
    distances = np.linalg.norm(weights / weights.sum() - _PROFILES, axis=1)
    return {key: -float(d) for key, d in zip(ALL_KEYS, distances, strict=True)}


def detect_key(pitch_class_weights: Sequence[float] | np.ndarray) -> Key:
    """The best of :func:`key_scores`."""
    scores = key_scores(pitch_class_weights)
    return max(scores, key=scores.__getitem__)


def score_weights(score: Score) -> np.ndarray:
    """Sounding duration in quarters per pitch class, shape ``(12,)``."""
    weights = np.zeros(12)
    for note in score.sounding():
        weights[note.midi % 12] += float(note.duration_quarter)
    return weights


def detect_score_key(score: Score, *, use_signature: bool = True, use_ending: bool = True) -> Key:
    """Key of a whole score.

    ``use_signature``: where the score states a key signature at its start, the two keys that have
    it are preferred, and half as much the minor key with one flat more (a Dorian signature, as
    in G minor with one flat).  ``use_ending``: the pitch class of the lowest note that sounds last
    is preferred as tonic.  Without both the answer rests on the profiles alone.

    Raises MusicError when the score has no notes.
    """
    weights = score_weights(score)
    if not weights.any():
        raise MusicError("there are no notes, so there is no key to find", fix="Say it with --key")
    scores = key_scores(weights)
    signature = _first_signature(score) if use_signature else None
    if signature is not None:
        for key in scores:
            scores[key] += _SIGNATURE_BONUS * _signature_fit(key, signature)
    if use_ending:
        final = _final_pitch_class(score)
        for key in scores:
            scores[key] += _ENDING_BONUS * (key.tonic_pitch_class == final)
    best = max(scores, key=scores.__getitem__)
    near = signature if signature is not None else _written_centre(score)
    return Key.from_pitch_class(best.tonic_pitch_class, best.mode, near)


def _first_signature(score: Score) -> int | None:
    first = [k for k in score.key_signatures if k.onset_quarter == 0]
    return max(-7, min(7, first[0].fifths)) if first else None


def _signature_fit(key: Key, fifths: int) -> float:
    if (key.fifths - fifths) % 12 == 0:
        return 1.0
    return 0.5 if key.mode == "minor" and (key.fifths - fifths) % 12 == 11 else 0.0


def _final_pitch_class(score: Score) -> int:
    notes = score.sounding()
    end = max(n.end_quarter for n in notes)
    lowest: int = min(n.midi for n in notes if n.end_quarter == end)
    return lowest % 12


def _written_centre(score: Score) -> int:
    """Signature that the written accidentals suggest: middle of the line of fifths less D's 2."""
    places = [
        fifths_place(n.spelling.name.rstrip("-0123456789")) for n in score.notes if n.spelling
    ]
    return int(np.clip(round(float(np.mean(places))) - 2, -7, 7)) if places else 0


def spell(midi: int, key: Key, direction: int | None = None) -> Spelling:
    """Spelling of a pitch in a key, as in Bach's chorales.

    ``direction`` tells how the line goes on: 1 up by a semitone, -1 down by a semitone, None
    unknown.  In C major and A minor alike the five black keys are C#, D#, F#, G#, Bb; descending by
    a semitone D# becomes Eb, and in major G# becomes Ab; ascending in minor nothing changes.

    ValueError for a pitch outside 0-127.
    """
    if not 0 <= midi <= 127:
        raise ValueError(f"{midi} is no MIDI pitch")
    lowest = key.fifths - 2
    place = lowest + (7 * midi - lowest) % 12
    relative = place - key.fifths
    if direction == -1 and (relative == 9 or (relative == 8 and key.mode == "major")):
        place -= 12
    return spell_at(midi, place)


def spell_line(midis: Sequence[int], key: Key) -> list[Spelling]:
    """Spellings of one voice; its semitone steps decide between D# and Eb.

    A note that leaves downwards by a semitone, or that is reached so and leaves otherwise, counts
    as descending, unless it was a lower neighbour (reached from a semitone above and going back).
    """
    spellings = []
    for i, midi in enumerate(midis):
        before = next((m - midi for m in reversed(midis[:i]) if m != midi), 0)
        after = next((m - midi for m in midis[i + 1 :] if m != midi), 0)
        up = after == 1 or (before == 1 and after != -1)
        down = not up and (after == -1 or before == -1)
        spellings.append(spell(midi, key, 1 if up else -1 if down else None))
    return spellings
