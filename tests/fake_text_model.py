"""A model of music under conditions, without weights: simple rules that obey what is asked.

``compose`` draws notes of a scale; every condition is obeyed note by note with a chance that grows
with guidance.  ``nats`` is a smoothed model of meter, pitch classes and notes in a bar which
depends on the conditions.  ``semantic`` tells minor from major and little else.
"""

import math
import zlib

import numpy as np

from partimento.music.attributes import LEVELS, Attributes
from partimento.music.barpiece import METERS, TICKS, BarPiece, bar_piece, meter_ticks
from partimento.music.instruments import INSTRUMENT_ID, INSTRUMENTS
from partimento.music.keys import ALL_KEYS, Key
from partimento.tasks.text2midi.interface import Wish

VALUES = {
    "density": (1.6, 3.8, 6.5),
    "register": (54.0, 64.0, 74.0),
    "polyphony": (1.0, 2.0, 4.0),
    "dynamics": (52.0, 80.0, 106.0),
    "articulation": (0.5, 0.85, 1.0),
}
TEMPI = {"very slow": 50.0, "slow": 72.0, "moderate": 100.0, "fast": 140.0, "very fast": 190.0}
STYLE_METERS = {"waltz": "3/4", "minuet": "3/4", "jig": "6/8", "slip jig": "9/8", "polka": "2/4"}
SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}
GRID = TICKS // 4
USUAL = ("piano", "violin", "flute", "guitar", "harp", "organ")
SEMANTIC_TOKENS, RESIDUAL_TOKENS = 20, 16


class FakeTextModel:
    """Satisfies ``TextModel``; remembers the wishes it was given in ``asked``."""

    name = "fake"

    def __init__(self):
        self.asked = []

    def semantic(self, text):
        words = text.lower()
        minor = any(word in words for word in ("minor", "sad", "dark", "gloomy"))
        code = zlib.crc32(words.encode())
        return code % (SEMANTIC_TOKENS // 2) * 2 + minor, code // 97 % RESIDUAL_TOKENS

    def nats(self, piece, conditions):
        return [_nats(piece, one) for one in conditions]

    def compose(self, wishes, *, seed, sampling, guidance=1.0, progress=None):
        self.asked.append(tuple(wishes))
        pieces = []
        for index, wish in enumerate(wishes):
            spread = 1.0 if sampling.temperature > 0 else 0.0
            rng = np.random.default_rng([seed, index] if spread else [0, index])
            pieces.append(_Composer(wish, guidance, rng).piece())
            if progress is not None:
                progress(index + 1, len(wishes), "pieces")
        return pieces


class _Composer:
    def __init__(self, wish: Wish, guidance: float, rng: np.random.Generator) -> None:
        self.wish, self.rng = wish, rng
        self.obey = 1.0 - 0.15 ** max(0.0, guidance)
        asked = wish.conditions.attributes
        other = wish.also.attributes if wish.also else asked
        self.sides = (asked, other)
        self.asked = asked
        self.meter = self._meter(asked)
        self.tempo = self._tempo(asked)
        self.instruments = self._instruments(asked)
        self.key = _key(asked, wish.conditions.semantic, rng)

    def _meter(self, asked: Attributes) -> str:
        if self.wish.start is not None:
            return self.wish.start.meter
        free = STYLE_METERS.get(asked.style or "", str(self.rng.choice(["4/4", "3/4", "6/8"])))
        return asked.meter or free

    def _tempo(self, asked: Attributes) -> float:
        drawn = self.rng.uniform(0, 1)
        if self.wish.start is not None:
            return self.wish.start.tempo_bpm
        if isinstance(asked.tempo_bpm, tuple):
            low, high = asked.tempo_bpm
            return round(low + drawn * (high - low), 2)
        return float(asked.tempo_bpm or TEMPI.get(asked.tempo_word or "", 100.0))

    def _instruments(self, asked: Attributes) -> list[int]:
        named = [n for n in asked.instruments if n in INSTRUMENT_ID and n not in asked.excluded]
        free = [n for n in USUAL if n not in asked.excluded]
        return [INSTRUMENT_ID[n] for n in named or [str(self.rng.choice(free))]]

    def _value(self, name: str) -> float:
        """What one note wants of an attribute: what is asked, mostly, or anything."""
        side = self.sides[int(self.rng.random() < self.wish.blend)]
        free = float(self.rng.uniform(VALUES[name][0], VALUES[name][2]))
        wanted = side.numbers.get(name)
        word = getattr(side, name)
        if wanted is None and word is not None:
            wanted = VALUES[name][LEVELS[name].index(word)]
        if name == "polyphony" and "polyphony" in self.wish.forced and word == "monophonic":
            return 1.0
        return float(wanted) if wanted is not None and self.rng.random() < self.obey else free

    def piece(self) -> BarPiece:
        start = self.wish.start
        first = start.bars if start is not None else 0
        length = meter_ticks(self.meter)
        total = first + self.wish.bars
        bars = [self._bar(bar * length, length) for bar in range(first, total)]
        notes = [note for bar in bars for note in bar]
        if start is not None:
            columns = (start.onset, start.duration, start.pitch, start.velocity, start.instrument)
            notes += list(zip(*(c.tolist() for c in columns), strict=True))
        table = np.array(notes, dtype=np.int64).reshape(-1, 5).T
        return bar_piece(*table, meter=self.meter, bars=total, tempo_bpm=self.tempo)

    def _bar(self, begin: int, length: int) -> list[tuple[int, int, int, int, int]]:
        chord = max(1, round(self._value("polyphony")))
        seconds = length / TICKS * 60.0 / self.tempo
        places = length // GRID
        count = int(np.clip(round(self._value("density") * seconds / chord), 1, places))
        free = self.rng.permutation(np.arange(1, places))[: count - 1]
        onsets = [0, *sorted(int(x) * GRID for x in free)]
        notes = []
        for on, off in zip(onsets, [*onsets[1:], length], strict=True):
            held = max(1, round((off - on) * min(1.0, self._value("articulation"))))
            instrument = self.instruments[int(self.rng.integers(len(self.instruments)))]
            centre = self._value("register")
            loud = int(np.clip(round(self._value("dynamics")), 1, 127))
            for pitch in self._chord(centre, chord, instrument, first=on == 0):
                notes.append((begin + on, held, pitch, loud, instrument))
        return notes

    def _chord(self, centre: float, size: int, instrument: int, first: bool) -> list[int]:
        steps = SCALES[self.key.mode]
        degrees = (0, 2, 4) if size > 1 or first else range(7)
        wanted = {(self.key.tonic_pitch_class + steps[d]) % 12 for d in degrees}
        low, high = INSTRUMENTS[instrument].low, INSTRUMENTS[instrument].high
        mean = float(np.clip(centre, low, high)) + float(self.rng.normal(0, 2.0))
        inside = [p for p in range(low, high + 1) if p % 12 in wanted]
        return sorted(inside, key=lambda p: (abs(p - mean), p))[:size]


def _key(asked: Attributes, semantic: tuple[int, ...], rng: np.random.Generator) -> Key:
    if asked.key is not None:
        return Key.parse(asked.key)
    mode = asked.mode or ("minor" if semantic and semantic[0] % 2 else None)
    tonic, drawn = int(rng.integers(12)), str(rng.choice(["major", "minor"], p=[0.7, 0.3]))
    return Key.from_pitch_class(tonic, "minor" if (mode or drawn) == "minor" else "major")


def _nats(piece: BarPiece, conditions) -> float:
    asked = conditions.attributes
    total = (
        math.log(len(METERS))
        if asked.meter is None
        else -math.log(0.9 if asked.meter == piece.meter else 0.1 / (len(METERS) - 1))
    )
    classes = np.bincount(piece.pitch % 12, minlength=12)
    keys = [k for k in ALL_KEYS if asked.key is None or k == Key.parse(asked.key)]
    mode = asked.mode
    if mode is None and conditions.semantic:
        mode = ("major", "minor")[conditions.semantic[0] % 2]
    keys = [k for k in keys if asked.key or mode is None or k.mode == mode] or list(ALL_KEYS)
    scores = [float(classes @ np.log(_scale_shares(key))) for key in keys]
    total -= _log_mean(scores)
    notes = np.bincount(piece.onset // piece.bar_ticks, minlength=piece.bars)
    seconds = piece.seconds / piece.bars
    rates = VALUES["density"]
    if asked.density is not None:
        rates = (asked.numbers.get("density", rates[LEVELS["density"].index(asked.density)]),)
    total -= _log_mean([_poisson(notes, rate * seconds) for rate in rates])
    return float(total)


def _scale_shares(key: Key) -> np.ndarray:
    shares = np.full(12, 0.1 / 12)
    shares[[(key.tonic_pitch_class + step) % 12 for step in SCALES[key.mode]]] += 0.8 / 7
    shares[key.tonic_pitch_class] += 0.1
    return shares


def _poisson(counts: np.ndarray, mean: float) -> float:
    return float(sum(c * math.log(mean) - mean - math.lgamma(c + 1) for c in counts.tolist()))


def _log_mean(scores: list[float]) -> float:
    best = max(scores)
    return best + math.log(sum(math.exp(s - best) for s in scores) / len(scores))
