"""``listen``: what is heard in files."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from partimento.core.errors import InputFileError, PartimentoError
from partimento.core.progress import Progress
from partimento.music.audio import SOUND_SUFFIXES, Sound
from partimento.tasks.audio2visual.hearing import MUSIC_SUFFIXES, read_any
from partimento.tasks.audio2visual.interface import Heard

if TYPE_CHECKING:
    from partimento.tasks.audio2visual.interface import SoundModel

DEFAULT_WEIGHTS = "audio2visual"
LISTENED_SUFFIXES = (*SOUND_SUFFIXES, *MUSIC_SUFFIXES)
"""Endings of the files that a folder is searched for."""


@dataclass(frozen=True, slots=True)
class HeardFile:
    """What was heard in one file."""

    path: str
    heard: Heard
    seconds: float
    warnings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON form: the file, what was heard in it, how long it is, what to mind."""
        return {
            "input": self.path,
            **self.heard.to_dict(),
            "seconds": round(self.seconds, 3),
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True, slots=True)
class FailedFile:
    """A file that could not be heard, and why."""

    path: str
    error: PartimentoError


@dataclass(frozen=True, slots=True)
class Listened:
    """All files in the order given: those that were heard, and those that could not be."""

    entries: tuple[HeardFile | FailedFile, ...]

    @property
    def files(self) -> tuple[HeardFile, ...]:
        """Those that were heard."""
        return tuple(e for e in self.entries if isinstance(e, HeardFile))

    @property
    def failed(self) -> tuple[FailedFile, ...]:
        """Those that could not be."""
        return tuple(e for e in self.entries if isinstance(e, FailedFile))

    def reports(self) -> list[dict[str, Any]]:
        """JSON form of the files that were heard."""
        return [file.to_dict() for file in self.files]


def listen(
    source: str | Path | Sound | Sequence[str | Path | Sound],
    *,
    weights: str | Path | SoundModel = DEFAULT_WEIGHTS,
    progress: Progress | None = None,
) -> Listened:
    """What is heard in sound files, written music, folders of them, globs, or sounds in memory.

    One label of the model per file, with a calibrated confidence, the three likeliest, and whether
    the sound is like none that the model knows.  A file that cannot be read does not stop the
    others; a single one raises its error.

    Raises InputFileError for a folder without sounds, a glob without matches and a single file that
    cannot be read.
    """
    given = [source] if isinstance(source, str | Path | Sound) else list(source)
    wanted = sound_files(given)
    model = _model(weights)
    entries: list[HeardFile | FailedFile] = []
    for number, item in enumerate(wanted):
        name = item.source if isinstance(item, Sound) else str(item)
        try:
            sound = item if isinstance(item, Sound) else read_any(item)
            (heard,) = model.listen([sound])
            entries.append(HeardFile(name, heard, sound.seconds, sound.warnings))
        except PartimentoError as error:
            if len(wanted) == 1:
                raise
            entries.append(FailedFile(name, error))
        if progress is not None:
            progress(number + 1, len(wanted), "files")
    return Listened(tuple(entries))


def _model(weights: str | Path | SoundModel) -> SoundModel:
    if not isinstance(weights, str | Path):
        return weights
    from partimento.tasks.audio2visual.loading import load_sound_model

    return load_sound_model(weights)


def sound_files(given: Sequence[str | Path | Sound]) -> list[Path | Sound]:
    """The files meant by paths, folders and globs, each once, in the order given.

    A folder stands for the sounds and the written music in it, by name.  A word that is neither
    folder nor glob stays, so that reading it says what is wrong.

    Raises InputFileError for a folder without such files and for a glob without matches.
    """
    found: list[Path | Sound] = []
    seen: set[Path] = set()
    for item in given:
        for one in [item] if isinstance(item, Sound) else _expanded(item):
            if isinstance(one, Sound):
                found.append(one)
            elif one not in seen:
                seen.add(one)
                found.append(one)
    return found


def _expanded(word: str | Path) -> list[Path]:
    path = Path(word)
    if path.is_dir():
        return _sounds_in(path)
    if path.exists() or not glob.has_magic(str(word)):
        return [path]
    matches = [Path(match) for match in sorted(glob.glob(str(word), recursive=True))]
    if not matches:
        raise InputFileError("no file matches this pattern", where=str(word))
    files = [match for match in matches if match.is_file()]
    folders = [match for match in matches if match.is_dir()]
    return files + [file for folder in folders for file in _sounds_in(folder)]


def _sounds_in(folder: Path) -> list[Path]:
    files = sorted(
        file
        for file in folder.iterdir()
        if file.suffix.lower() in LISTENED_SUFFIXES and not file.name.startswith(".")
    )
    if not files:
        raise InputFileError(
            "this folder holds no sound",
            where=str(folder),
            fix=f"Known: {' '.join(LISTENED_SUFFIXES)}",
        )
    return files
