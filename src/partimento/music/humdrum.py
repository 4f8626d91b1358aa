"""Reader of Humdrum files with ``**kern`` spines (Huron's format; humdrum.org).

Kept: notes, chords, rests, ties, grace notes, fermatas, articulations, bar lines with their
numbers, repeats, meters, key signatures and modes, tempi, clefs, instrument names, part and staff
grouping, spine splits and joins, lyrics of ``**text`` and ``**silbe`` spines, title and composer.
Other spines are passed over.  The rightmost ``**kern`` spine becomes the first part.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from fractions import Fraction

from partimento.core.errors import InputFileError
from partimento.core.limits import TEXT_SCORE_BYTES
from partimento.music import kern
from partimento.music.score import (
    KeySignature,
    Lyric,
    Note,
    Part,
    Score,
    Tempo,
    TimeSignature,
    sort_notes,
)
from partimento.music.textscore import MAX_QUARTERS, BarLine, with_measures

_MAX_SPINES = 64
_MAX_NOTES = 200_000
_MAX_CHORD = 64
_TEXT_TYPES = ("**text", "**silbe", "**lyrics")
_MANIPULATORS = ("*^", "*v", "*-", "*+", "*x")


@dataclass(eq=False)
class Column:
    """A ``**kern`` spine as the file began it: one staff of the score."""

    index: int
    part: str | None = None
    staff: str | None = None
    name: str = ""
    clef: str | None = None
    verses: int = 0


@dataclass(eq=False)
class Spine:
    """One column of the current line; several spines of a column are its voices."""

    type: str
    column: Column | None = None
    verse: str = "1"
    layer: int = 1
    free: Fraction = Fraction(0)
    inside_word: bool = False


@dataclass
class Reading:
    """What has been read so far."""

    spines: list[Spine] = field(default_factory=list)
    columns: list[Column] = field(default_factory=list)
    notes: list[tuple[Column, int, Note]] = field(default_factory=list)
    bars: list[BarLine] = field(default_factory=list)
    meters: dict[Fraction, TimeSignature] = field(default_factory=dict)
    keys: dict[Fraction, int] = field(default_factory=dict)
    modes: dict[Fraction, str] = field(default_factory=dict)
    tempi: dict[Fraction, Tempo] = field(default_factory=dict)
    records: dict[str, str] = field(default_factory=dict)
    trouble: Counter[str] = field(default_factory=Counter)

    @property
    def kern_spines(self) -> list[Spine]:
        """The spines with notes."""
        return [s for s in self.spines if s.type == "**kern"]

    @property
    def now(self) -> Fraction:
        """Time at which the next row starts."""
        return min((s.free for s in self.kern_spines), default=Fraction(0))


def read_humdrum(text: str, *, name: str = "Humdrum") -> Score:
    """Score of a Humdrum text.

    Raises InputFileError naming the line where the text is no Humdrum, has no ``**kern`` spine or
    breaks its rules (number of columns, notes that cannot be read).
    """
    if len(text.encode("utf-8", "replace")) > TEXT_SCORE_BYTES:
        raise InputFileError(f"more than {TEXT_SCORE_BYTES // 1_000_000} MB of Humdrum", where=name)
    state = Reading()
    for number, line in enumerate(text.lstrip("\ufeff").splitlines(), start=1):
        try:
            _line(state, line.rstrip("\r"))
        except ValueError as error:
            raise InputFileError(str(error), where=f"{name}, line {number}") from None
    if not state.columns:
        raise InputFileError(
            "there is no **kern spine", where=name, fix="Give a Humdrum file with notes in **kern"
        )
    if not any(n for n in state.notes):
        raise InputFileError("the **kern spines have no notes", where=name)
    return _build(state)


def _line(state: Reading, line: str) -> None:
    if line.startswith("!!"):
        match = re.match(r"!!!([A-Za-z]{3}\d*)(?:@+[A-Za-z]+)?:\s*(.*)", line)
        if match:
            state.records.setdefault(match[1].upper(), match[2].strip())
        return
    if not line.strip() or (line.startswith("!") and state.spines):
        return
    cells = line.split("\t")
    if not state.spines:
        _open_spines(state, cells)
        return
    if len(cells) != len(state.spines):
        raise ValueError(f"{len(cells)} columns where {len(state.spines)} spines are open")
    if line.startswith("*"):
        if any(cell in _MANIPULATORS for cell in cells):
            _manipulate(state, cells)
        else:
            for spine, cell in zip(state.spines, cells, strict=True):
                _interpret(state, spine, cell)
    elif line.startswith("="):
        _bar(state, cells)
    else:
        _data(state, cells)


def _open_spines(state: Reading, cells: list[str]) -> None:
    if not all(cell.startswith("**") for cell in cells):
        raise ValueError(
            f"a Humdrum file begins with exclusive interpretations such as **kern, "
            f"not {cells[0][:30]!r}"
        )
    if len(cells) > _MAX_SPINES:
        raise ValueError(f"more than {_MAX_SPINES} spines")
    for cell in cells:
        state.spines.append(_new_spine(state, cell))


def _new_spine(state: Reading, kind: str) -> Spine:
    """A spine; text belongs to the nearest **kern spine on its left."""
    if kind == "**kern":
        column = Column(len(state.columns))
        state.columns.append(column)
        return Spine(kind, column, free=state.now)
    if kind in _TEXT_TYPES and state.columns:
        column = state.columns[-1]
        column.verses += 1
        return Spine(kind, column, verse=str(column.verses))
    return Spine(kind)


def _manipulate(state: Reading, cells: list[str]) -> None:
    """Spine paths: split ``*^``, join ``*v``, end ``*-``, add ``*+``, exchange ``*x``."""
    result: list[Spine] = []
    i = 0
    while i < len(cells):
        spine, cell = state.spines[i], cells[i]
        if cell == "*^":
            result += [spine, _split(state, spine)]
        elif cell == "*+":
            result += [spine, Spine("**new")]
        elif cell == "*v":
            stop = i
            while stop + 1 < len(cells) and cells[stop + 1] == "*v":
                stop += 1
            result.append(_join(state.spines[i : stop + 1]))
            i = stop
        elif cell == "*x" and i + 1 < len(cells) and cells[i + 1] == "*x":
            result += [state.spines[i + 1], spine]
            i += 1
        elif cell != "*-":
            result.append(spine)
            _interpret(state, spine, cell)
        i += 1
    if len(result) > _MAX_SPINES:
        raise ValueError(f"more than {_MAX_SPINES} spines")
    state.spines = result
    if not result:
        # Everything ended; a second piece in the same file is not read on.
        state.spines = [Spine("**ended")]


def _split(state: Reading, spine: Spine) -> Spine:
    used = {s.layer for s in state.spines if s.column is spine.column and s.type == spine.type}
    layer = next(n for n in range(1, _MAX_SPINES + 2) if n not in used)
    return Spine(spine.type, spine.column, spine.verse, layer, spine.free)


def _join(spines: list[Spine]) -> Spine:
    first = min(spines, key=lambda s: s.layer)
    if any(s.column is not first.column for s in spines):
        raise ValueError("*v joins spines that do not belong together")
    first.free = max(s.free for s in spines)
    return first


def _interpret(state: Reading, spine: Spine, cell: str) -> None:
    """A tandem interpretation such as ``*M3/4``, ``*k[b-]``, ``*clefG2`` or ``*I"Alto``."""
    if cell.startswith("**") and spine.type == "**new":
        fresh = _new_spine(state, cell)
        spine.type, spine.column, spine.free = fresh.type, fresh.column, state.now
        return
    column = spine.column
    if spine.type != "**kern" or column is None:
        return
    now = spine.free
    meter = re.fullmatch(r"\*M(\d{1,3})/(\d{1,3})", cell)
    tempo = re.fullmatch(r"\*MM(\d{1,4}(?:\.\d{1,4})?)", cell)
    signature = re.fullmatch(r"\*k\[([^\]]*)\]", cell)
    if meter:
        _meter(state, now, int(meter[1]), int(meter[2]))
    elif tempo and 1 <= float(tempo[1]) <= 2000:
        state.tempi.setdefault(now, Tempo(now, float(tempo[1])))
    elif signature:
        if not kern.usual_signature(signature[1]):
            state.trouble[f"the unusual key signature {cell[1:40]} was simplified"] = 0
        state.keys.setdefault(now, kern.parse_signature(signature[1]))
    elif cell.startswith("*clef"):
        column.clef = column.clef or _clef(cell[5:])
    elif cell.startswith('*I"'):
        column.name = column.name or cell[3:]
    elif re.fullmatch(r"\*part\d+", cell):
        column.part = column.part or cell[5:]
    elif re.fullmatch(r"\*staff\d+", cell):
        column.staff = column.staff or cell[6:]
    elif cell.startswith("*Trd"):
        state.trouble["a transposing instrument is read as it sounds"] = 0
    else:
        mode = kern.parse_mode(cell[1:])
        if mode:
            state.modes.setdefault(now, mode)


def _meter(state: Reading, now: Fraction, beats: int, beat_type: int) -> None:
    if beats < 1 or beat_type not in (1, 2, 4, 8, 16, 32, 64):
        raise ValueError(f"the meter {beats}/{beat_type} has no beat type that is a power of two")
    state.meters.setdefault(now, TimeSignature(now, beats, beat_type))


def _clef(text: str) -> str | None:
    """``G2``, ``Gv2`` (an octave lower), ``G^2``; None for other signs."""
    match = re.fullmatch(r"([GFC])([v^]?)([1-5])", text)
    if match is None:
        return None
    return match[1] + match[3] + {"": "", "v": "_8", "^": "^8"}[match[2]]


def _bar(state: Reading, cells: list[str]) -> None:
    for spine, cell in zip(state.spines, cells, strict=True):
        if spine.type == "**kern":
            if not cell.startswith("="):
                raise ValueError(f"{cell[:30]!r} stands in a line of bar lines")
            state.bars.append(kern.parse_bar(cell, state.now))
            return


def _data(state: Reading, cells: list[str]) -> None:
    """A row of notes: all its tokens start together."""
    rows = list(zip(state.spines, cells, strict=True))
    played = [(s, c) for s, c in rows if s.type == "**kern" and c != "."]
    if not played:
        return
    starts = {s.free for s, _ in played}
    onset = max(starts)
    late = any(s.free < onset for s, c in rows if s.type == "**kern")
    if late or len(starts) > 1:
        state.trouble["rows where the rhythms of the spines do not agree"] += 1
    if onset > MAX_QUARTERS or len(state.notes) > _MAX_NOTES:
        raise ValueError(f"the piece is longer than {MAX_QUARTERS} quarters or {_MAX_NOTES} notes")
    syllables = _syllables(rows)
    for spine, cell in played:
        assert spine.column is not None
        notes = kern.parse_chord(cell)
        lyrics = syllables.pop(spine.column.index, ()) if notes[0].spelling else ()
        _add_notes(state, spine, notes, onset, lyrics)


def _add_notes(
    state: Reading,
    spine: Spine,
    notes: list[kern.KernNote],
    onset: Fraction,
    lyrics: tuple[Lyric, ...],
) -> None:
    assert spine.column is not None
    if len(notes) > _MAX_CHORD:
        raise ValueError(f"a chord of more than {_MAX_CHORD} notes")
    first = next((n.duration for n in notes if n.duration is not None), Fraction(0))
    grace = notes[0].grace
    for i, note in enumerate(n for n in notes if n.spelling is not None):
        assert note.spelling is not None
        head = Note(
            onset,
            Fraction(0) if grace else note.duration or first,
            note.spelling.midi,
            "",
            note.spelling,
            tie_start=note.tie_start and not grace,
            tie_stop=note.tie_stop and not grace,
            fermata=note.fermata,
            grace=grace,
            lyrics=lyrics if i == 0 else (),
            articulations=note.marks,
        )
        state.notes.append((spine.column, spine.layer, head))
    spine.free = onset if grace else onset + first


def _syllables(rows: list[tuple[Spine, str]]) -> dict[int, tuple[Lyric, ...]]:
    """Lyrics of this row by the index of their column."""
    found: dict[int, tuple[Lyric, ...]] = {}
    for spine, cell in rows:
        if spine.type not in _TEXT_TYPES or spine.column is None:
            continue
        if cell in (".", "", "_", "|"):
            continue
        text = cell.strip("-")
        if not text:
            continue
        after = cell.endswith("-")
        before = cell.startswith("-") or spine.inside_word
        spine.inside_word = after
        if before:
            lyric = Lyric(text, "middle" if after else "end", spine.verse)
        else:
            lyric = Lyric(text, "begin" if after else "single", spine.verse)
        index = spine.column.index
        found[index] = (*found.get(index, ()), lyric)
    return found


def _build(state: Reading) -> Score:
    """Parts from the right column to the left; notes with their part, staff and voice."""
    groups: dict[str, list[Column]] = {}
    for column in reversed(state.columns):
        groups.setdefault(column.part or f"column {column.index}", []).append(column)
    parts: list[Part] = []
    places: dict[tuple[int, int], tuple[str, int, str]] = {}
    layers = sorted({(c.index, layer) for c, layer, _ in state.notes})
    for number, columns in enumerate(groups.values(), start=1):
        staves = list(dict.fromkeys(c.staff or f"column {c.index}" for c in columns))
        clefs = tuple(
            _staff_clef(state, [c for c in columns if (c.staff or f"column {c.index}") == s])
            for s in staves
        )
        name = next((c.name for c in columns if c.name), "")
        parts.append(Part(f"P{number}", name, len(staves), clefs))
        voice = 0
        for column in columns:
            for layer in [n for i, n in layers if i == column.index] or [1]:
                voice += 1
                staff = staves.index(column.staff or f"column {column.index}") + 1
                places[column.index, layer] = (f"P{number}", staff, str(voice))
    notes = []
    for column, layer, note in state.notes:
        part, staff, voice_name = places[column.index, layer]
        notes.append(replace(note, part=part, staff=staff, voice=voice_name))
    score = Score(
        tuple(parts),
        sort_notes(notes),
        (),
        tuple(state.meters[t] for t in sorted(state.meters)),
        _key_signatures(state),
        tuple(state.tempi[t] for t in sorted(state.tempi)),
        state.records.get("OTL", ""),
        state.records.get("COM", ""),
        tuple(f"{n} {what}" if n else what for what, n in state.trouble.items()),
    )
    return with_measures(score, state.bars)


def _key_signatures(state: Reading) -> tuple[KeySignature, ...]:
    """Signatures; a key designation without one counts only for the mode."""
    return tuple(KeySignature(t, state.keys[t], state.modes.get(t)) for t in sorted(state.keys))


def _staff_clef(state: Reading, columns: list[Column]) -> str:
    for column in columns:
        if column.clef:
            return column.clef
    pitches = [n.midi for c, _, n in state.notes if c in columns]
    return "F4" if pitches and sum(pitches) / len(pitches) < 57 else "G2"
