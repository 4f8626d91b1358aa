"""Frozen audio encoders: a sound becomes frames, which are kept on disk.

``logmel`` needs no weights; ``own`` is the code of the shipped model; ``ast:FOLDER`` and
``clap:FOLDER`` are transformers models in a local folder, read without any network.

Shape suffixes: T frames, D width.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from partimento.core.config import close_matches
from partimento.core.errors import ConfigError, InputFileError, MissingExtraError
from partimento.core.files import atomic_path
from partimento.music.audio import SAMPLE_RATE, Sound
from partimento.music.logmel import BANDS, FLOOR_DB, log_mel

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS = ("logmel", "own", "ast", "clap")
FRAMES_PER_SECOND = 10
_HOPS = 50 // FRAMES_PER_SECOND
"""Spectrogram frames (20 ms) that make one frame of ``logmel``."""
_CLAP_RATE = 48_000
_CACHE_BYTES = 50_000_000


@runtime_checkable
class FrameEncoder(Protocol):
    """A frozen audio encoder."""

    @property
    def name(self) -> str:
        """Short name, the key of its frames in a batch."""
        ...

    @property
    def key(self) -> str:
        """Changes whenever its frames would; part of the cache's file names."""
        ...

    def frames(self, sound: Sound) -> np.ndarray:
        """(T, D) float32, T at least 1."""
        ...


@dataclass(frozen=True, slots=True)
class LogMelFrames:
    """64 mel bands, ten frames a second, in steps of 20 dB from -40 dB; nothing is trained."""

    name: str = "logmel"
    key: str = f"logmel{BANDS}-{FRAMES_PER_SECOND}-v1"

    def frames(self, sound: Sound) -> np.ndarray:
        """(T, 64): mean level of five spectrogram frames each, the last of what is left."""
        level = log_mel(sound.samples_N)
        starts = np.arange(0, len(level), _HOPS)
        counts = np.diff(np.append(starts, len(level)))
        means = np.add.reduceat(level, starts, axis=0) / counts[:, None]
        return ((means - FLOOR_DB / 2) / 20.0).astype(np.float32)


@dataclass(frozen=True, slots=True)
class ModelFrames:
    """Frames of a network behind one function."""

    name: str
    key: str
    function: Callable[[Sound], np.ndarray] = field(repr=False)

    def frames(self, sound: Sound) -> np.ndarray:
        """(T, D) float32.  Raises ValueError where the network gives anything else."""
        found = np.asarray(self.function(sound), dtype=np.float32)
        if found.ndim != 2 or not len(found) or not np.isfinite(found).all():
            raise ValueError(f"{self.name} gave frames of shape {found.shape}, or no numbers")
        return found


def load_frame_encoder(spec: str, *, cls_only: bool = False) -> FrameEncoder:
    """The encoder that ``spec`` names: ``logmel``, ``own``, ``ast:FOLDER`` or ``clap:FOLDER``.

    With ``cls_only`` a transformers model gives one frame, its pooled token (AST: the CLS token).

    Raises ConfigError for another name, InputFileError for a folder that is no such model, and
    MissingExtraError where transformers is not installed.
    """
    kind, colon, folder = spec.partition(":")
    if kind not in KINDS:
        raise ConfigError(
            f"there is no audio encoder {kind[:40]!r} ({close_matches(kind, KINDS)})",
            where="data.encoders",
        )
    if kind in ("ast", "clap"):
        if not folder:
            raise ConfigError(
                f"the encoder {kind} needs the folder of its weights",
                where="data.encoders",
                fix=f"Write {kind}:FOLDER; nothing is downloaded",
            )
        return _transformers_frames(kind, Path(folder), cls_only)
    if colon:
        raise ConfigError(f"the encoder {kind} takes no folder", where="data.encoders")
    return LogMelFrames() if kind == "logmel" else _own_frames()


def _own_frames() -> ModelFrames:
    """The shipped model's code, one frame for each five seconds."""
    from partimento.core.checkpoint import resolve_weights
    from partimento.music.sound_statistics import sound_statistics
    from partimento.tasks.audio2visual.encoder import cut_windows
    from partimento.tasks.audio2visual.loading import load_sound_model

    model = load_sound_model("audio2visual")
    digest = _file_hash(resolve_weights("audio2visual"))

    def frames(sound: Sound) -> np.ndarray:
        windows, _ = cut_windows(sound.samples_N)
        # Silence has no window: a frame of zeros, as the model answers with a code of zeros.
        if not len(windows):
            return model.listen([sound])[0].code_D[None]
        return model.code(np.stack([sound_statistics(window) for window in windows]))

    return ModelFrames("own", f"own-{digest[:16]}", frames)


def _transformers_frames(kind: str, folder: Path, cls_only: bool) -> ModelFrames:
    """AST or CLAP from a local folder."""
    if not (folder / "config.json").is_file():
        raise InputFileError(
            "this folder holds no transformers model (config.json is missing)",
            where=str(folder),
            fix="Give a folder that from_pretrained reads; nothing is downloaded",
        )
    load = _load_ast if kind == "ast" else _load_clap
    try:
        function = load(folder, cls_only)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise InputFileError(
            f"this is no {kind.upper()} model that transformers can read ({error})",
            where=str(folder),
        ) from error
    suffix = "-cls" if cls_only else ""
    return ModelFrames(kind, f"{kind}-{_folder_hash(folder)[:16]}{suffix}", function)


def _load_ast(folder: Path, cls_only: bool) -> Callable[[Sound], np.ndarray]:
    """Audio Spectrogram Transformer (Gong et al. 2021): CLS, distillation token, patches."""
    import torch

    made = _transformers()
    extract = made.ASTFeatureExtractor.from_pretrained(folder, local_files_only=True)
    model = made.ASTModel.from_pretrained(folder, **_SAFE).eval()

    def frames(sound: Sound) -> np.ndarray:
        with torch.no_grad():
            seen = extract(sound.samples_N, sampling_rate=SAMPLE_RATE, return_tensors="pt")
            tokens = model(**seen).last_hidden_state[0]
        return np.asarray(tokens[:1] if cls_only else tokens)

    return frames


def _load_clap(folder: Path, cls_only: bool) -> Callable[[Sound], np.ndarray]:
    """CLAP's audio side (Wu et al. 2023): the last map of its Swin transformer as frames."""
    import torch
    from scipy.signal import resample_poly

    made = _transformers()
    extract = made.ClapFeatureExtractor.from_pretrained(folder, local_files_only=True)
    model = made.ClapAudioModel.from_pretrained(folder, **_SAFE).eval()

    def frames(sound: Sound) -> np.ndarray:
        samples = resample_poly(sound.samples_N, _CLAP_RATE // SAMPLE_RATE, 1)
        # Of a long sound the extractor draws a random part; from the global generator.
        before = np.random.get_state()
        np.random.seed(0)
        try:
            seen = extract(samples, sampling_rate=_CLAP_RATE, return_tensors="pt")
        finally:
            np.random.set_state(before)
        with torch.no_grad():
            out = model(**seen)
        return np.asarray(
            out.pooler_output if cls_only else out.last_hidden_state[0].flatten(1).T.contiguous()
        )

    return frames


_SAFE: dict[str, Any] = {"local_files_only": True, "use_safetensors": True}
"""Never the network, never a pickle."""


def _transformers() -> Any:
    try:
        import transformers
    except ImportError as error:
        raise MissingExtraError(
            "AST and CLAP need transformers", fix="pip install 'partimento[images]'"
        ) from error
    return transformers


# -- kept on disk ---------------------------------------------------------------------------------


def cached_frames(
    encoder: FrameEncoder,
    path: str | Path,
    read: Callable[[], Sound],
    folder: str | Path | None,
) -> np.ndarray:
    """Frames (T, D) of the sound file at ``path``, from ``folder`` where they are there already.

    One safetensors file per sound, named after the encoder and the hash of the sound file's bytes,
    so that neither a renamed clip nor a new encoder meets wrong frames.  ``read`` is called only
    where nothing is kept; a damaged file is written anew.
    """
    if folder is None:
        return encoder.frames(read())
    kept = Path(folder) / encoder.key / f"{_file_hash(Path(path))[:32]}.safetensors"
    found = _read_kept(kept)
    if found is None:
        from safetensors.numpy import save_file

        found = encoder.frames(read())
        with atomic_path(kept) as temporary:
            save_file({"frames": np.ascontiguousarray(found)}, temporary)
    return found


def _read_kept(path: Path) -> np.ndarray | None:
    """Frames of an earlier run; None where there are none, or they are damaged."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        if not 0 < path.stat().st_size <= _CACHE_BYTES:
            return None
        frames = load_file(path)["frames"]
    except (OSError, SafetensorError, KeyError, ValueError, TypeError):
        return None
    sound = frames.ndim == 2 and len(frames) and frames.dtype == np.float32
    return frames if sound and np.isfinite(frames).all() else None


def _file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes.  Raises InputFileError where it cannot be read."""
    digest = sha256()
    try:
        with path.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    except OSError as error:
        raise InputFileError(
            f"this file cannot be read ({error.strerror})", where=str(path)
        ) from error
    return digest.hexdigest()


def _folder_hash(folder: Path) -> str:
    """SHA-256 of the names and bytes of a model's configuration and weights."""
    digest = sha256()
    for path in _model_files(folder):
        digest.update(f"{path.name}:{_file_hash(path)};".encode())
    return digest.hexdigest()


def _model_files(folder: Path) -> Iterator[Path]:
    with os.scandir(folder) as entries:
        names = sorted(e.name for e in entries if e.name.endswith((".json", ".safetensors")))
    return (folder / name for name in names)


def pad_frames(rows: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Frames of several clips as one array (B, T, D), with (B, T) bool: False for padding."""
    longest = max(len(row) for row in rows)
    frames = np.zeros((len(rows), longest, rows[0].shape[1]), dtype=np.float32)
    keep = np.zeros((len(rows), longest), dtype=bool)
    for place, row in enumerate(rows):
        frames[place, : len(row)] = row
        keep[place, : len(row)] = True
    return frames, keep
