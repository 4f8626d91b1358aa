"""The layouts of four-part data files, told by their content, and the ways between them.

* canonical: ``{split: [[[S, A, T, B], ...], ...]}``, one frame per 16th
* rich: ``{"pieces": [{"id", "split", "sharps", "mode", "time", "pickup16", "measures16", "voices",
  ...}]}``, voices are lists of ``[onset16, duration16, midi, fermata, tie, spelling]``
* openhymnal: ``{"pieces": [{"id", "time", "key", "grid"}]}``
* js_fakes: canonical with nothing but a part called train
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from partimento.core.errors import DataError
from partimento.music.grid import MAX_FRAMES, SILENCE, VOICES, canonical_splits, piece_grid

Form = Literal["canonical", "rich", "openhymnal", "js_fakes"]
_MAX_PIECES = 100_000


def recognise(content: Any, where: str) -> Form:
    """The form of parsed JSON; DataError naming the forms where it is none of them."""
    if isinstance(content, dict):
        pieces = content.get("pieces")
        if isinstance(pieces, list) and pieces and isinstance(pieces[0], dict):
            if "voices" in pieces[0]:
                return "rich"
            if "grid" in pieces[0]:
                return "openhymnal"
        if content and all(isinstance(v, list) for v in content.values()) and any(content.values()):
            return "js_fakes" if set(content) == {"train"} else "canonical"
    raise DataError(
        "this is none of the layouts that are known here",
        where=where,
        fix="Give the canonical JSON {split: [pieces]}, the rich JSON, Open Hymnal or JS Fakes",
    )


def check_form(content: Any, form: Form, where: str) -> dict[str, list[np.ndarray]]:
    """Grids by split of a file of this form, every frame checked.

    Raises DataError naming the piece that is wrong.
    """
    if form in ("canonical", "js_fakes"):
        return canonical_splits(content, where)
    pieces = content["pieces"]
    if len(pieces) > _MAX_PIECES:
        raise DataError(f"more than {_MAX_PIECES} pieces", where=where)
    splits: dict[str, list[np.ndarray]] = {}
    for i, piece in enumerate(pieces):
        place = f"{where}, pieces[{i}]"
        if not isinstance(piece, dict):
            raise DataError("a piece is no object", where=place)
        if form == "openhymnal":
            splits.setdefault("train", []).append(piece_grid(piece.get("grid"), place))
        else:
            grid = rich_grid(piece, place)
            splits.setdefault(str(piece.get("split", "train")), []).append(grid)
    return splits


def rich_grid(piece: Mapping[str, Any], where: str) -> np.ndarray:
    """Grid ``(T, 4)`` of a rich piece; DataError where its layout is another one."""
    _check_rich(piece, where)
    voices = piece["voices"]
    ends = [n[0] + n[1] for voice in voices for n in voice]
    frames = max(ends, default=0)
    if not 0 < frames <= MAX_FRAMES:
        raise DataError(f"a piece has 1 to {MAX_FRAMES} frames, not {frames}", where=where)
    grid = np.full((frames, VOICES), SILENCE, dtype=np.int64)
    for v, voice in enumerate(voices):
        for onset, duration, midi, *_ in voice:
            grid[onset : onset + duration, v] = midi
    return grid


def _check_rich(piece: Mapping[str, Any], where: str) -> None:
    voices = piece.get("voices")
    if not isinstance(voices, list) or len(voices) != VOICES:
        raise DataError("a rich piece has four voices", where=where)
    for voice in voices:
        if not isinstance(voice, list) or not all(_is_rich_note(n) for n in voice):
            raise DataError(
                "a note is no [onset16, duration16, midi, fermata, tie, spelling]", where=where
            )
    for key, kind in (("sharps", int), ("pickup16", int), ("measures16", list), ("time", list)):
        if not isinstance(piece.get(key), kind):
            raise DataError(f"a rich piece needs {key!r}", where=where)


def _is_rich_note(note: Any) -> bool:
    return (
        isinstance(note, list)
        and len(note) == 6
        and all(type(x) is int for x in note[:5])
        and 0 <= note[0] <= MAX_FRAMES
        and 0 < note[1] <= MAX_FRAMES
        and SILENCE <= note[2] <= 127
        and (note[5] is None or isinstance(note[5], str))
    )


def canonical_of(splits: Mapping[str, Sequence[np.ndarray]]) -> dict[str, list[Any]]:
    """The canonical JSON of grids by split."""
    return {name: [grid.tolist() for grid in grids] for name, grids in splits.items()}


def content_sha256(splits: Mapping[str, Sequence[np.ndarray]], parts: Sequence[str]) -> str:
    """Checksum of the notes of some parts, whatever the white space of the file."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(f"{part}:{len(splits.get(part, ()))}\n".encode())
        for grid in splits.get(part, ()):
            digest.update(f"{len(grid)}\n".encode())
            digest.update(grid.astype("<i2").tobytes())
    return digest.hexdigest()
