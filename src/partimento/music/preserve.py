"""How much of the given music is found unchanged in a result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace

from partimento.music.grid import VOICE_LONG_NAMES, VOICES
from partimento.music.satb import Satb
from partimento.music.score import Measure, Note, Score

Found = tuple[int, int, list[str]]


def _place(note: Note) -> tuple[Hashable, ...]:
    return note.onset_quarter, note.grace, note.midi


_NOTE_ASPECTS: dict[str, Callable[[Note], Hashable]] = {
    "pitches": _place,
    "rhythm": lambda n: (n.onset_quarter, n.grace, n.duration_quarter),
    "spelling": lambda n: (*_place(n), n.spelling),
    "ties": lambda n: (*_place(n), n.tie_start, n.tie_stop),
    "fermatas": lambda n: (*_place(n), n.fermata),
    "lyrics": lambda n: (*_place(n), n.lyrics),
    "articulations": lambda n: (*_place(n), tuple(sorted(n.articulations))),
}


def preserved(score_in: Score, satb: Satb, score_out: Score) -> dict[str, float]:
    """Shares between 0 and 1 of what was given and is found again in a result.

    ``share`` is that of all given things (notes with everything on them, measures, signatures,
    tempi, title) that are the same in the result.  The other entries look at one side of them:
    pitches, rhythm, spelling, ties, fermatas, lyrics and articulations of the given written notes;
    measures (with pickup and repeats), time_signatures, key_signatures, tempi, title.

    ``score_out`` has four parts S, A, T, B or two parts with two voices each, as written by
    :func:`~partimento.music.assemble.assemble` (it may have been saved and read again).  Spellings
    count only where the input has them.

    ValueError when the voices of ``score_out`` cannot be told.
    """
    voices = output_voices(score_out)
    shares: dict[str, float] = {"share": 1.0}
    for name, view in _NOTE_ASPECTS.items():
        pairs = [_views(view, satb.notes[v], voices[v], name) for v in range(VOICES)]
        shares[name] = _share(_found(a, b) for a, b in pairs)
    for name, given, kept in _metadata(score_in, score_out):
        shares[name] = _share([_found(given, kept)])
    shares["share"] = _share(found for _, found in _all_things(score_in, satb, score_out))
    return shares


def missing_things(score_in: Score, satb: Satb, score_out: Score) -> list[str]:
    """What :func:`preserved` does not find again, one line each; empty when all is kept."""
    found = _all_things(score_in, satb, score_out)
    return [f"{name}: {text}" for name, (_, _, lost) in found for text in lost]


def _all_things(score_in: Score, satb: Satb, score_out: Score) -> list[tuple[str, Found]]:
    """Every given thing once: whole notes per voice, and what is no note."""
    voices = output_voices(score_out)
    things = [
        (name.lower(), _found(*_views(_everything, satb.notes[v], voices[v], "all")))
        for v, name in enumerate(VOICE_LONG_NAMES)
    ]
    metadata = _metadata(score_in, score_out)
    return things + [(name, _found(given, kept)) for name, given, kept in metadata]


def output_voices(score: Score) -> tuple[tuple[Note, ...], ...]:
    """Notes of soprano, alto, tenor and bass of an output score, in score order.

    Four parts are the voices in order; otherwise two staves (of one part or two) have two voices
    each, the lower voice number first.  ValueError for any other layout.
    """
    if len(score.parts) == VOICES:
        return tuple(score.part_notes(part.id) for part in score.parts)
    staves = [(p.id, staff) for p in score.parts for staff in range(1, p.staves + 1)]
    if len(staves) != 2:
        raise ValueError(f"{len(score.parts)} parts with {len(staves)} staves are no output score")
    found: list[tuple[Note, ...]] = []
    for part, staff in staves:
        own = [n for n in score.part_notes(part) if n.staff == staff]
        names = sorted({n.voice for n in own}, key=lambda v: (len(v), v))
        found += [tuple(n for n in own if n.voice == name) for name in names[:2]]
        found += [()] * (2 - len(names))
    return tuple(found)


def _everything(note: Note) -> Hashable:
    return tuple(view(note) for view in _NOTE_ASPECTS.values())


def _views(
    view: Callable[[Note], Hashable], given: Iterable[Note], kept: Iterable[Note], aspect: str
) -> tuple[list[Hashable], list[Hashable]]:
    """Both sides as comparable values; a given note without spelling does not ask for one."""
    given, kept = list(given), list(kept)
    if aspect in ("spelling", "all") and not any(n.spelling for n in given):
        kept = [replace(n, spelling=None) for n in kept]
    return [view(n) for n in given], [view(n) for n in kept]


def _found(given: Sequence[Hashable], kept: Sequence[Hashable]) -> Found:
    """Numbers found and asked for, and what is missing in words."""
    left = Counter(kept)
    lost = []
    for item in given:
        if left[item]:
            left[item] -= 1
        else:
            lost.append(str(item))
    return len(given) - len(lost), len(given), lost


def _share(results: Iterable[Found]) -> float:
    counts = [(found, asked) for found, asked, _ in results]
    asked = sum(a for _, a in counts)
    return sum(f for f, _ in counts) / asked if asked else 1.0


def _metadata(
    score_in: Score, score_out: Score
) -> Iterable[tuple[str, list[Hashable], list[Hashable]]]:
    """Name, given values and values found of everything that is no note."""
    yield (
        "measures",
        [_measure_view(m) for m in score_in.measures] if score_in.measures else [],
        [_measure_view(m) for m in score_out.measures],
    )
    yield "time_signatures", list(score_in.time_signatures), list(score_out.time_signatures)
    yield (
        "key_signatures",
        [(k.onset_quarter, k.fifths) for k in score_in.key_signatures],
        [(k.onset_quarter, k.fifths) for k in score_out.key_signatures],
    )
    yield (
        "tempi",
        [(t.onset_quarter, round(t.quarter_per_minute, 2)) for t in score_in.tempi],
        [(t.onset_quarter, round(t.quarter_per_minute, 2)) for t in score_out.tempi],
    )
    yield (
        "title",
        [score_in.title] if score_in.title else [],
        [score_out.title],
    )


def _measure_view(measure: Measure) -> Hashable:
    """What a measure must keep; a plain final bar line may be added."""
    return (
        measure.onset_quarter,
        measure.duration_quarter,
        measure.number,
        measure.implicit,
        measure.repeat_start,
        measure.repeat_end,
        measure.endings,
    )
