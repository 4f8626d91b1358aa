"""How far measured attributes can be trusted: against what people wrote, and against chance.

``python -m partimento.tasks.text2midi.attribute_validity --data abc_tunes mutopia --out FILE``

Stated facts: K:, M: and Q: of the tunes; the index of Mutopia has numbers that another program
took from the same files.  Shapes: N pieces.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from partimento.core.errors import DataError, InputFileError
from partimento.core.files import write_atomic
from partimento.core.limits import DATA_BYTES, read_limited
from partimento.music.abc import read_abc
from partimento.music.attributes import (
    LEVELS,
    Attributes,
    key_profiles,
    measure,
    measured_numbers,
    pitch_class_weights,
)
from partimento.music.barpiece import TICKS, BarPiece
from partimento.music.keys import ALL_KEYS, Key
from partimento.music.mood import mood
from partimento.music.style_classifier import classify, shipped_model
from partimento.tasks.text2midi.corpus import INDEXES, read_corpus
from partimento.tasks.text2midi.interface import CorpusPiece
from partimento.tasks.text2midi.intervals import mean_interval
from partimento.tasks.text2midi.match import same_key, tempo_bin
from partimento.tasks.text2midi.pair_controls import pair_controls
from partimento.tasks.text2midi.style_fit import style_figures

BARS = 16
"""Length of the stretch that is compared with its piece."""
_KEY_FIELD = re.compile(r"\s*([A-G])([#b]?)\s*([A-Za-z]*)")
_MINOR = ("m", "min", "dor", "aeo", "phr")
_SPEED = re.compile(r"\s*(\d+)/(\d+)\s*=\s*(\d+(?:\.\d+)?)")
_METER_WORDS = {"C": "4/4", "C|": "2/2"}
_OTHERS = {"density": "dens", "polyphony": "poly", "register": "pmean", "dynamics": "vel"}
"""Our name -> name in the index of Mutopia."""

Stated = Mapping[str, Mapping[str, Any]]
"""Path of a MIDI file without its ending -> row of the index."""


def stated_facts(source: str | Path) -> dict[str, Mapping[str, Any]]:
    """Rows of the index of a folder, by the ids of :func:`read_corpus`.

    Raises DataError where the folder has no index.
    """
    for folder in (Path(source), *sorted(Path(source).glob("*/"))):
        for name in INDEXES:
            if (folder / name).is_file():
                rows = json.loads(read_limited(folder / name, DATA_BYTES))
                return {str(row.get("id", Path(row["midi"]).stem)): row for row in rows}
    raise DataError(
        "there is no index here", where=str(source), fix="Give the unpacked folder of the data"
    )


def stated_key(text: str) -> str | None:
    """Key of a K: field as one of 24: dorian, aeolian and phrygian count as minor.

    >>> stated_key("Ador"), stated_key("D Mix"), stated_key("none")
    ('A minor', 'D major', None)
    """
    found = _KEY_FIELD.match(text)
    if found is None:
        return None
    mode = "minor" if found[3].lower()[:3] in _MINOR else "major"
    return f"{found[1]}{found[2]} {mode}"


def stated_tempo(text: str) -> float | None:
    """Quarters a minute of a Q: field; None without a unit, which programs read differently.

    >>> stated_tempo("3/8=120")
    180.0
    """
    found = _SPEED.match(text)
    if found is None or int(found[2]) == 0:
        return None
    return 4.0 * int(found[1]) / int(found[2]) * float(found[3])


def stated_beginning(abc: str, bar: int) -> float | None:
    """Ticks of silence before the first note of a tune whose bars have ``bar`` ticks, as written.

    A first bar that is too short is a pickup.  None where the text cannot be read.
    """
    try:
        score = read_abc(abc)
    except InputFileError:
        return None
    written = float(score.measures[0].duration_quarter) * TICKS
    rest = float(min(note.onset_quarter for note in score.notes)) * TICKS
    return rest + max(0.0, bar - written)


def attribute_validity(
    pieces: Sequence[CorpusPiece], stated: Stated | None = None
) -> dict[str, Any]:
    """All figures: ``stated`` (K:, M:, Q:, bars), ``others`` (numbers of another program),
    ``stability`` (a stretch against its piece), ``chance`` (two pieces drawn at random), ``levels``
    (shares).

    Without ``stated`` rows, tempo and others are left out.  Every figure counts pieces.
    """
    stated = stated or {}
    measured = [measure(piece.sections[0]) for piece in pieces]
    return {
        "pieces": len(pieces),
        "stated": _against_fields(pieces, measured, stated),
        "others": _against_others(pieces, stated),
        "stability": _stability(pieces),
        "chance": _chance(pieces, measured),
        "levels": _level_shares(measured),
    }


def _against_fields(
    pieces: Sequence[CorpusPiece], measured: Sequence[Attributes], stated: Stated
) -> dict[str, Any]:
    """Shares of tunes whose measured key, mode, meter and tempo are the written ones."""
    hits: dict[str, list[tuple[bool, str]]] = {}
    for piece, found in zip(pieces, measured, strict=True):
        music = piece.sections[0]
        key = stated_key(piece.about.get("key", ""))
        if key is not None and found.key is not None:
            profile = plain_profile_key(music)
            rows = {
                "key": same_key(key, found.key),
                "mode": key.split()[1] == found.mode,
                "key, profiles alone": same_key(key, profile),
                "mode, profiles alone": key.split()[1] == profile.split()[1],
            }
            for name, hit in rows.items():
                hits.setdefault(f"{name}, {piece.part}", []).append((hit, piece.group))
        meter = piece.about.get("meter", "").partition("%")[0].strip()
        if meter:
            same = _METER_WORDS.get(meter, meter) == music.meter
            hits.setdefault("meter", []).append((same, piece.group))
        begin = stated_beginning(str(stated.get(piece.id, {}).get("abc", "")), music.bar_ticks)
        if begin is not None:
            right = abs(begin - int(music.onset[0])) < 1
            hits.setdefault("pickup", []).append((right, piece.group))
        tempo = stated_tempo(str(stated.get(piece.id, {}).get("tempo", "")))
        if tempo is not None:
            near = abs(music.tempo_bpm / tempo - 1.0) < 0.01
            hits.setdefault("tempo", []).append((near and music.tempo_stated, piece.group))
    return {name: _share(row) for name, row in sorted(hits.items())}


def _share(hits: Sequence[tuple[bool, str]]) -> dict[str, Any]:
    """Share of hits with its interval; groups of near-duplicates are drawn together."""
    values = [float(hit) for hit, _ in hits]
    found = mean_interval(values, [group for _, group in hits], np.random.default_rng(0))
    return found.to_dict("share")


def plain_profile_key(piece: BarPiece) -> str:
    """Key by the profiles of Albrecht and Shanahan alone, without the last bass note."""
    weights = pitch_class_weights(piece)
    distance = ((key_profiles() - weights / max(1e-9, weights.sum())) ** 2).sum(1)
    return str(ALL_KEYS[int(distance.argmin())])


def _against_others(pieces: Sequence[CorpusPiece], stated: Stated) -> dict[str, Any]:
    """Rank correlation and mean difference to numbers of another program; its keys and meters."""
    ours: list[dict[str, float]] = []
    theirs: list[Mapping[str, Any]] = []
    hits: dict[str, list[tuple[bool, str]]] = {"key": [], "meter": [], "tempo": []}
    for piece in pieces:
        other = stated.get(piece.id, {}).get("attrs")
        if not isinstance(other, Mapping):
            continue
        ours.append(_whole_numbers(piece.sections))
        theirs.append(other)
        longest = max(piece.sections, key=lambda section: section.seconds)
        pitch_class, mode = other["key"]
        found = Key.parse(measure(longest).key or "C major")
        of_file = {
            "key": (found.tonic_pitch_class, found.mode) == (pitch_class, mode),
            "meter": any(section.meter == other["ts"] for section in piece.sections),
            "tempo": any(abs(s.tempo_bpm - other["tempo"]) < 1.0 for s in piece.sections),
        }
        for name, hit in of_file.items():
            hits[name].append((hit, piece.group))
    if not ours:
        return {}
    rows: dict[str, Any] = {}
    for name, key in _OTHERS.items():
        one = np.array([row[name] for row in ours])
        two = np.array([float(row[key]) for row in theirs])
        rows[name] = _agreement(one, two)
    return {**rows, **{name: _share(row) for name, row in hits.items()}}


def _whole_numbers(sections: Sequence[BarPiece]) -> dict[str, float]:
    """Numbers of all sections together, by their notes; density by their seconds."""
    notes = np.array([len(section) for section in sections], dtype=np.float64)
    seconds = sum(section.seconds for section in sections)
    rows = [measured_numbers(section) for section in sections]
    found = {n: float(np.average([row[n] for row in rows], weights=notes)) for n in rows[0]}
    return {**found, "density": float(notes.sum() / seconds)}


def _agreement(one: np.ndarray, two: np.ndarray) -> dict[str, Any]:
    """Spearman's correlation, None where all values of a side are equal, and differences."""
    vary = bool(np.ptp(one) > 0 and np.ptp(two) > 0)
    return {
        "spearman": float(np.corrcoef(_ranks(one), _ranks(two))[0, 1]) if vary else None,
        "mean_difference": float((one - two).mean()),
        "median_error": float(np.median(np.abs(one - two))),
        "n": len(one),
    }


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks (N,); equal values share their mean rank."""
    _, inverse, count = np.unique(values, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(count) - (count - 1) / 2.0
    ranks: np.ndarray = mean_rank[inverse]
    return ranks


_OF_MUSIC: dict[str, Callable[[BarPiece, Attributes], Hashable]] = {
    "key": lambda music, found: found.key,
    "mode": lambda music, found: found.mode,
    "style": lambda music, found: (classify(music) or ("",))[0],
    "valence": lambda music, found: mood(music).valence,
    "instruments": lambda music, found: frozenset(found.instruments),
    "main instrument": lambda music, found: found.instruments[:1],
}


def _values(music: BarPiece) -> dict[str, Hashable]:
    """What is compared between a stretch and its piece."""
    found = measure(replace(music, tempo_stated=True))
    levels = {name: getattr(found, name) for name in LEVELS}
    return {**{name: of(music, found) for name, of in _OF_MUSIC.items()}, **levels}


def _stability(pieces: Sequence[CorpusPiece]) -> dict[str, Any]:
    """Share of pieces of 32 bars and more whose middle 16 bars have the value of the whole.

    ``chance`` is the same between the stretch of one piece and the whole of another.
    """
    wholes, parts, groups = [], [], []
    for piece in pieces:
        music = piece.sections[0]
        middle = music.excerpt((music.bars - BARS) // 2, BARS) if music.bars >= 2 * BARS else None
        if middle is not None and len(middle) >= 8:
            wholes.append(_values(music))
            parts.append(_values(middle))
            groups.append(piece.group)
    rows: dict[str, Any] = {}
    for name in wholes[0] if wholes else ():
        same = [a[name] == b[name] for a, b in zip(wholes, parts, strict=True)]
        chance = _crossed([a[name] for a in wholes], [b[name] for b in parts])
        rows[name] = {**_share(list(zip(same, groups, strict=True))), "chance": chance}
    return rows


def _crossed(one: Sequence[Hashable], two: Sequence[Hashable]) -> float:
    """Probability that values drawn from either list are equal."""
    count, other = Counter(one), Counter(two)
    return sum(count[value] * other[value] for value in count) / (len(one) * len(two))


def _chance(pieces: Sequence[CorpusPiece], measured: Sequence[Attributes]) -> dict[str, Any]:
    """Probability that two different pieces agree, by corpus and over both."""
    columns: dict[str, list[Hashable]] = {
        name: [getattr(found, name) for found in measured]
        for name in ("key", "mode", "meter", "tempo_word", *LEVELS, "instruments")
    }
    columns["tempo_bin"] = [
        None if not p.sections[0].tempo_stated else tempo_bin(p.sections[0].tempo_bpm)
        for p in pieces
    ]
    columns["style"] = [piece.about.get("style") or None for piece in pieces]
    rows: dict[str, Any] = {}
    sources = [piece.source for piece in pieces]
    for source in (*sorted(set(sources)), "both"):
        mine = [source in ("both", own) for own in sources]
        rows[source] = {
            name: _same_of_two([v for v, kept in zip(column, mine, strict=True) if kept])
            for name, column in columns.items()
        }
    return rows


def _same_of_two(values: Sequence[Hashable]) -> float | None:
    """Probability that two of the known values are equal, drawn without putting back."""
    count = Counter(value for value in values if value is not None)
    total = sum(count.values())
    if total < 2:
        return None
    return sum(n * (n - 1) for n in count.values()) / (total * (total - 1))


def _level_shares(measured: Sequence[Attributes]) -> dict[str, dict[str, float]]:
    """Level -> share of the pieces."""
    rows = {}
    for name, words in LEVELS.items():
        count = Counter(getattr(found, name) for found in measured)
        rows[name] = {word: count[word] / max(1, len(measured)) for word in words}
    return rows


def _rounded(value: Any) -> Any:
    """Four digits are more than the intervals bear; short files are easier to compare."""
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, Mapping):
        return {str(key): _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(inner) for inner in value]
    return value


def main(arguments: Sequence[str] | None = None) -> None:
    """Write all figures of docs/attributes.md as JSON."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="unpacked folders")
    parser.add_argument("--out", type=Path, required=True, help="figures to write (.json)")
    options = parser.parse_args(arguments)
    pieces = [piece for source in options.data for piece in read_corpus(source)]
    stated = {k: row for source in options.data for k, row in stated_facts(source).items()}
    train = [piece for piece in pieces if piece.part == "train"]
    figures = {
        "validity": attribute_validity(pieces, stated),
        "style": style_figures(shipped_model(), pieces),
        "pairs": pair_controls(train),
    }
    write_atomic(options.out, json.dumps(_rounded(figures), indent=1) + "\n")
    print(f"figures of {len(pieces)} pieces: {options.out}")


if __name__ == "__main__":
    main()
