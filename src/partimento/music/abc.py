"""Reader of ABC 2.1 (the standard at abcnotation.com), as tune books use it.

Kept: titles, composer, meters, keys with modes and explicit accidentals, tempi, voices and their
grouping by ``%%score``, notes, rests, chords, ties, tuplets, broken rhythm, grace notes, repeats
and endings, fermatas, articulations, lyrics, voice overlays, whole-bar rests.  Repeats stay
written, as in the page.  Chord symbols, slurs and annotations are passed over.  An accidental
holds for its letter in every octave until the bar line (the standard's default).
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction

from partimento.core.errors import InputFileError
from partimento.core.limits import TEXT_SCORE_BYTES
from partimento.music import abc_fields as fields
from partimento.music.abc_layout import assign_parts, parse_score_directive
from partimento.music.abc_tokens import Token, length_factor, tokens
from partimento.music.abc_voice import VoiceReader, parse_words
from partimento.music.score import (
    KeySignature,
    Note,
    Score,
    Tempo,
    TimeSignature,
    sort_notes,
)
from partimento.music.textscore import MAX_QUARTERS, with_measures

_FIELD = re.compile(r"([A-Za-z+]):(.*)$", re.DOTALL)
_MAX_VOICES = 64
_MAX_BAR_RESTS = 500
_MAX_FIELD = 1000
_MAX_TUNE = 200_000


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the file with its number."""

    number: int
    text: str


@dataclass
class Tune:
    """State of one tune while it is read."""

    meter: tuple[int, int] | None = None
    unit: Fraction | None = None
    key: fields.AbcKey = field(default_factory=fields.AbcKey)
    titles: list[str] = field(default_factory=list)
    composer: str = ""
    tempo_text: str = ""
    grouping: list[list[list[str]]] = field(default_factory=list)
    symbols: dict[str, str] = field(default_factory=dict)
    readers: dict[str, VoiceReader] = field(default_factory=dict)
    settings: dict[str, fields.VoiceSettings] = field(default_factory=dict)
    meters: dict[Fraction, tuple[int, int] | None] = field(default_factory=dict)
    keys: dict[Fraction, fields.AbcKey] = field(default_factory=dict)
    tempi: dict[Fraction, float] = field(default_factory=dict)
    verses: Counter[str] = field(default_factory=Counter)
    continued: set[str] = field(default_factory=set)
    passed_over: Counter[str] = field(default_factory=Counter)
    current: str = "1"

    @property
    def unit_length(self) -> Fraction:
        """Unit note length as a part of a whole note."""
        return self.unit if self.unit is not None else fields.default_length(self.meter)

    def reader(self) -> VoiceReader:
        """The current voice, made at its first use."""
        if self.current not in self.readers:
            if len(self.readers) >= _MAX_VOICES:
                raise ValueError(f"more than {_MAX_VOICES} voices")
            reader = VoiceReader(self.key, self.unit_length)
            self.readers[self.current] = reader
            self.apply_settings(reader, self.key.settings)
            self.apply_settings(reader, self.settings.get(self.current, fields.VoiceSettings()))
        return self.readers[self.current]

    @staticmethod
    def apply_settings(reader: VoiceReader, settings: fields.VoiceSettings) -> None:
        """Octave shifts of ``octave=`` and of a clef such as treble-8."""
        if settings.octave is not None:
            reader.octave = settings.octave
        elif settings.clef:
            reader.octave = {"_8": -1, "^8": 1}.get(settings.clef[2:], 0)


def read_abc(text: str, *, tune: int | None = None, name: str = "ABC") -> Score:
    """Score of one tune: the first of the text, or the one whose ``X:`` number is ``tune``.

    Raises InputFileError naming the line where the text is no ABC, too large or has no such tune.
    """
    if len(text.encode("utf-8", "replace")) > TEXT_SCORE_BYTES:
        raise InputFileError(f"more than {TEXT_SCORE_BYTES // 1_000_000} MB of ABC", where=name)
    bad = re.search(r"[\x00-\x08\x0e-\x1f]", text)
    if bad is not None:
        number = text.count("\n", 0, bad.start()) + 1
        raise InputFileError("this is no ABC but binary data", where=f"{name}, line {number}")
    preamble, lines = _select(text, tune, name)
    if sum(len(line.text) for line in lines) > _MAX_TUNE:
        raise InputFileError(
            f"the tune is longer than {_MAX_TUNE:,} characters",
            where=f"{name}, line {lines[0].number}",
            fix="Separate the tunes of a book by empty lines",
        )
    state = Tune()
    body = _read_header(state, preamble + lines, name)
    for line in body:
        _guarded(_body_line, state, line, name)
    if not any(event.heads for reader in state.readers.values() for event in reader.events):
        raise InputFileError("the tune has no notes", where=f"{name}, line {lines[-1].number}")
    return _build(state)


def _guarded(step, state: Tune, line: Line, name: str) -> None:  # type: ignore[no-untyped-def]
    """Run one step; its ValueError becomes an InputFileError that names the line."""
    try:
        step(state, line)
    except ValueError as error:
        raise InputFileError(str(error), where=f"{name}, line {line.number}") from None


def _select(text: str, tune: int | None, name: str) -> tuple[list[Line], list[Line]]:
    """Lines before the first tune that apply to all, and the lines of the chosen tune."""
    lines = [Line(i, t.rstrip()) for i, t in enumerate(text.lstrip("\ufeff").splitlines(), start=1)]
    starts = [i for i, line in enumerate(lines) if line.text.startswith("X:")]
    if not starts:
        keys = [i for i, line in enumerate(lines) if re.match(r"K:", line.text)]
        if not keys or tune is not None:
            raise InputFileError(
                "there is no ABC tune (no X: line)" if tune is None else f"there is no tune {tune}",
                where=f"{name}, line 1",
                fix="A tune starts with X:1, T:title, M:4/4, L:1/8, K:C",
            )
        first = keys[0]
        while first and _FIELD.match(lines[first - 1].text):
            first -= 1
        starts = [first]
    numbers = [_tune_number(lines[i].text) for i in starts]
    if tune is not None and tune not in numbers:
        shown = ", ".join(str(n) for n in numbers[:10])
        raise InputFileError(f"there is no tune X:{tune}", where=name, fix=f"The file has {shown}")
    begin = starts[0] if tune is None else starts[numbers.index(tune)]
    end = begin + 1
    while end < len(lines) and lines[end].text and not lines[end].text.startswith("X:"):
        end += 1
    head = lines[: starts[0]]
    return [x for x in head if re.match(r"[A-Zs-w]:|%%", x.text)], lines[begin:end]


def _tune_number(text: str) -> int | None:
    match = re.match(r"X:\s*(\d{1,9})", text)
    return int(match[1]) if match else None


def _strip_comment(text: str) -> str:
    """The line without its comment; a percent sign may be escaped or stand in quotes."""
    if "%" not in text:
        return text
    quoted = False
    for i, character in enumerate(text):
        if character == '"':
            quoted = not quoted
        elif character == "%" and not quoted and (i == 0 or text[i - 1] != "\\"):
            return text[:i].rstrip()
    return text


def _read_header(state: Tune, lines: list[Line], name: str) -> list[Line]:
    """Read fields up to the last K: of the header; gives the lines of the body."""
    for i, line in enumerate(lines):
        if line.text.startswith("%%"):
            _directive(state, line)
            continue
        match = _FIELD.match(_strip_comment(line.text))
        if match is None:
            if line.text.strip() and not line.text.startswith("%"):
                state.passed_over["header lines that are no field"] += 1
            continue
        _guarded(_header_field, state, line, name)
        if match[1] == "K":
            return lines[i + 1 :]
    where = f"{name}, line {lines[-1].number}"
    raise InputFileError("the tune has no K: line", where=where, fix="Add its key, for example K:C")


def _directive(state: Tune, line: Line) -> None:
    match = re.match(r"%%\s*(score|staves)\s+(.*)", line.text)
    if match:
        state.grouping = parse_score_directive(match[2])


def _header_field(state: Tune, line: Line) -> None:
    match = _FIELD.match(_strip_comment(line.text))
    assert match is not None
    letter, value = match[1], match[2].strip()
    _check_field(value)
    if letter == "T" and value:
        state.titles.append(value)
    elif letter == "C":
        state.composer = state.composer or value
    elif letter == "M":
        state.meter = fields.parse_meter(value)
        state.meters[Fraction(0)] = state.meter
    elif letter == "L":
        state.unit = fields.parse_length(value)
    elif letter == "Q":
        state.tempo_text = value
    elif letter == "V":
        _voice_field(state, value)
    elif letter == "U":
        _user_symbol(state, value)
    elif letter == "K":
        state.key = fields.parse_key(value)
        if state.key.stated:
            state.keys[Fraction(0)] = state.key
        if state.tempo_text:
            tempo = fields.parse_tempo(state.tempo_text, state.unit_length)
            if tempo is not None:
                state.tempi[Fraction(0)] = tempo
        if state.settings:
            state.current = next(iter(state.settings))


def _check_field(value: str) -> None:
    if len(value) > _MAX_FIELD:
        raise ValueError(f"a field of more than {_MAX_FIELD} characters")


def _user_symbol(state: Tune, value: str) -> None:
    match = re.fullmatch(r"([H-Wh-w~])\s*=\s*[!+]?([^!+]*)[!+]?", value)
    if match:
        state.symbols[match[1]] = match[2].strip()


def _voice_field(state: Tune, value: str) -> None:
    voice, settings = fields.parse_voice(value)
    if voice not in state.settings:
        if len(state.settings) >= _MAX_VOICES:
            raise ValueError(f"more than {_MAX_VOICES} voices")
        state.settings[voice] = settings
    elif settings != fields.VoiceSettings():
        state.settings[voice] = settings
        if voice in state.readers:
            state.apply_settings(state.readers[voice], settings)
    state.current = voice


def _body_line(state: Tune, line: Line) -> None:
    if line.text.startswith("%%"):
        _directive(state, line)
        return
    text = _strip_comment(line.text)
    match = _FIELD.match(text)
    if match is not None:
        _body_field(state, match[1], match[2].strip() if match[1] != "w" else match[2])
        return
    if not text.strip():
        return
    # Fields inside the line may change the voice, so the line's start is told to each reader.
    fresh: set[str] = set()
    for token in tokens(text):
        if state.current not in fresh:
            fresh.add(state.current)
            if state.current not in state.continued:
                state.reader().start_line()
                state.verses[state.current] = 0
        _token(state, state.reader(), token)
    if state.reader().in_chord():
        raise ValueError("a chord [ is not closed")
    state.reader().grace("}")
    state.continued.discard(state.current)
    if text.endswith("\\"):
        state.continued.add(state.current)


def _body_field(state: Tune, letter: str, value: str) -> None:
    if letter == "w":
        state.verses[state.current] += 1
        verse = str(state.verses[state.current])
        lost = state.reader().sing(parse_words(value.lstrip()), verse)
        state.passed_over["syllables without a note"] += lost
        return
    _check_field(value)
    if letter == "V":
        _voice_field(state, value)
        state.reader()
    elif letter == "U":
        _user_symbol(state, value)
    elif letter in "KMLQ":
        _change(state, letter, value)


def _change(state: Tune, letter: str, value: str) -> None:
    """A key, meter, unit length or tempo that changes inside the tune."""
    reader = state.reader()
    if letter == "K":
        key = fields.parse_key(value)
        state.apply_settings(reader, key.settings)
        if key.stated:
            reader.key = key
            state.keys.setdefault(reader.time, key)
    elif letter == "M":
        meter = fields.parse_meter(value)
        state.meter = meter
        state.meters.setdefault(reader.time, meter)
    elif letter == "L":
        reader.unit = fields.parse_length(value)
    else:
        tempo = fields.parse_tempo(value, reader.unit)
        if tempo is not None:
            state.tempi.setdefault(reader.time, tempo)


def _token(state: Tune, reader: VoiceReader, token: Token) -> None:
    """Hand one sign to the voice."""
    kind = token.kind
    if kind == "note":
        reader.note(token)
    elif kind == "rest":
        reader.rest(length_factor(token["rnum"], token["rslash"], token["rden"]))
    elif kind == "bar_rests":
        _bar_rests(state, reader, token)
    elif kind == "bar":
        if reader.in_chord():
            raise ValueError(f"column {token.column}: a chord [ is not closed before the bar line")
        reader.bar(token["line"], token["bar_ending"])
    elif kind == "ending":
        reader.ending(token["numbers"])
    elif kind == "chord":
        reader.chord_start()
    elif kind == "chord_end":
        reader.chord_end(token)
    elif kind == "broken":
        reader.broken(token.text)
    elif kind == "tuplet":
        beats, beat_type = state.meter or (4, 4)
        reader.tuplet(token, compound=beat_type == 8 and beats in (6, 9, 12))
    elif kind == "grace":
        reader.grace(token.text)
    elif kind == "overlay":
        reader.overlay()
    elif kind == "decoration":
        name = token["deco"] or token["plus"] or token["sign"]
        reader.decorate(state.symbols.get(name, name))
    elif kind == "field":
        _body_field(state, token["letter"], token["value"].strip())
    elif kind == "quoted":
        state.passed_over["chord symbols and annotations"] += 1


def _bar_rests(state: Tune, reader: VoiceReader, token: Token) -> None:
    digits = token["count"] or "1"
    if len(digits) > 4 or not 1 <= int(digits) <= _MAX_BAR_RESTS:
        raise ValueError(f"a rest of {digits[:10]} bars; at most {_MAX_BAR_RESTS} are read")
    beats, beat_type = state.meter or (4, 4)
    reader.bar_rests(int(digits), Fraction(4 * beats, beat_type))


def _build(state: Tune) -> Score:
    """The score of everything that was read."""
    for voice in state.settings:
        if voice not in state.readers:
            state.current = voice
            state.reader()
    end = max((r.time for r in state.readers.values()), default=Fraction(0))
    if end > MAX_QUARTERS:
        raise InputFileError(f"the tune is longer than {MAX_QUARTERS} quarters")
    parts, places = assign_parts(state.readers, state.settings, state.key, state.grouping)
    notes = [
        note
        for voice, reader in state.readers.items()
        for note in _voice_notes(reader, *places[voice])
    ]
    warnings = [f"{n} {what} were left out" for what, n in state.passed_over.items() if n]
    longest = max(state.readers.values(), key=lambda r: (r.time, len(r.bar_lines)))
    if len({r.time for r in state.readers.values() if r.events}) > 1:
        warnings.append("the voices have different lengths")
    score = Score(
        parts,
        sort_notes(notes),
        (),
        tuple(TimeSignature(t, *m) for t, m in sorted(state.meters.items()) if m),
        tuple(KeySignature(t, k.fifths, k.mode) for t, k in sorted(state.keys.items())),
        tuple(Tempo(t, q) for t, q in sorted(state.tempi.items())),
        " / ".join(state.titles[:1]),
        state.composer,
        tuple(warnings),
    )
    return with_measures(score, longest.bar_lines)


def _voice_notes(reader: VoiceReader, part: str, staff: int, voice: str) -> list[Note]:
    return [
        Note(
            event.onset,
            event.duration,
            head.spelling.midi,
            part,
            head.spelling,
            staff,
            voice if event.layer == 1 else f"{voice}.{event.layer}",
            tie_start=head.tie_start,
            tie_stop=head.tie_stop,
            fermata=event.fermata,
            grace=event.grace,
            lyrics=tuple(event.lyrics) if i == 0 else (),
            articulations=event.marks,
        )
        for event in reader.events
        for i, head in enumerate(event.heads)
    ]
