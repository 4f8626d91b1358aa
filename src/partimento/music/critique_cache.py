"""Features on disk: one small archive per clip and set, named by what went into it."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from partimento.core.files import write_atomic
from partimento.core.limits import MEGABYTE, MIDI_BYTES, MUSICXML_BYTES, read_limited

if TYPE_CHECKING:
    from partimento.music.critique_features import ClipLike, NoteFeatures

VERSION = 1
"""Raise it whenever a column changes its meaning: older files are then left aside."""
MAX_BYTES = 1000 * MEGABYTE
_SUFFIX = ".features.npz"
_ARRAYS = ("values", "beat", "measure", "voice", "onset_sec", "pitch")


class FeatureCache:
    """A folder of features; damaged files are computed anew, never trusted."""

    def __init__(self, folder: Path, max_bytes: int = MAX_BYTES) -> None:
        self.folder = folder
        self.max_bytes = max_bytes

    def key(self, clip: ClipLike, feature_set: str) -> str:
        """Hexadecimal digest of the set, the version and the content of the clip's files."""
        digest = hashlib.sha256(f"{VERSION} {feature_set}".encode())
        for path in (clip.performance, clip.score, clip.score_midi):
            data = b"" if path is None else read_limited(path, max(MIDI_BYTES, MUSICXML_BYTES))
            digest.update(b"%d " % len(data) + data)
        return digest.hexdigest()

    def load(self, key: str) -> NoteFeatures | None:
        """The features stored under ``key``, or None."""
        from partimento.music.critique_features import NoteFeatures

        path = self._path(key)
        try:
            with np.load(path, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in _ARRAYS}
                head = json.loads(stored["head"].tobytes())
            return NoteFeatures(
                columns=tuple(head["columns"]), score_match=float(head["score_match"]), **arrays
            )
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None

    def store(self, key: str, found: NoteFeatures) -> None:
        """Write the features in one step."""
        head = {"columns": found.columns, "score_match": found.score_match}
        text = np.frombuffer(json.dumps(head).encode(), dtype=np.uint8)
        arrays = {name: getattr(found, name) for name in _ARRAYS}
        buffer = io.BytesIO()
        np.savez_compressed(buffer, head=text, **arrays)
        write_atomic(self._path(key), buffer.getvalue())

    def trim(self) -> None:
        """Delete the oldest files until the folder is within its size."""
        files = sorted(self.folder.glob(f"*{_SUFFIX}"), key=lambda path: path.stat().st_mtime_ns)
        sizes = [path.stat().st_size for path in files]
        surplus = sum(sizes) - self.max_bytes
        for path, size in zip(files, sizes, strict=True):
            if surplus <= 0:
                break
            with suppress(FileNotFoundError):
                path.unlink()
            surplus -= size

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}{_SUFFIX}"
