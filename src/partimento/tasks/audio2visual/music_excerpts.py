"""Five-second windows of MIDI corpora, arranged so that all 24 kinds of music occur equally often.

A corpus of fiddle tunes is high, lively and of one voice.  So the key, the octave, the tempo and,
for tunes, the accompaniment of a window are chosen for the kind that is wanted; what counts is
what is measured afterwards.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from partimento.core.errors import DataError, PartimentoError
from partimento.core.limits import DATA_BYTES, read_limited
from partimento.music.attributes import Attributes, measure, measured_key, pitch_class_weights
from partimento.music.barpiece import TICKS, BarPiece, bar_piece
from partimento.music.barpiece_read import read_sections
from partimento.music.instruments import INSTRUMENT_ID, INSTRUMENTS
from partimento.tasks.audio2visual.concepts import MUSIC, MusicConcept, music_concept

WINDOW_SEC = 5.6
VALID_SHARE = 0.2
LEAST_NOTES = 4
INDEXES = ("tunes.json", "pieces.json")
_SALT = "audio2visual music"
_FREE = ("Public Domain", "Creative Commons Attribution")
_NOT_FREE = ("NonCommercial", "Non-Commercial", "NoDerivs", "NoDerivatives")
_NOBODY = ("", "Traditional", "Anonymous", "anon")
_DENSITY = {"calm": (0.9, 2.4), "flowing": (2.8, 5.0), "restless": (5.4, 9.0)}
"""Notes a second that a window is aimed at; the borders of the levels are 2.6 and 5.2."""
_PITCH = {"low": (50.0, 63.0), "high": (67.0, 80.0)}
_TEMPO = (0.5, 2.0)
"""Slowest and fastest that a window may be played, relative to the file."""
_FARTHEST = 24
_SOLOISTS = (
    *("violin", "flute", "whistle", "recorder", "oboe", "clarinet", "accordion", "bagpipe"),
    *("cello", "viola", "bassoon", "trumpet", "horn", "trombone", "saxophone", "tuba"),
    *("piano", "harp", "guitar", "banjo", "harpsichord", "organ", "choir", "koto", "bells"),
)
_COMPANIONS = ("piano", "guitar", "accordion", "harp", "organ", "strings", "harpsichord")


@dataclass(frozen=True, slots=True)
class Source:
    """A file of a corpus that may be used."""

    midi: Path
    group: str
    """Versions of one tune, or all that a composer wrote: never on both sides of a split."""
    corpus: str
    """"tunes" or "pieces"."""

    @property
    def split(self) -> str:
        """Side by the hash of the group: train or valid."""
        digest = hashlib.sha256(f"{_SALT}/{self.group}".encode()).digest()
        return "valid" if int.from_bytes(digest[:4], "big") < VALID_SHARE * 2**32 else "train"


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of music as it will be played."""

    piece: BarPiece
    attributes: Attributes
    concept: MusicConcept
    source: Source


def read_sources(folder: str | Path) -> list[Source]:
    """The files of a folder with ``tunes.json`` or ``pieces.json`` that are free to learn from.

    Of pieces only those under public domain, CC BY and CC BY-SA.  Raises DataError for a folder
    without an index, for an index of another form and where nothing is left.
    """
    folder = Path(folder)
    name = next((n for n in INDEXES if (folder / n).is_file()), None)
    if name is None:
        raise DataError(
            "there is neither tunes.json nor pieces.json in this folder",
            where=str(folder),
            fix="Give the folder of the tunes or of Mutopia",
        )
    rows = _rows(folder / name)
    make = _tune if name == "tunes.json" else _piece
    found = [make(folder, row) for row in rows]
    sources = [s for s in found if s is not None and s.midi.is_file()]
    if not sources:
        raise DataError("this index names no usable MIDI file", where=str(folder / name))
    return sources


def _rows(index: Path) -> list[Mapping[str, Any]]:
    try:
        rows = json.loads(read_limited(index, DATA_BYTES))
    except (ValueError, RecursionError) as error:
        raise DataError(f"this index is no JSON ({error})", where=str(index)) from error
    if not isinstance(rows, list) or not all(isinstance(r, dict) and "midi" in r for r in rows):
        raise DataError("this index is no list of pieces with the field midi", where=str(index))
    return rows


def _tune(folder: Path, row: Mapping[str, Any]) -> Source | None:
    place = _inside(folder, str(row["midi"]), ("", "midi"))
    group = f"tune-{row.get('dup_group', row['midi'])}"
    return Source(place, group, "tunes") if place else None


def _piece(folder: Path, row: Mapping[str, Any]) -> Source | None:
    licence = str(row.get("license", ""))
    if not licence.startswith(_FREE) or any(word in licence for word in _NOT_FREE):
        return None
    composer = str(row.get("composer_id") or row.get("composer") or "")
    nobody = composer in _NOBODY
    group = f"piece-{row.get('piece', row['midi'])}" if nobody else f"composer-{composer}"
    place = _inside(folder, str(row["midi"]), ("",))
    return Source(place, group, "pieces") if place else None


def _inside(folder: Path, name: str, below: Sequence[str]) -> Path | None:
    """The file that an index names, if it does not lead out of the folder."""
    plain = PurePosixPath(name)
    if plain.is_absolute() or ".." in plain.parts:
        return None
    places = [folder / part / name for part in below]
    return next((place for place in places if place.is_file()), None)


@dataclass(slots=True)
class Drawer:
    """Draws windows of one corpus, of one side of the split, for wanted kinds of music."""

    sources: Sequence[Source]
    rng: np.random.Generator
    _next: int = 0
    _sections: dict[Path, list[BarPiece]] = field(default_factory=dict)

    def draw(self, wanted: MusicConcept, tries: int = 300) -> Window | None:
        """A window that measures as ``wanted``, or None after as many tries."""
        for _ in range(tries):
            # In turn, so that every file is used before one is used again.
            if self._next % len(self.sources) == 0:
                self.sources = [self.sources[i] for i in self.rng.permutation(len(self.sources))]
            source = self.sources[self._next % len(self.sources)]
            self._next += 1
            window = self._window(source, wanted)
            if window is not None:
                return window
        return None

    def _window(self, source: Source, wanted: MusicConcept) -> Window | None:
        sections = self._read(source)
        if not sections:
            return None
        section = sections[int(self.rng.integers(len(sections)))]
        key = measured_key(section)
        if not key.endswith(wanted.mode):
            return None
        piece = _arranged(section, source, wanted, self.rng)
        if piece is None or len(piece) < LEAST_NOTES:
            return None
        attributes = measure(piece)
        # Where five seconds disagree with the piece, no listener could tell the mode.
        if music_concept(attributes) != wanted:
            return None
        return Window(piece, attributes, wanted, source)

    def _read(self, source: Source) -> list[BarPiece]:
        if source.midi not in self._sections:
            try:
                self._sections[source.midi] = read_sections(source.midi)
            except PartimentoError:
                self._sections[source.midi] = []
        return self._sections[source.midi]


def _arranged(
    section: BarPiece, source: Source, wanted: MusicConcept, rng: np.random.Generator
) -> BarPiece | None:
    """A window of a section with key, tempo and instruments for the kind that is wanted."""
    if wanted.texture == "solo":
        voices = np.unique(section.instrument)
        section = section.select(section.instrument == rng.choice(voices))
    elif source.corpus == "tunes":
        section = _accompanied(section, rng)
    aimed = rng.uniform(*_DENSITY[wanted.motion])
    faster = aimed / max(1e-9, len(section) / section.seconds)
    if not _TEMPO[0] <= faster <= _TEMPO[1]:
        return None
    piece = _cut(replace(section, tempo_bpm=section.tempo_bpm * faster), rng)
    if len(piece) < LEAST_NOTES:
        return None
    shift = round(rng.uniform(*_PITCH[wanted.register]) - float(piece.pitch.mean()))
    if abs(shift) > _FARTHEST or not 0 <= piece.pitch.min() + shift <= piece.pitch.max() + shift:
        return None
    if piece.pitch.max() + shift > 108 or piece.pitch.min() + shift < 21:
        return None
    return _voiced(piece.transpose(shift), source, shift, rng)


def _cut(section: BarPiece, rng: np.random.Generator) -> BarPiece:
    """Quarters of a section, about five seconds of them, from a random bar.

    The bars of the result are quarters, so that its length is near five seconds at any meter.
    """
    quarters = max(1, round(WINDOW_SEC * section.tempo_bpm / 60.0))
    start = int(rng.integers(max(1, section.bars))) * section.bar_ticks
    latest = section.bars * section.bar_ticks - quarters * TICKS
    first = max(0, min(start, latest))
    total = -(-section.bars * section.bar_ticks // TICKS)
    moved = section.select(section.onset >= first)
    moved = replace(moved, onset=moved.onset - first, meter="1/4", bars=total)
    return moved.excerpt(0, quarters)


def _voiced(piece: BarPiece, source: Source, shift: int, rng: np.random.Generator) -> BarPiece:
    """Tunes get a soloist that can play them; pieces keep their instruments unless moved far."""
    if source.corpus == "pieces" and abs(shift) <= 12 and rng.random() < 0.8:
        return piece
    low, high = int(piece.pitch.min()), int(piece.pitch.max())
    names = [n for n in _SOLOISTS if _reaches(n, low, high)]
    if not names:
        return piece
    chosen = INSTRUMENT_ID[names[int(rng.integers(len(names)))]]
    lead = np.unique(piece.instrument)[-1]
    return replace(piece, instrument=np.where(piece.instrument == lead, chosen, piece.instrument))


def _reaches(name: str, low: int, high: int) -> bool:
    instrument = INSTRUMENTS[INSTRUMENT_ID[name]]
    return instrument.low <= low and high <= instrument.high


def _accompanied(tune: BarPiece, rng: np.random.Generator) -> BarPiece:
    """A tune over the triads of its bars, held or broken, an octave and more below it."""
    tonic = int(np.argmax(pitch_class_weights(tune)))
    step = tune.bar_ticks
    broken = bool(rng.random() < 0.5)
    base = int(tune.pitch.mean()) - 19
    onset: list[int] = []
    pitch: list[int] = []
    length: list[int] = []
    for bar in range(tune.bars):
        inside = tune.select((tune.onset >= bar * step) & (tune.onset < (bar + 1) * step))
        triad = _triad(inside, tonic)
        keys = [base + (pc - base) % 12 for pc in triad]
        part = step // 3 if broken else 0
        onset += [bar * step + n * part for n in range(3)]
        length += [step - n * part for n in range(3)]
        pitch += keys
    added = len(onset)
    voice = INSTRUMENT_ID[_COMPANIONS[int(rng.integers(len(_COMPANIONS)))]]
    # The tune has the largest number of an instrument until it is given its own.
    lead = np.full(len(tune), len(INSTRUMENTS) - 1)
    return bar_piece(
        np.append(tune.onset, onset),
        np.append(tune.duration, length),
        np.append(tune.pitch, pitch),
        np.append(tune.velocity, np.full(added, 70)),
        np.append(lead, np.full(added, voice)),
        meter=tune.meter,
        bars=tune.bars,
        tempo_bpm=tune.tempo_bpm,
    )


def _triad(bar: BarPiece, tonic: int) -> tuple[int, int, int]:
    """The major or minor triad that holds most of a bar; the tonic's fifth where it is empty."""
    weights = pitch_class_weights(bar) if len(bar) else np.zeros(12)
    triads = [
        (root, (root + third) % 12, (root + 7) % 12) for root in range(12) for third in (3, 4)
    ]
    held = [weights[list(t)].sum() + 1e-3 * (t[0] == tonic) for t in triads]
    return triads[int(np.argmax(held))]


def kinds_in_turn(count: int, rng: np.random.Generator) -> list[MusicConcept]:
    """``count`` kinds of music, every one of the 24 as often as the others, in random order."""
    order = [int(i) for i in rng.permutation(len(MUSIC))]
    repeated = (order * (count // len(MUSIC) + 1))[:count]
    return [MUSIC[repeated[int(i)]] for i in rng.permutation(count)]
