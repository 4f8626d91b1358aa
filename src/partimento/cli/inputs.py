"""From the words on the command line to the files meant: files, folders, globs."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path

from partimento.core.errors import InputFileError

SCORE_SUFFIXES = (".musicxml", ".xml", ".mxl", ".mid", ".midi", ".abc", ".krn")


def expand(words: Sequence[str]) -> list[Path]:
    """The files meant by ``words``, each once, in the order given.

    A folder stands for the score files in it, sorted by name; a glob for its matches.  A word
    that is neither stays as it is, so that reading it says what is wrong.

    Raises InputFileError for a folder without scores and a glob without matches.
    """
    files: dict[Path, None] = {}
    for word in words:
        files.update(dict.fromkeys(_expand_one(word)))
    return list(files)


def _expand_one(word: str) -> list[Path]:
    path = Path(word)
    if path.is_dir():
        return _scores_in(path)
    if path.exists() or not glob.has_magic(word):
        return [path]
    matches = [Path(match) for match in sorted(glob.glob(word, recursive=True))]
    if not matches:
        raise InputFileError("no file matches this pattern", where=word)
    files = [match for match in matches if match.is_file()]
    folders = [match for match in matches if match.is_dir()]
    return files + [file for folder in folders for file in _scores_in(folder)]


def _scores_in(folder: Path) -> list[Path]:
    files = sorted(
        file
        for file in folder.iterdir()
        if file.suffix.lower() in SCORE_SUFFIXES and not file.name.startswith(".")
    )
    if not files:
        raise InputFileError(
            "this folder holds no score",
            where=str(folder),
            fix=f"Known: {' '.join(SCORE_SUFFIXES)}",
        )
    return files


def stem(path: Path) -> str:
    """Name for the outputs of a file: its own without the extension."""
    return path.stem or "score"
