"""One score in every format: MusicXML, MIDI, sound, engraved page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from partimento.core.errors import ConfigError, InputFileError
from partimento.core.files import write_atomic
from partimento.music.files import read_score, write_score
from partimento.music.musicxml_write import musicxml_text
from partimento.music.score import Score
from partimento.render.sheet import engrave, svg_to_png
from partimento.render.sound import render_score, write_wav

SAMPLE_RATE = 44100
FORMATS = ("musicxml", "mid", "wav", "svg", "png")


def export_score(
    source: str | Path | Score,
    folder: str | Path,
    name: str | None = None,
    *,
    formats: Sequence[str] = FORMATS,
) -> list[Path]:
    """Write ``folder/name.FORMAT`` for each format and return the files.

    ``name`` is the source's own without it.  The source itself is never written over: its format
    is left out when the path would be the same.

    Raises InputFileError when the source cannot be read and ConfigError for an unknown format.
    """
    unknown = [kind for kind in formats if kind not in FORMATS]
    if unknown or not formats:
        problem = f"unknown format {unknown[0]!r}" if unknown else "no format is named"
        raise ConfigError(problem, where="--formats", fix=f"Choose of {', '.join(FORMATS)}")
    score = source if isinstance(source, Score) else read_score(source)
    stem = name or (Path(source).stem if not isinstance(source, Score) else "score")
    own = None if isinstance(source, Score) else Path(source).resolve()
    targets = {kind: Path(folder) / f"{stem}.{kind}" for kind in FORMATS if kind in formats}
    kept = {kind: path for kind, path in targets.items() if path.resolve() != own}
    _make_folder(Path(folder))
    _write_all(score, kept)
    return list(kept.values())


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise InputFileError("this is a file, not a folder", where=str(folder)) from None


def _write_all(score: Score, targets: dict[str, Path]) -> None:
    """Write the wanted formats; the page is engraved once for SVG and PNG."""
    for kind in ("musicxml", "mid"):
        if kind in targets:
            write_score(score, targets[kind])
    if "wav" in targets:
        write_wav(targets["wav"], render_score(score, SAMPLE_RATE), SAMPLE_RATE)
    if "svg" in targets or "png" in targets:
        # Not guarded: the text comes from our own writer, not from a file.
        svg = engrave(musicxml_text(score), guarded=False).svg
        if "svg" in targets:
            write_atomic(targets["svg"], svg)
        if "png" in targets:
            write_atomic(targets["png"], svg_to_png(svg))
