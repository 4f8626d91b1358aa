"""The grammar: what the next step of a piece may be, so that every output is valid and obeys.

Masks are numpy bool arrays, true where a class is allowed; at least one always is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from partimento.music.attributes import TEMPO_EDGES, TEMPO_WORDS, Attributes
from partimento.music.barpiece import METERS, BarPiece, meter_ticks
from partimento.music.instruments import INSTRUMENT_ID, INSTRUMENTS
from partimento.music.keys import Key
from partimento.nn.sampling import Sampling, pick
from partimento.tasks.text2midi.interface import Wish
from partimento.tasks.text2midi.steps import (
    BAR,
    DURATIONS,
    PITCHES,
    Tracker,
    decode,
)
from partimento.tasks.text2midi.vocabulary import TEMPOS, class_tempo

MOST_IN_BAR = 160
"""Notes; then the bar ends.  The fullest bar of the corpora has 139."""
LEAST_SHARE = 0.4
"""Least notes of a wanted instrument in equal shares: in a duo, each plays a fifth of the notes.

Less than this sounds like one player with a guest (at 0.08 one violin of "violin and cello" played
nearly everything); an equal share would leave no room for accompaniment."""
_SOLO_NOTES = 12
_SCALE = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 9, 10, 11)}
_DURATION = np.array(DURATIONS)


@dataclass(frozen=True, slots=True)
class Header:
    """Meter (its number) and tempo of a piece."""

    meter: int
    tempo_bpm: float

    @property
    def bar_ticks(self) -> int:
        """Length of a bar."""
        return meter_ticks(METERS[self.meter])


def header_of(
    wish: Wish,
    meter_logits: np.ndarray,
    tempo_logits: Callable[[int], np.ndarray],
    sampling: Sampling,
    rng: np.random.Generator,
) -> Header:
    """Meter and tempo: of the music to go on from, as asked where forced, otherwise drawn.

    Raises ValueError for a forced meter that is not among the known ones.
    """
    u_meter, u_tempo = rng.random(2)
    asked, start = wish.conditions.attributes, wish.start
    forced_meter = start.meter if start is not None else asked.meter
    if forced_meter is not None and ("meter" in wish.forced or start is not None):
        meter = METERS.index(forced_meter)
    else:
        meter = int(pick(meter_logits[None], sampling, np.array([u_meter]))[0])
    if start is not None:
        return Header(meter, start.tempo_bpm)
    if "tempo" in wish.forced and isinstance(asked.tempo_bpm, float | int):
        return Header(meter, float(asked.tempo_bpm))
    mask = _tempo_mask(asked) if "tempo" in wish.forced else np.ones(TEMPOS, dtype=bool)
    logits = np.where(mask, tempo_logits(meter), -np.inf)
    number = int(pick(logits[None], sampling, np.array([u_tempo]))[0])
    return Header(meter, _inside(class_tempo(number), asked))


def _tempo_bounds(asked: Attributes) -> tuple[float, float] | None:
    """Range that is asked for, in quarters a minute; None for none."""
    if isinstance(asked.tempo_bpm, tuple):
        return asked.tempo_bpm
    if asked.tempo_word in TEMPO_WORDS:
        edges = (0.0, *TEMPO_EDGES, 1000.0)
        place = TEMPO_WORDS.index(asked.tempo_word)
        return edges[place], np.nextafter(edges[place + 1], 0)
    return None


def _tempo_mask(asked: Attributes) -> np.ndarray:
    bounds = _tempo_bounds(asked)
    if bounds is None:
        return np.ones(TEMPOS, dtype=bool)
    tempi = np.array([class_tempo(n) for n in range(TEMPOS)])
    mask: np.ndarray = (tempi >= bounds[0]) & (tempi <= bounds[1])
    if not mask.any():
        # A range narrower than a class: the nearest class, and the tempo is put inside.
        mask[np.abs(np.log(tempi) - np.log(sum(bounds) / 2)).argmin()] = True
    return mask


def _inside(bpm: float, asked: Attributes) -> float:
    bounds = _tempo_bounds(asked)
    if bounds is None or isinstance(asked.tempo_bpm, float | int):
        return bpm
    return float(np.clip(bpm, *bounds))


class Rules:
    """Masks for one piece, and the steps that it has taken."""

    def __init__(self, wish: Wish, tracker: Tracker) -> None:
        asked = wish.conditions.attributes
        self.tracker, self.taken = tracker, list[tuple[int, ...]]()
        self.monophonic = "polyphony" in wish.forced and asked.polyphony == "monophonic"
        self.band = self._band(wish)
        self.wanted = self._wanted(wish)
        self.count = np.zeros(len(INSTRUMENTS), dtype=np.int64)
        """Notes of each instrument so far."""
        self.scale = np.ones(PITCHES, dtype=bool)
        if "key" in wish.forced and asked.key is not None:
            key = Key.parse(asked.key)
            degrees = [(d + key.tonic_pitch_class) % 12 for d in _SCALE[key.mode]]
            self.scale = np.isin(np.arange(PITCHES) % 12, degrees)
        self.range = np.zeros((len(INSTRUMENTS), PITCHES), dtype=bool)
        for number, instrument in enumerate(INSTRUMENTS):
            self.range[number, instrument.low : instrument.high + 1] = True
        self.free_from = 0
        """Tick at which the latest note of a monophonic piece ends."""

    @staticmethod
    def _wanted(wish: Wish) -> list[int]:
        """Instruments that must play."""
        if "instruments" not in wish.forced:
            return []
        names = wish.conditions.attributes.instruments
        return [INSTRUMENT_ID[n] for n in names if n in INSTRUMENT_ID]

    @classmethod
    def _band(cls, wish: Wish) -> np.ndarray:
        """(I,) who may play: the asked ones where forced, never the excluded ones."""
        asked = wish.conditions.attributes
        band = np.ones(len(INSTRUMENTS), dtype=bool)
        wanted = cls._wanted(wish)
        if wanted:
            band[:] = False
            band[wanted] = True
        for name in asked.excluded:
            if name in INSTRUMENT_ID and band.sum() > 1:
                band[INSTRUMENT_ID[name]] = False
        return band

    def places(self) -> np.ndarray:
        """(PLACES,) where the next step may be."""
        tracker = self.tracker
        mask = tracker.open_places()
        full = len(tracker.history[-1]) and sum(map(len, tracker.history[-1].values()))
        if tracker.started and not self._room():
            mask[tracker.place] = False
        if self._would_fade():
            mask[BAR] = False
        if full >= MOST_IN_BAR:
            mask[:BAR] = False
        if self.monophonic:
            begin = self.free_from - tracker.bar * tracker.bar_ticks
            mask[: max(0, min(begin, BAR))] = False
            if tracker.started:
                mask[tracker.place] = False
        return mask

    def _would_fade(self) -> bool:
        """Whether the piece would end with a silent bar."""
        tracker = self.tracker
        last = tracker.bar == tracker.bars - 1 and not tracker.started
        return last and int(tracker.ends.max()) <= tracker.now

    def _room(self) -> bool:
        """Whether another note fits at the latest place."""
        tracker = self.tracker
        return bool(self._players_here()[tracker.instrument :].any())

    def _players_here(self) -> np.ndarray:
        """(I,) who may follow at the latest place: later instruments, or a higher pitch."""
        tracker = self.tracker
        mask = self.band.copy()
        mask[: tracker.instrument] = False
        mask[tracker.instrument] &= bool(self._open(tracker.place, tracker.instrument).any())
        return mask

    def players(self, chosen: np.ndarray) -> np.ndarray:
        """(I,) who may play at the chosen place."""
        tracker = self.tracker
        if tracker.started and int(chosen[0]) == tracker.place:
            return self._players_here()
        return self._lagging() if len(self.wanted) > 1 else self.band

    def _lagging(self) -> np.ndarray:
        """(I,) wanted instruments that have hardly played; the whole band while all is well.

        The opening may be a solo: nobody is called before a quarter of the bars, or twelve notes.
        """
        tracker = self.tracker
        if tracker.notes < _SOLO_NOTES and 4 * tracker.bar < max(4, tracker.bars):
            return self.band
        least = max(1.0, LEAST_SHARE * tracker.notes / len(self.wanted))
        late = [n for n in self.wanted if self.count[n] < least]
        if not late:
            return self.band
        mask = np.zeros(len(INSTRUMENTS), dtype=bool)
        mask[late] = True
        return mask

    def _open(self, place: int, instrument: int) -> np.ndarray:
        free = self.tracker.open_pitches(place, instrument)
        inside = free & self.range[instrument]
        kept: np.ndarray = inside & self.scale if (inside & self.scale).any() else inside
        if kept.any() or (self.tracker.started and place == self.tracker.place):
            return kept
        return free

    def pitches(self, chosen: np.ndarray) -> np.ndarray:
        """(P,) pitches that the chosen instrument may strike at the chosen place."""
        return self._open(int(chosen[0]), int(chosen[1]))

    def durations(self, chosen: np.ndarray) -> np.ndarray:
        """(56,) durations that end with the piece at the latest."""
        mask: np.ndarray = self.tracker.left(int(chosen[0])) >= _DURATION
        return mask

    def take(self, place: int, instrument: int, pitch: int, duration: int, loudness: int) -> None:
        """The step is taken."""
        self.taken.append((place, instrument, pitch, duration, loudness))
        if place == BAR:
            self.tracker.take_bar()
            return
        self.tracker.take_note(place, instrument, pitch, duration, loudness)
        self.count[instrument] += 1
        self.free_from = self.tracker.now + DURATIONS[duration]


def finished_piece(rules: Rules, header: Header) -> BarPiece:
    """The piece that was drawn."""
    empty = np.zeros(0, dtype=np.int64)
    frame = BarPiece(
        *(empty,) * 5,
        meter=METERS[header.meter],
        bars=rules.tracker.bars,
        tempo_bpm=header.tempo_bpm,
    )
    return decode(np.array(rules.taken, dtype=np.int64), frame)
