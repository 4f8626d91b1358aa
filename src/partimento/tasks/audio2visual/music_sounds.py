"""Music to learn to hear: MIDI that we render ourselves, with what was measured on the notes.

Shape suffixes: M pieces of music, N samples.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from partimento.core.errors import DataError
from partimento.core.files import write_atomic
from partimento.core.progress import Progress
from partimento.music.audio import SAMPLE_RATE
from partimento.tasks.audio2visual.concepts import MUSIC
from partimento.tasks.audio2visual.music_excerpts import (
    VALID_SHARE,
    WINDOW_SEC,
    Drawer,
    Window,
    kinds_in_turn,
    read_sources,
)

SAMPLES = 5 * SAMPLE_RATE
_FORM = 1
"""Raised when the same request would give other sounds."""
_LEVEL_DB = (-24.0, -1.0)
_ROOM = (0.0, 0.4)
_LATEST_SEC = 0.6
"""How much of a window may be passed over, so that not every sound begins with an onset."""


@dataclass(frozen=True, slots=True)
class MusicSet:
    """Windows of rendered music, all of one length."""

    samples: np.ndarray
    """(M, 80000) int16, mono at 16 kHz."""
    concepts: np.ndarray
    """(M,) int64: place in :data:`~partimento.tasks.audio2visual.concepts.MUSIC`."""
    attributes: list[dict[str, Any]]
    """What was measured on the notes: key, mode, tempo_bpm, density, register, polyphony and
    dynamics (words and ``numbers``), instruments; and room and level_db of the rendering."""
    group: list[str]
    """Tune or composer: never on both sides of the split."""
    split: list[str]
    """"train" or "valid"."""

    def __len__(self) -> int:
        return len(self.samples)

    def part(self, split: str) -> np.ndarray:
        """(m,) indices of one side of the split."""
        return np.flatnonzero(np.array(self.split) == split)


def music_set(
    folder: str | Path | Sequence[str | Path],
    cache: str | Path,
    count: int = 600,
    seed: int = 0,
    *,
    progress: Progress | None = None,
) -> MusicSet:
    """Up to ``count`` windows of each folder, from ``cache`` if it holds them, else rendered, kept.

    ``folder`` (one or several) is in the layout of the tunes (``tunes.json``) or of Mutopia
    (``pieces.json``); ``cache`` is an ``.npz`` file, or a folder for one.  The 24 kinds of music
    occur equally often, four fifths of each in the part to learn from; fewer where a corpus lacks
    a kind.
    The same folders, count and seed give the same bytes.

    Raises DataError for folders without music and for a cache of something else.
    """
    folders = [folder] if isinstance(folder, str | Path) else list(folder)
    place = Path(cache)
    if place.suffix != ".npz":
        place = place / "music_sounds.npz"
    request = {
        **{"form": _FORM, "count": count, "seed": seed},
        "folders": [Path(f).resolve().name for f in folders],
    }
    if place.is_file():
        return _load(place, request)
    windows = [w for n, f in enumerate(folders) for w in _windows(f, count, (seed, n), progress)]
    made = _rendered(windows, seed, progress)
    _save(place, made, request)
    return made


def _windows(
    folder: str | Path, count: int, seed: tuple[int, int], progress: Progress | None
) -> list[Window]:
    """Windows of one folder for all kinds of music, drawn for each side of the split."""
    sources = read_sources(folder)
    rng = np.random.default_rng(seed)
    found: list[Window] = []
    valid = round(VALID_SHARE * count)
    for split, wanted in (("train", count - valid), ("valid", valid)):
        mine = [s for s in sources if s.split == split]
        if not mine or not wanted:
            continue
        drawer = Drawer(mine, rng)
        missing = 0
        for kind in kinds_in_turn(wanted, rng):
            window = drawer.draw(kind)
            if window is None:
                missing += 1
                continue
            found.append(window)
            if progress is not None:
                progress(len(found), count, f"music of {Path(folder).name}")
    return found


def _rendered(windows: Sequence[Window], seed: int, progress: Progress | None) -> MusicSet:
    rng = np.random.default_rng((seed, len(windows)))
    samples = np.zeros((len(windows), SAMPLES), dtype=np.int16)
    attributes = []
    for n, window in enumerate(windows):
        room, level_db = float(rng.uniform(*_ROOM)), float(rng.uniform(*_LEVEL_DB))
        samples[n] = _sound(window, room, level_db, float(rng.uniform(0.0, _LATEST_SEC)))
        attributes.append({**_facts(window), "room": room, "level_db": level_db})
        if progress is not None:
            progress(n + 1, len(windows), "rendering")
    return MusicSet(
        samples,
        np.array([MUSIC.index(w.concept) for w in windows], dtype=np.int64),
        attributes,
        [w.source.group for w in windows],
        [w.source.split for w in windows],
    )


def _sound(window: Window, room: float, level_db: float, start_sec: float) -> np.ndarray:
    """(80000,) int16: five seconds of a window with its peak at a level."""
    from partimento.render.piece_sound import piece_parts, render_mono

    made = render_mono(piece_parts(window.piece, WINDOW_SEC), SAMPLE_RATE, room=room)
    first = round(start_sec * SAMPLE_RATE)
    made = np.pad(made, (0, max(0, first + SAMPLES - len(made))))[first : first + SAMPLES]
    gain = 10.0 ** (level_db / 20.0) / max(1e-9, float(np.abs(made).max()))
    return np.rint(made * gain * 32767.0).astype(np.int16)


def _facts(window: Window) -> dict[str, Any]:
    """What five seconds tell: neither meter nor articulation, which need bars."""
    known = window.attributes
    names = ("tempo_bpm", "key", "mode", "density", "register", "polyphony", "dynamics")
    numbers = ("density", "register", "polyphony", "dynamics")
    return {
        **{name: getattr(known, name) for name in names},
        "tempo_bpm": round(window.piece.tempo_bpm, 2),
        "instruments": list(known.instruments),
        "numbers": {name: round(float(known.numbers[name]), 4) for name in numbers},
        "corpus": window.source.corpus,
    }


def _save(place: Path, made: MusicSet, request: dict[str, Any]) -> None:
    import io

    buffer = io.BytesIO()
    np.savez(
        buffer,
        samples=made.samples,
        concepts=made.concepts,
        attributes=np.array([json.dumps(a, ensure_ascii=False) for a in made.attributes]),
        group=np.array(made.group),
        split=np.array(made.split),
        request=np.array(json.dumps(request)),
    )
    place.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(place, buffer.getvalue())


def _load(place: Path, request: dict[str, Any]) -> MusicSet:
    try:
        with np.load(place, allow_pickle=False) as held:
            stored = json.loads(str(held["request"]))
            made = MusicSet(
                held["samples"],
                held["concepts"],
                [json.loads(str(text)) for text in held["attributes"]],
                [str(name) for name in held["group"]],
                [str(name) for name in held["split"]],
            )
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(
            f"this is no cache of rendered music ({error})", where=str(place), fix="Delete it"
        ) from error
    if stored != request:
        raise DataError(
            f"this cache was made for {stored}, not for {request}",
            where=str(place),
            fix="Delete it or name another file",
        )
    return made
