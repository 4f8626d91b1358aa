"""The model that hears, from a shipped name or a file; no torch."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from partimento.core.checkpoint import CheckpointMeta, load_arrays, read_meta, resolve_weights
from partimento.core.errors import DataError
from partimento.music.sound_statistics import COUNT
from partimento.tasks.audio2visual.concepts import CONCEPTS
from partimento.tasks.audio2visual.encoder import (
    LABELS,
    MEMBER_FIELDS,
    OUTPUTS,
    Member,
    SoundEncoder,
    Strangeness,
)

SHIPPED = "audio2visual"
MODEL_CLASS = "partimento.tasks.audio2visual.encoder:SoundEncoder"


@lru_cache(maxsize=2)
def _load(path: Path, changed_ns: int) -> SoundEncoder:
    # Before the arrays: other kinds hold numbers that numpy does not know.
    meta = read_meta(path)
    if meta.model_class != MODEL_CLASS:
        raise DataError(
            f"these weights are of the kind {meta.model_class.rpartition(':')[2]}, which cannot "
            "label sounds",
            where=str(path),
            fix=f"Give {SHIPPED}, or weights trained with a recipe of the kind encoder",
        )
    return encoder_of(load_arrays(path)[0], meta, str(path))


def load_sound_model(name_or_path: str | Path = SHIPPED) -> SoundEncoder:
    """The model of a shipped name or a checkpoint file.

    Raises InputFileError for what is no checkpoint, DataError for one of another kind or version.
    """
    path = resolve_weights(name_or_path)
    return _load(path, path.stat().st_mtime_ns if path.is_file() else 0)


def encoder_of(arrays: dict[str, np.ndarray], meta: CheckpointMeta, where: str) -> SoundEncoder:
    """The encoder in a checkpoint's arrays.

    Raises DataError for labels, concepts or shapes of another version.
    """
    known = {"labels": list(LABELS), "concepts": list(CONCEPTS)}
    for name, own in known.items():
        if meta.vocabulary.get(name) != own:
            raise _of_another_version(f"another list of {name}", where)
    try:
        arrays = {name: array.astype(np.float32) for name, array in arrays.items()}
        encoder = _built(arrays, meta)
    except (KeyError, TypeError, ValueError) as error:
        raise _of_another_version(f"other arrays ({error})", where) from None
    _check_shapes(encoder, where)
    return encoder


def _built(arrays: dict[str, np.ndarray], meta: CheckpointMeta) -> SoundEncoder:
    members = tuple(
        Member(**{field: arrays[f"member{n}.{field}"] for field in MEMBER_FIELDS})
        for n in range(int(meta.config["members"]))
    )
    strange = Strangeness(
        arrays["strange.means_LD"], arrays["strange.inverse_DD"].astype(np.float64),
        arrays["strange.scale"].astype(np.float64), float(meta.config["threshold"]),
    )  # fmt: skip
    return SoundEncoder(
        meta.card.name, arrays["mean_S"], arrays["scale_S"], members, arrays["mode_5"],
        arrays["readout_DK"], float(meta.config["temperature"]), strange,
    )  # fmt: skip


def _check_shapes(encoder: SoundEncoder, where: str) -> None:
    width = sum(member.code_HD.shape[1] for member in encoder.members)
    right = (
        encoder.mean_S.shape == encoder.scale_S.shape == (COUNT,)
        and encoder.readout_DK.shape == (width + 1, len(CONCEPTS))
        and encoder.mode_5.shape == (5,)
        and encoder.strangeness.inverse_DD.shape == (width, width)
        and all(
            m.hidden_SH.shape == (COUNT, len(m.hidden_H))
            and m.code_HD.shape == (len(m.hidden_H), len(m.code_D))
            and m.out_DO.shape == (len(m.code_D), OUTPUTS)
            for m in encoder.members
        )
    )
    if not right:
        raise _of_another_version("other shapes", where)


def _of_another_version(what: str, where: str) -> DataError:
    return DataError(
        f"these weights were made with {what}",
        where=where,
        fix="Take the version of partimento that made them",
    )
