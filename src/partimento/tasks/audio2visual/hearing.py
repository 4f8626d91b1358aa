"""What is listened to: recordings, written music played by ourselves, and labelled folders."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from partimento.core.errors import DataError, InputFileError, MusicError
from partimento.core.limits import DATA_BYTES, check_regular, read_limited
from partimento.music.audio import MAX_SECONDS, SAMPLE_RATE, Sound, is_sound_file, read_sound

MUSIC_SUFFIXES = (".mid", ".midi", ".smf", ".musicxml", ".xml", ".mxl", ".abc", ".krn")
PLAYED_SECONDS = 30.0
"""How much of written music is played."""
NEEDED = ("filename", "category")
"""Columns that a table of clips must have; ``fold``, ``license`` and ``src_file`` are optional."""
_ROOM = 0.12


def read_any(
    path: str | Path, *, guarded: bool = True, max_seconds: float | int = MAX_SECONDS
) -> Sound:
    """The sound of a recording or of written music, told apart by their first bytes.

    MIDI (and any score that :func:`partimento.music.files.read_score` reads) is played by the
    project's own renderer, each instrument with its timbre, at most its first half minute, and a
    warning says so.

    Raises what :func:`~partimento.music.audio.read_sound` raises; MusicError for a score without a
    note.
    """
    path = Path(path)
    size = check_regular(path)
    if size and _is_music(path):
        return play(path, min(max_seconds, PLAYED_SECONDS))
    return read_sound(path, guarded=guarded, max_seconds=max_seconds)


def _is_music(path: Path) -> bool:
    """MIDI by its first bytes, other scores by their names, but never what begins as sound."""
    if is_sound_file(path):
        return False
    try:
        with path.open("rb") as stream:
            head = stream.read(4)
    except OSError:
        return False
    return head == b"MThd" or path.suffix.lower() in MUSIC_SUFFIXES


def play(path: str | Path, max_seconds: float | int = PLAYED_SECONDS) -> Sound:
    """A file of written music as sound, mono at 16 kHz, its first ``max_seconds``.

    Raises InputFileError for a file that cannot be read, MusicError for one without notes.
    """
    from partimento.music.files import read_score
    from partimento.render.piece_sound import render_mono, score_parts

    score = read_score(path)
    if not score.sounding():
        raise MusicError(
            "this file holds no note to play",
            where=str(path),
            fix="Give a score with notes outside the percussion channel",
        )
    parts = score_parts(score, max_seconds)
    if not parts:
        raise MusicError(
            f"no note begins in the first {max_seconds:g} s of this music", where=str(path)
        )
    warnings: tuple[str, ...] = ()
    if sum(len(table) for table, _ in parts) < len(score.sounding()):
        warnings = (f"only the first {max_seconds:g} s of this music are played",)
    samples_N = render_mono(parts, SAMPLE_RATE, room=_ROOM)
    return Sound(samples_N, str(path), SAMPLE_RATE, 1, warnings)


@dataclass(frozen=True, slots=True)
class Clip:
    """A row of a table of clips."""

    filename: str
    path: Path
    category: str
    """The label of the clip, as the table spells it."""
    fold: int = 0
    """0 where the table has no folds."""
    licence: str = ""
    source: str = ""
    """The recording it was cut from (column ``src_file``), where the table says it."""

    @property
    def recording(self) -> str:
        """What it shares with the other clips of its recording; its name where none is known."""
        return f"recording {self.source}" if self.source else self.filename

    def sound(self, *, guarded: bool = False) -> Sound:
        """What is to be heard.  Raises as :func:`partimento.music.audio.read_sound`."""
        return read_sound(self.path, guarded=guarded)


@dataclass(frozen=True, slots=True)
class Clips(Sequence[Clip]):
    """Labelled clips; the sounds are read when they are asked for."""

    rows: tuple[Clip, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Clip]:
        return iter(self.rows)

    def __getitem__(self, place: int) -> Clip:  # type: ignore[override]
        return self.rows[place]

    @property
    def labels(self) -> tuple[str, ...]:
        """The category of each clip."""
        return tuple(clip.category for clip in self.rows)

    def select(self, places: Sequence[int]) -> Clips:
        """Some of the clips, in the order given."""
        return Clips(tuple(self.rows[int(n)] for n in places))


def read_folder(table: str | Path, audio: str | Path) -> Clips:
    """The clips of a CSV table in the layout of ESC-10, their files in the folder ``audio``.

    Needed columns: ``filename`` and ``category``; read where there are: ``fold``,
    ``license``, ``src_file``.

    Raises InputFileError where the table cannot be read, DataError for a table without these
    columns or rows, for a fold that is no number, and for clips that are not in the folder.
    """
    table, audio = Path(table), Path(audio)
    rows = _table(table)
    if not audio.is_dir():
        raise DataError("there is no such folder", where=str(audio), fix="Unpack the clips into it")
    clips = [_clip(row, number, table, audio) for number, row in enumerate(rows, start=2)]
    missing = [clip.filename for clip in clips if not clip.path.is_file()]
    if missing:
        some = ", ".join(missing[:3]) + (", ..." if len(missing) > 3 else "")
        raise DataError(
            f"{len(missing)} of {len(clips)} clips of {table.name} are not in this folder: {some}",
            where=str(audio),
            fix="Give the folder that holds the files of the column filename",
        )
    return Clips(tuple(clips))


def _table(table: Path) -> list[dict[str, str]]:
    data = read_limited(table, DATA_BYTES)
    try:
        reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        rows = list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputFileError(f"this is no CSV table ({error})", where=str(table)) from error
    columns = [name for name in reader.fieldnames or [] if name]
    lacking = [name for name in NEEDED if name not in columns]
    if lacking:
        raise DataError(
            f"this table has no column {' and no column '.join(lacking)}",
            where=str(table),
            fix=f"Needed: {', '.join(NEEDED)}; it has: {', '.join(columns[:12]) or 'none'}",
        )
    if not rows:
        raise DataError("this table has no rows", where=str(table))
    return rows


def _clip(row: dict[str, str], line: int, table: Path, audio: Path) -> Clip:
    name, category = (str(row.get(key) or "").strip() for key in NEEDED)
    fold = str(row.get("fold") or "0").strip()
    where = f"{table}, line {line}"
    plain = PurePosixPath(name)
    if not name or plain.is_absolute() or ".." in plain.parts or "\0" in name:
        raise DataError(f"{name!r} is no name of a file in the folder", where=where)
    if not category:
        raise DataError("the column category is empty", where=where)
    if not fold.isascii() or not fold.isdigit():
        raise DataError(f"{fold!r} in the column fold is no number", where=where)
    licence, source = (str(row.get(key) or "").strip() for key in ("license", "src_file"))
    return Clip(name, audio / name, category, int(fold), licence, source)
