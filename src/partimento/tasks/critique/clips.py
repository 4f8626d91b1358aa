"""From the words of a user to clips: performances, and the score of each where it lies near."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path

from partimento.core.errors import InputFileError
from partimento.tasks.critique.interface import ClipFiles

MIDI_SUFFIXES = (".mid", ".midi")
SCORE_SUFFIXES = (".musicxml", ".mxl", ".xml")
PERFORMANCES, SCORES, SCORE_MIDI = "performances", "score_xml", "score_midi"
"""Folders of the PercePiano archive."""
_DEADPAN = ("Score", "Score2")
"""The name of the player in the names of the archive's scores."""

Source = str | Path | Sequence[str | Path]


def find_clips(source: Source, score: str | Path | None = None) -> list[ClipFiles]:
    """The clips meant by files, folders and globs, each once, in the order given.

    A folder stands for the MIDI files in it, or in its folder ``performances``.  ``score`` is the
    score of all of them; or a folder with scores of the same names as the performances.  Without
    it a score is looked for beside each performance (:func:`find_score`).

    Raises InputFileError for a folder without MIDI, a glob without matches, no word at all, and a
    score that does not exist.
    """
    words = [source] if isinstance(source, str | Path) else list(source)
    files: dict[Path, None] = {}
    for word in words:
        files.update(dict.fromkeys(_expand(str(word))))
    if not files:
        raise InputFileError("no performance is named", fix="Give a MIDI file or a folder of them")
    return [_clip(file, None if score is None else Path(score)) for file in files]


def find_score(performance: Path) -> ClipFiles:
    """A performance with the score that lies near, if any.

    That is a score of the same name in the same folder, or the passage's score in the layout of
    the PercePiano archive: ``performances/Work_8bars_PLAYER_SEGMENT.mid`` beside
    ``score_xml/Work_8bars_Score_SEGMENT.musicxml`` and ``score_midi/Work_8bars_Score_SEGMENT.mid``.
    """
    beside = _first(performance.parent, [performance.stem], SCORE_SUFFIXES)
    if beside is not None:
        return ClipFiles(performance, beside)
    archive = performance.resolve().parent
    if archive.name != PERFORMANCES:
        return ClipFiles(performance)
    names = _score_names(performance.stem)
    return ClipFiles(
        performance,
        _first(archive.parent / SCORES, names, SCORE_SUFFIXES),
        _first(archive.parent / SCORE_MIDI, names, MIDI_SUFFIXES),
    )


def _clip(performance: Path, score: Path | None) -> ClipFiles:
    if score is None:
        return find_score(performance)
    if score.is_dir():
        names = [performance.stem, *_score_names(performance.stem)]
        return _with(performance, _first(score, names, (*SCORE_SUFFIXES, *MIDI_SUFFIXES)))
    if not score.exists():
        raise InputFileError("this score does not exist", where=str(score))
    return _with(performance, score)


def _with(performance: Path, score: Path | None) -> ClipFiles:
    if score is not None and score.suffix.lower() in MIDI_SUFFIXES:
        return ClipFiles(performance, None, score)
    return ClipFiles(performance, score)


def _score_names(stem: str) -> list[str]:
    parts = stem.split("_")
    if len(parts) < 3:
        return []
    return ["_".join([*parts[:-2], player, parts[-1]]) for player in _DEADPAN]


def _first(folder: Path, names: Sequence[str], suffixes: Sequence[str]) -> Path | None:
    for name in names:
        for suffix in suffixes:
            path = folder / f"{name}{suffix}"
            if path.is_file():
                return path
    return None


def _expand(word: str) -> list[Path]:
    path = Path(word)
    if path.is_dir():
        return _midi_in(path)
    if path.exists() or not glob.has_magic(word):
        return [path]
    matches = [Path(match) for match in sorted(glob.glob(word, recursive=True))]
    files = [match for match in matches if match.suffix.lower() in MIDI_SUFFIXES]
    folders = [match for match in matches if match.is_dir()]
    if not files and not folders:
        raise InputFileError("no MIDI file matches this pattern", where=word)
    return files + [file for folder in folders for file in _midi_in(folder)]


def _midi_in(folder: Path) -> list[Path]:
    inner = folder / PERFORMANCES
    files = sorted(
        file
        for file in (inner if inner.is_dir() else folder).iterdir()
        if file.suffix.lower() in MIDI_SUFFIXES and not file.name.startswith(".")
    )
    if not files:
        raise InputFileError(
            "this folder holds no MIDI file",
            where=str(folder),
            fix=f"Performances lie in it, or in its folder {PERFORMANCES}",
        )
    return files
