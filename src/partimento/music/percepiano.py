"""Clips of PercePiano (Park et al. 2024): performances, their scores, labels and rater rows.

The layout is that of the published archive: ``performances/``, ``score_midi/`` and ``score_xml/``,
with files named ``piece_Nbars_PERFORMER_SEGMENT``; a score bears ``Score`` in the place of the
performer.  Folders of other clips in this layout are read alike, with or without scores.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from partimento.core.errors import DataError
from partimento.core.limits import DATA_BYTES, read_limited
from partimento.music.dimensions import DIMENSIONS
from partimento.music.passages import passage_groups

__all__ = [
    "Clip",
    "Ratings",
    "passage_groups",
    "read_clips",
    "read_deviations",
    "read_labels",
    "read_ratings",
]

PERFORMANCES, SCORE_MIDI, SCORE_XML = "performances", "score_midi", "score_xml"
MIDI_ENDINGS = (".mid", ".midi")
XML_ENDINGS = (".musicxml", ".xml", ".mxl")
LABELS, DEVIATIONS, RATINGS = "labels_mean.json", "labels_std.json", "ratings.csv"
DEADPAN = "Score"
"""A performer whose name begins so is the score played by rules of no expression."""
SCALE = 7
"""Raters answer 1 to 7; labels are their answers divided by seven."""
_NAME = re.compile(r"(?P<piece>.+)_(?P<bars>\d{1,4})bars_(?P<performer>[^_]+)_(?P<segment>[^_]+)")
_VARIATION = re.compile(r"_(?:thema|theme|var\d+)$", re.IGNORECASE)
_MAX_FILES = 100_000


@dataclass(frozen=True, slots=True)
class Clip:
    """One performance of a passage.

    ``key`` is the file name without its ending, as in the labels.  ``passage`` names the piece,
    bars and segment; a file whose name is not of the known form is a passage and a work of its
    own by nobody, with 0 ``bars``.  ``deadpan``: rendered from the score without expression.
    """

    key: str
    performance: Path
    score: Path | None
    score_midi: Path | None
    work: str
    passage: str
    performer: str
    bars: int
    deadpan: bool


@dataclass(frozen=True, slots=True)
class Ratings:
    """Answers of single raters: ``clips`` (R,) keys, ``raters`` (R,), ``values`` (R, 19).

    The values are divided by seven like the labels; an answer that is missing or outside 1..7 is
    NaN.
    """

    clips: tuple[str, ...]
    raters: tuple[str, ...]
    values: np.ndarray


def read_clips(folder: str | Path) -> list[Clip]:
    """The clips of a folder with ``performances/``, or that holds such a folder, by key.

    A folder that has MIDI files of its own is taken for the performances.

    Raises DataError where there are none.
    """
    root = _root(Path(folder))
    inner = root / PERFORMANCES
    files = _files(inner if inner.is_dir() else root, MIDI_ENDINGS)
    if not files:
        raise DataError(
            "there are no performances here",
            where=str(folder),
            fix=f"Give a folder that holds {PERFORMANCES}/ with MIDI files",
        )
    sheets = _by_passage(_files(root / SCORE_XML, XML_ENDINGS))
    rendered = _by_passage(_files(root / SCORE_MIDI, MIDI_ENDINGS))
    keys = [path.stem.strip() for path in files]
    clips = [
        # Two names that differ in white space only keep it.
        _clip(path, path.stem if keys.count(key) > 1 else key, sheets, rendered)
        for path, key in zip(files, keys, strict=True)
    ]
    return sorted(clips, key=lambda clip: clip.key)


def _root(folder: Path) -> Path:
    """The folder itself, or the one inside it that has the performances."""
    if not folder.is_dir():
        raise DataError("there is no such folder", where=str(folder))
    if (folder / PERFORMANCES).is_dir():
        return folder
    inside = sorted(p.parent for p in folder.glob(f"*/{PERFORMANCES}") if p.is_dir())
    if len(inside) > 1:
        names = ", ".join(path.name for path in inside[:5])
        raise DataError(
            f"several folders here hold performances ({names})",
            where=str(folder),
            fix="Give one of them",
        )
    if not inside and (folder / "clips.tar.xz").is_file() and not _files(folder, MIDI_ENDINGS):
        raise DataError(
            "the clips are still packed",
            where=str(folder),
            fix="Run partimento data add percepiano FOLDER, and give the folder that it prints",
        )
    return inside[0] if inside else folder


def _files(folder: Path, endings: tuple[str, ...]) -> list[Path]:
    """Visible files of a folder with one of these endings, in any case, by name."""
    if not folder.is_dir():
        return []
    found = sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in endings and not path.name.startswith(".") and path.is_file()
    )
    if len(found) > _MAX_FILES:
        raise DataError(f"there are more than {_MAX_FILES} files here", where=str(folder))
    return found


def _by_passage(files: list[Path]) -> dict[tuple[str, ...], Path]:
    return {_passage_key(path.stem): path for path in reversed(files)}


def _passage_key(stem: str) -> tuple[str, ...]:
    """Piece, bars and segment, whatever their case and leading zeros; else the whole name."""
    match = _NAME.fullmatch(stem.strip())
    if match is None:
        return (stem.strip().lower(),)
    segment = match["segment"].lower().lstrip("0")
    return match["piece"].lower(), match["bars"].lstrip("0"), segment


def _clip(
    path: Path,
    key: str,
    sheets: Mapping[tuple[str, ...], Path],
    rendered: Mapping[tuple[str, ...], Path],
) -> Clip:
    match, place = _NAME.fullmatch(key.strip()), _passage_key(key)
    score, score_midi = sheets.get(place), rendered.get(place)
    if match is None:
        return Clip(key, path, score, score_midi, key, key, "", 0, False)
    piece, performer = match["piece"], match["performer"]
    return Clip(
        key,
        path,
        score,
        score_midi,
        work=_VARIATION.sub("", piece),
        passage=f"{piece}_{match['bars']}bars_{match['segment']}",
        performer=performer,
        bars=int(match["bars"]),
        deadpan=performer.lower().startswith(DEADPAN.lower()),
    )


def read_labels(path: str | Path) -> dict[str, np.ndarray]:
    """Mean label (19,) in 0..1 of every key, in the order of the dimensions.

    Raises DataError for another layout or values outside 0..1.
    """
    return _read_values(path, "labels")


def read_deviations(path: str | Path) -> dict[str, np.ndarray]:
    """Standard deviation (19,) over the raters of every key, on the scale of the labels.

    Raises DataError for another layout or values outside 0..1.
    """
    return _read_values(path, "deviations")


def _read_values(path: str | Path, what: str) -> dict[str, np.ndarray]:
    """A JSON object key -> 19 numbers; what follows them (the pianist's number) is left out."""
    try:
        content = json.loads(read_limited(path, DATA_BYTES))
    except (ValueError, RecursionError) as error:
        raise DataError("this is no JSON", where=str(path)) from error
    if not isinstance(content, dict) or not content:
        raise DataError(f"this is no table of {what}: an object key -> numbers", where=str(path))
    exact = {key for key in content if key == key.strip()}
    table: dict[str, np.ndarray] = {}
    for key, row in content.items():
        # The published labels have a key with a white space in front.
        name = key if key.strip() in exact else key.strip()
        table[name] = _row(row, key, f"{path}")
    return table


def _row(row: Any, key: str, where: str) -> np.ndarray:
    size = len(DIMENSIONS)
    numbers = row[:size] if isinstance(row, list) else []
    if len(numbers) < size or any(type(value) not in (int, float) for value in numbers):
        raise DataError(f"{key[:80]!r} has no {size} numbers", where=where)
    values = np.array(numbers, dtype=np.float64)
    if not ((values >= 0.0) & (values <= 1.0)).all():
        raise DataError(f"{key[:80]!r} has values outside 0..1", where=where)
    return values


def read_ratings(path: str | Path) -> Ratings:
    """The rows of single raters, from a CSV with ``user``, ``filename`` and the questions.

    The first 19 columns named ``Question...`` are the dimensions in their order.  A row with an
    answer above 7 is left out, an answer of 0 is missing: so the means over the rows of a clip are
    the published labels, for every clip.

    Raises DataError for another layout.
    """
    text = read_limited(path, DATA_BYTES).decode("utf-8-sig", errors="replace")
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        rows = list(reader)
    except csv.Error as error:
        raise DataError(f"this is no CSV ({error})", where=str(path)) from error
    columns = [name for name in reader.fieldnames or () if name.startswith("Question")]
    columns = columns[: len(DIMENSIONS)]
    if len(columns) < len(DIMENSIONS) or not {"user", "filename"} <= set(reader.fieldnames or ()):
        raise DataError(
            f"this table needs user, filename and {len(DIMENSIONS)} columns Question...",
            where=str(path),
        )
    named = [row for row in rows if row["filename"]]
    table = np.array([[_number(row[name]) for name in columns] for row in named])
    table = table.reshape(len(named), len(columns))
    kept = np.flatnonzero(~(table > SCALE).any(axis=1))
    answers = table[kept]
    return Ratings(
        tuple(Path(named[i]["filename"]).stem.strip() for i in kept),
        tuple(str(named[i]["user"]) for i in kept),
        np.where(answers >= 1, answers, np.nan) / SCALE,
    )


def _number(text: str | None) -> float:
    """A number; NaN for none and for remarks."""
    try:
        return float(text or "")
    except ValueError:
        return float("nan")
