"""What a page needs to follow a score: its drawing, when its notes sound, what each note is."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

from partimento.core.errors import MusicError
from partimento.core.files import write_atomic
from partimento.music.frames import Bar, bars
from partimento.music.musicxml_write import musicxml_text
from partimento.music.score import Note, Score
from partimento.music.texture import Texture, Voice, name_of, texture_of
from partimento.music.voiceleading import VoiceLeadingFinding
from partimento.render.sheet import EngravedNote, Engraving, engrave
from partimento.render.sound import lead_in_sec, performance_sec
from partimento.studio.handlers.job_files import write_json

_STANDING = frozenset({"spacing", "range", "voice-crossing", "doubled-leading-tone"})
"""Rules on one chord; the others are about the step from the note before."""


_Line = tuple[str, int, str, int]
"""Part, staff, voice and pitch: what the heads of one tied note share."""


def _line(note: Note) -> _Line:
    return note.part, note.staff, note.voice, note.midi


@dataclass(frozen=True)
class Followed:
    """A score with its engraving; ids are those of the note heads of the drawing."""

    score: Score
    engraving: Engraving

    @cached_property
    def bars(self) -> tuple[Bar, ...]:
        """The bars of the score."""
        return bars(self.score)

    @cached_property
    def texture(self) -> Texture | None:
        """Its voices; None where none can be told."""
        try:
            return texture_of(self.score)
        except MusicError:
            return None

    @cached_property
    def heads(self) -> tuple[tuple[EngravedNote, Note | None], ...]:
        """Every note head of the drawing with the written note that it shows.

        Heads that begin together on a staff are told apart by layer and height.  A value that no
        single head can show is drawn with several: the later ones show the note that sounds on.
        Where heads and notes are not of one number, the heads stay without.
        """
        staves = _staves(self.score)
        written: dict[int, list[Note]] = defaultdict(list)
        for note in self.score.notes:
            written[staves[note.part] + note.staff].append(note)
        drawn: dict[tuple[int, Fraction], list[EngravedNote]] = defaultdict(list)
        for head in self.engraving.notes:
            drawn[head.staff, head.onset_quarter].append(head)
        found: dict[str, Note] = {}
        for (staff, quarter), heads in drawn.items():
            notes = _shown(written[staff], quarter, len(heads))
            ordered = sorted(heads, key=lambda head: head.layer)
            found.update((h.id, n) for h, n in zip(ordered, notes, strict=False))
        return tuple((head, found.get(head.id)) for head in self.engraving.notes)

    def timing(self) -> dict[str, Any]:
        """Events, notes and bars for the page; seconds of the music, ``lead`` those before it."""
        events = self.engraving.events
        seconds = performance_sec(self.score, [event.quarter for event in events]).tolist()
        return {
            "lead": lead_in_sec(),
            "events": [
                {"quarter": round(float(e.quarter), 4), "sec": round(sec, 4), "on": e.on,
                 "off": e.off}
                for e, sec in zip(events, seconds, strict=True)
            ],
            "notes": [self._note_row(head, note) for head, note in self.heads],
            "bars": [
                {"number": bar.measure.number, "quarter": float(bar.measure.onset_quarter),
                 "length": float(bar.measure.duration_quarter)}
                for bar in self.bars
            ],
        }  # fmt: skip

    def _note_row(self, head: EngravedNote, note: Note | None) -> dict[str, Any]:
        bar = self.bar_at(head.onset_quarter)
        voice = None if note is None else self.voice_of(note)
        return {
            "id": head.id, "quarter": round(float(head.onset_quarter), 4), "staff": head.staff,
            "layer": head.layer, "bar": bar.measure.number,
            "beat": round(float(bar.beat(head.onset_quarter)), 2),
            "voice": None if voice is None else voice.name,
            "name": None if note is None else name_of(note),
        }  # fmt: skip

    def bar_at(self, quarter: Fraction) -> Bar:
        """The bar that holds a time."""
        starts = [bar.measure.onset_quarter for bar in self.bars]
        return self.bars[max(0, bisect_right(starts, quarter) - 1)]

    def voice_of(self, note: Note) -> Voice | None:
        """The voice that a written note belongs to."""
        for voice, sound in self._sounds.get(_line(note), ()):
            if _covers(sound, note):
                return voice
        return None

    def ids(self, sounds: Iterable[Note]) -> list[str]:
        """Heads of sounding notes (ties joined)."""
        found = (
            head.id
            for sound in sounds
            for head, note in self._written.get(_line(sound), ())
            if _covers(sound, note)
        )
        return list(dict.fromkeys(found))

    @cached_property
    def _sounds(self) -> dict[_Line, list[tuple[Voice, Note]]]:
        found: dict[_Line, list[tuple[Voice, Note]]] = defaultdict(list)
        for voice in self.texture.voices if self.texture else ():
            for sound in voice.notes:
                found[_line(sound)].append((voice, sound))
        return found

    @cached_property
    def _written(self) -> dict[_Line, list[tuple[EngravedNote, Note]]]:
        found: dict[_Line, list[tuple[EngravedNote, Note]]] = defaultdict(list)
        for head, note in self.heads:
            if note is not None:
                found[_line(note)].append((head, note))
        return found

    def marks(self, finding: VoiceLeadingFinding) -> list[str]:
        """Heads that a finding is about: its chord, and the notes before where it is a motion."""
        sounds: list[Note] = []
        for voice in self.texture.voices if self.texture else ():
            if voice.name not in finding.voices:
                continue
            place = bisect_right(voice.notes, finding.onset_quarter, key=lambda n: n.onset_quarter)
            before = 1 if finding.rule in _STANDING else 2
            sounds += voice.notes[max(0, place - before) : place]
        return self.ids(sounds)


def followed(score: Score) -> Followed:
    """The score engraved; the text comes from this package's writer, so no guard is needed."""
    return Followed(score, engrave(musicxml_text(score), guarded=False))


def write_follow(score: Score, folder: Path, stem: str) -> Followed:
    """Write ``STEM.svg`` and ``STEM.timing.json``, from which the page shows and follows it."""
    made = followed(score)
    write_atomic(folder / f"{stem}.svg", made.engraving.svg)
    write_json(folder, f"{stem}.timing.json", made.timing())
    return made


def changed_ids(made: Followed, before: Followed, start: Fraction, end: Fraction) -> list[str]:
    """Heads of the notes from ``start`` to ``end`` that the score before did not have."""
    old = {key for _, key in _sounds(before.texture)}
    fresh = [
        note
        for note, key in _sounds(made.texture)
        if key not in old and start <= note.onset_quarter < end
    ]
    return made.ids(fresh)


def _sounds(texture: Texture | None) -> Iterable[tuple[Note, tuple[int, Fraction, Fraction, int]]]:
    for voice in texture.voices if texture else ():
        for note in voice.notes:
            yield note, (voice.index, note.onset_quarter, note.end_quarter, note.midi)


def _shown(notes: Sequence[Note], quarter: Fraction, count: int) -> list[Note]:
    """The notes of a staff that ``count`` heads show at a time; none where that is not certain."""
    first = bisect_left(notes, quarter, key=lambda note: note.onset_quarter)
    begun = bisect_right(notes, quarter, key=lambda note: note.onset_quarter)
    fitting = notes[first:begun]
    if len(fitting) != count:
        fitting = [*(note for note in notes[:first] if note.end_quarter > quarter), *fitting]
    by_voice = sorted(fitting, key=lambda note: (note.voice, not note.grace, note.midi))
    return by_voice if len(by_voice) == count else []


def _covers(sound: Note, note: Note) -> bool:
    """Whether a written head is part of a sounding note of the same line and pitch."""
    begins = sound.onset_quarter <= note.onset_quarter
    return begins and note.end_quarter <= sound.end_quarter


def _staves(score: Score) -> dict[str, int]:
    """Part -> staves above it on the page."""
    count, found = 0, {}
    for part in score.parts:
        found[part.id] = count
        count += part.staves
    return found


def place_rows(score_bars: Sequence[Bar], notes: Iterable[Note]) -> list[dict[str, Any]]:
    """Bar and beat of notes, for people."""
    starts = [bar.measure.onset_quarter for bar in score_bars]
    rows = []
    for note in notes:
        bar = score_bars[max(0, bisect_right(starts, note.onset_quarter) - 1)]
        beat = round(float(bar.beat(note.onset_quarter)), 2)
        rows.append({"bar": bar.measure.number, "beat": beat})
    return rows
