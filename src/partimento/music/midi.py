"""Reading Standard MIDI Files (parsed by symusic after our own check of the chunks)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from partimento.core.errors import InputFileError, MusicError
from partimento.core.limits import MIDI_BYTES, size_text
from partimento.music.lanes import separate_voices
from partimento.music.measures import ensure_measures
from partimento.music.midi_write import midi_bytes, write_midi
from partimento.music.quantise import PLAYED_SHARE, Quantised, quantise
from partimento.music.score import (
    KeySignature,
    Lyric,
    Note,
    Part,
    Score,
    Syllabic,
    Tempo,
    TimeSignature,
    sort_notes,
)

if TYPE_CHECKING:
    from symusic.core import ScoreTick, TrackTick

__all__ = ["midi_bytes", "read_midi", "write_midi"]

MAX_NOTES = 200_000
MAX_PARTS = 200
MAX_PIECE_QUARTERS = 100_000
_DEFAULT_TEMPO = Tempo(Fraction(0), 120.0)
"""What the MIDI standard prescribes where a file says nothing."""


@dataclass(slots=True)
class _Track:
    """Notes of one track and channel: onset, end (ticks), pitch, velocity; and its syllables."""

    name: str
    program: int
    notes: list[tuple[int, int, int, int]]
    lyrics: dict[int, str]


def read_midi(data: bytes) -> Score:
    """The score of a Standard MIDI File of format 0 or 1.

    Onsets and ends are quantised beat by beat to exact fractions (see
    :mod:`partimento.music.quantise`); ``warnings`` says when the file looks played rather than
    typed in.  Every track and channel with notes becomes a part; percussion is left out.  A first
    meter of one bar that is shorter than the next is taken for a pickup.

    Raises InputFileError for a damaged, truncated, empty or oversized file.
    """
    if len(data) > MIDI_BYTES:
        raise InputFileError(f"this MIDI file is larger than the {size_text(MIDI_BYTES)} allowed")
    check_chunks(data)
    parsed = _parse(data)
    warnings: list[str] = []
    tracks = _tracks(parsed, warnings)
    tpq = int(parsed.ticks_per_quarter)
    quantised = _quantise(tracks, tpq, warnings)
    parts, notes = _parts(tracks, quantised)
    meters, pickup = _meters(parsed, tpq, warnings)
    score = Score(
        parts=parts,
        notes=notes,
        time_signatures=meters,
        key_signatures=_keys(parsed, tpq),
        tempi=_tempi(parsed, tpq),
        warnings=tuple(warnings),
    )
    try:
        return ensure_measures(score, pickup)
    except MusicError as error:
        raise InputFileError(error.what) from error


# -- the file -------------------------------------------------------------------------------------


def check_chunks(data: bytes) -> None:
    """Walk header and track chunks before any native parser sees the bytes.

    Raises InputFileError when the file is no MIDI, is cut off, has no tracks, or counts time in
    film frames (SMPTE) instead of beats.
    """
    if data[:4] != b"MThd":
        raise InputFileError("this is no MIDI file (it does not start with MThd)")
    header = int.from_bytes(data[4:8], "big")
    if header < 6 or len(data) < 8 + header:
        raise _cut_off("its header is incomplete")
    kind, promised, division = (int.from_bytes(data[i : i + 2], "big") for i in (8, 10, 12))
    if kind > 1:
        raise InputFileError(
            f"this is a MIDI file of format {kind}, a set of patterns rather than one piece",
            fix="Export it as format 1",
        )
    if division & 0x8000 or division == 0:
        raise InputFileError(
            "this MIDI file counts time in film frames, not in beats",
            fix="Export it with ticks per quarter note",
        )
    found = _count_tracks(data, 8 + header)
    if found < promised:
        raise _cut_off(f"it promises {promised} tracks and holds {found}")
    if found == 0:
        raise InputFileError("this MIDI file has no tracks, so it holds no music")


def _count_tracks(data: bytes, place: int) -> int:
    found = 0
    while place + 8 <= len(data):
        size = int.from_bytes(data[place + 4 : place + 8], "big")
        if data[place : place + 4] == b"MTrk":
            found += 1
            if place + 8 + size > len(data):
                raise _cut_off(f"track {found} ends in the middle")
        place += 8 + size
    return found


def _cut_off(how: str) -> InputFileError:
    return InputFileError(
        f"this MIDI file is cut off: {how}", fix="Copy it again or export it again"
    )


def _parse(data: bytes) -> ScoreTick:
    import symusic

    try:
        parsed: Any = symusic.Score.from_midi(data)
    except Exception as error:  # symusic raises RuntimeError, ValueError and its own kinds
        raise InputFileError(
            "this MIDI file is damaged: an event inside a track makes no sense",
            fix="Export it again",
        ) from error
    result: ScoreTick = parsed
    return result


# -- tracks ---------------------------------------------------------------------------------------


def _tracks(parsed: ScoreTick, warnings: list[str]) -> list[_Track]:
    """Tracks with notes; syllables that symusic puts on a track of their own come back to them."""
    tracks: list[_Track] = []
    loose: list[tuple[int, str, dict[int, str]]] = []
    drums = total = 0
    for source in parsed.tracks:
        total += len(source.notes)
        if total > MAX_NOTES:
            raise InputFileError(f"this MIDI file has more than {MAX_NOTES} notes")
        lyrics = {int(event.time): _clean(event.text) for event in source.lyrics}
        if source.is_drum:
            drums += len(source.notes)
        elif len(source.notes):
            notes = _notes(source, int(parsed.ticks_per_quarter))
            tracks.append(_Track(_clean(source.name), int(source.program), notes, lyrics))
        elif lyrics:
            loose.append((len(tracks), _clean(source.name), lyrics))
    for place, name, lyrics in loose:
        near = [t for t in tracks[max(0, place - 1) : place + 1] if t.name == name]
        if near:
            near[0].lyrics.update(lyrics)
    if drums:
        warnings.append(f"Not kept from the file: percussion ({drums} notes).")
    if not tracks:
        only = "only percussion" if drums else "no notes"
        raise InputFileError(f"this MIDI file holds {only}, so there is nothing to read")
    if len(tracks) > MAX_PARTS:
        raise InputFileError(f"this MIDI file has more than {MAX_PARTS} tracks with notes")
    return tracks


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8").replace("\x00", "").strip()[:200]


def _notes(source: TrackTick, ticks_per_quarter: int) -> list[tuple[int, int, int, int]]:
    table = source.notes.numpy()
    onsets, lengths = table["time"], table["duration"]
    limit = MAX_PIECE_QUARTERS * ticks_per_quarter
    # symusic counts in 32 bits; a file made to overflow them shows negative times.
    ends = onsets.astype("int64") + lengths
    if int(onsets.min()) < 0 or int(lengths.min()) < 0 or int(ends.max()) > limit:
        raise InputFileError(f"this MIDI file is longer than {MAX_PIECE_QUARTERS} quarters")
    columns = (onsets, ends, table["pitch"], table["velocity"])
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return [(onset, max(end, onset + 1), pitch, speed) for onset, end, pitch, speed in rows]


def _quantise(tracks: list[_Track], tpq: int, warnings: list[str]) -> list[Quantised]:
    """The exact times of each track, with a warning when they are those of a performance."""
    result = [quantise([n[0] for n in t.notes], [n[1] for n in t.notes], tpq) for t in tracks]
    total = sum(len(t.notes) for t in tracks)
    misfits = sum(q.misfits for q in result)
    if misfits > PLAYED_SHARE * total:
        warnings.append(
            f"{misfits} of {total} notes lie on no beat division: this looks like a recorded "
            "performance, and its rhythm was rounded."
        )
    return result


# -- score ----------------------------------------------------------------------------------------


def _parts(
    tracks: Sequence[_Track], quantised: Sequence[Quantised]
) -> tuple[tuple[Part, ...], tuple[Note, ...]]:
    parts: list[Part] = []
    notes: list[Note] = []
    for number, (track, times) in enumerate(zip(tracks, quantised, strict=True), start=1):
        name = f"P{number}"
        members = separate_voices(sort_notes(_part_notes(name, track, times)))
        middle = sum(n.midi for n in members) / len(members)
        clef = "G2" if middle >= 57 else "F4"
        parts.append(Part(name, track.name, 1, (clef,), track.program))
        notes += members
    return tuple(parts), sort_notes(notes)


def _part_notes(part: str, track: _Track, times: Quantised) -> Iterable[Note]:
    """The notes of a track; of equal pitches that start together the longest stays."""
    syllables = _syllables(track.lyrics)
    best: dict[tuple[Fraction, int], Note] = {}
    top: dict[int, Note] = {}
    for (tick, _, pitch, speed), onset, end in zip(
        track.notes, times.onsets, times.ends, strict=True
    ):
        note = Note(onset, end - onset, pitch, part, velocity=min(127, max(1, speed)))
        known = best.get((onset, pitch))
        if known is None or known.duration_quarter < note.duration_quarter:
            best[onset, pitch] = note
        if tick in syllables and (tick not in top or top[tick].midi < pitch):
            top[tick] = note
    for tick, note in top.items():
        key = (note.onset_quarter, note.midi)
        best[key] = replace(best[key], lyrics=(syllables[tick],))
    return best.values()


def _syllables(lyrics: dict[int, str]) -> dict[int, Lyric]:
    """Syllables from lyric events, in which a hyphen at the end means that the word goes on."""
    result: dict[int, Lyric] = {}
    inside = False
    for tick, text in sorted(lyrics.items()):
        goes_on = text.endswith("-") and len(text) > 1
        text = text.removesuffix("-").strip() if goes_on else text
        if not text:
            continue
        syllabic: Syllabic = "single"
        if goes_on:
            syllabic = "middle" if inside else "begin"
        elif inside:
            syllabic = "end"
        inside = goes_on
        result[tick] = Lyric(text, syllabic)
    return result


def _place(tick: int, tpq: int) -> Fraction:
    """Time of a meter, key or tempo event, to the nearest 24th of a quarter."""
    return Fraction(round(Fraction(tick * 24, tpq)), 24)


def _meters(
    parsed: ScoreTick, tpq: int, warnings: list[str]
) -> tuple[tuple[TimeSignature, ...], Fraction]:
    """The meters, and the length of a pickup that the first of them stood for (0: none)."""
    found: dict[Fraction, TimeSignature] = {}
    for event in parsed.time_signatures:
        beats, unit = int(event.numerator), int(event.denominator)
        if event.time < 0 or not 1 <= beats <= 128 or not 1 <= unit <= 64 or unit & (unit - 1):
            warnings.append("A meter that makes no sense was left out.")
            continue
        place = _place(event.time, tpq)
        found[place] = TimeSignature(place, beats, unit)
    meters = [found[place] for place in sorted(found)]
    if not meters or meters[0].onset_quarter > 0:
        meters.insert(0, TimeSignature(Fraction(0), 4, 4))
    if len(meters) > 1:
        first, second = meters[:2]
        if first.bar_quarter == second.onset_quarter < second.bar_quarter:
            return (replace(second, onset_quarter=Fraction(0)), *meters[2:]), first.bar_quarter
    return tuple(_without_repeats(meters)), Fraction(0)


def _without_repeats(meters: Sequence[TimeSignature]) -> Iterable[TimeSignature]:
    last: tuple[int, int] | None = None
    for meter in meters:
        if (meter.beats, meter.beat_type) != last:
            yield meter
        last = (meter.beats, meter.beat_type)


def _keys(parsed: ScoreTick, tpq: int) -> tuple[KeySignature, ...]:
    found: dict[Fraction, KeySignature] = {}
    for event in parsed.key_signatures:
        if event.time >= 0 and -7 <= event.key <= 7 and event.tonality in (0, 1):
            place = _place(event.time, tpq)
            mode = "minor" if event.tonality else "major"
            found[place] = KeySignature(place, int(event.key), mode)
    return tuple(found[place] for place in sorted(found))


def _tempi(parsed: ScoreTick, tpq: int) -> tuple[Tempo, ...]:
    """Tempi to a hundredth of a beat per minute (MIDI stores whole microseconds per quarter)."""
    found: dict[Fraction, Tempo] = {}
    for event in parsed.tempos:
        if event.time >= 0 and event.mspq > 0 and 1 <= 6e7 / event.mspq <= 2000:
            place = _place(event.time, tpq)
            found[place] = Tempo(place, round(6e7 / event.mspq, 2))
    tempi = [found[place] for place in sorted(found)]
    if not tempi or tempi[0].onset_quarter > 0:
        tempi.insert(0, _DEFAULT_TEMPO)
    return tuple(tempi)
