"""The image models that take our embeddings, and how a folder of weights is recognised.

A folder is one of diffusers: ``model_index.json`` names the pipeline, and the configuration of the
network tells which widths it takes.  Both are read before any weights are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from partimento.core.config import close_matches
from partimento.core.errors import ConfigError, InputFileError
from partimento.tasks.audio2visual.bank import CLIP_WIDTH, T5_WIDTH
from partimento.tasks.audio2visual.local_models import read_json


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of image model."""

    name: str
    """Name of the backend."""
    title: str
    """Name for people."""
    pipeline: str
    """Class of the pipeline in diffusers."""
    network: str
    """Class of the network that removes noise."""
    folder: str
    """Where the network lies."""
    widths: Mapping[str, int]
    """Entries of the network's configuration that our embeddings need."""
    takes: tuple[str, ...]
    """Fields of :class:`~partimento.tasks.audio2visual.bank.Embedded` that it is given."""
    steps: int
    """Steps by default."""
    guidance: float
    """Guidance scale by default."""


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "flux",
            "FLUX.1",
            "FluxPipeline",
            "FluxTransformer2DModel",
            "transformer",
            {"joint_attention_dim": T5_WIDTH, "pooled_projection_dim": CLIP_WIDTH},
            ("clip", "t5"),
            steps=28,
            guidance=3.5,
        ),
        Kind(
            "pixart",
            "PixArt-Sigma",
            "PixArtSigmaPipeline",
            "PixArtTransformer2DModel",
            "transformer",
            {"caption_channels": T5_WIDTH},
            ("t5", "t5_mask"),
            steps=20,
            guidance=4.5,
        ),
        Kind(
            "chroma",
            "Chroma",
            "ChromaPipeline",
            "ChromaTransformer2DModel",
            "transformer",
            {"joint_attention_dim": T5_WIDTH},
            ("t5", "t5_mask"),
            steps=35,
            guidance=5.0,
        ),
        Kind(
            "sd15",
            "Stable Diffusion 1.5",
            "StableDiffusionPipeline",
            "UNet2DConditionModel",
            "unet",
            {"cross_attention_dim": CLIP_WIDTH},
            ("clip_tokens",),
            steps=50,
            guidance=7.5,
        ),
    )
}
"""Name of the backend -> what it is; steps and guidance are those of the models' own examples
(FLUX.1 [schnell]: 4 steps)."""

_WITHOUT_T5 = "reads texts with a language model and no T5, so our embeddings do not fit it"
REFUSED: dict[str, str] = {
    "StableDiffusion3": "Stable Diffusion 3 needs a pooled embedding of width 2048 (CLIP ViT-L and "
    "ViT-bigG side by side), but a bank holds 768 (CLIP ViT-L)",
    "StableDiffusionXL": "Stable Diffusion XL needs token embeddings of width 2048 (CLIP ViT-L and "
    "ViT-bigG side by side), but a bank holds 768 (CLIP ViT-L)",
    "Flux2": f"FLUX.2 {_WITHOUT_T5}",
    "ZImage": f"Z-Image {_WITHOUT_T5}",
    "QwenImage": f"Qwen-Image {_WITHOUT_T5}",
}
"""Beginning of a pipeline's class -> why it cannot be used."""
_USABLE = "Use weights of " + ", ".join(f"{k.title} ({k.name})" for k in KINDS.values())


def kind_of(backend: str) -> Kind:
    """The kind of a backend's name.  Raises ConfigError for another word."""
    if backend not in KINDS:
        raise ConfigError(
            f"there is no image model {backend!r}: {close_matches(backend, KINDS)}",
            where="--backend",
        )
    return KINDS[backend]


def check_folder(folder: str | Path, backend: str) -> Kind:
    """The kind of ``backend``, once ``folder`` is known to hold such a model of the right widths.

    Reads ``model_index.json`` and the network's ``config.json`` alone.

    Raises ConfigError for an unknown backend; InputFileError for a folder that is none of
    diffusers, that holds another model, or one whose widths are not those of CLIP ViT-L and T5-XXL.
    """
    kind, folder = kind_of(backend), Path(folder)
    if not folder.is_dir():
        raise InputFileError(
            "there is no folder with an image model here",
            where=str(folder),
            fix="Give the path of a model that you have; none is downloaded",
        )
    if not (folder / "model_index.json").is_file():
        raise InputFileError(
            "this folder has no model_index.json, so it is no image model of diffusers",
            where=str(folder),
            fix="Give the folder that `save_pretrained` of a diffusers pipeline wrote",
        )
    _check_pipeline(read_json(folder / "model_index.json"), kind, folder)
    _check_widths(read_json(folder / kind.folder / "config.json"), kind, folder)
    return kind


def _check_pipeline(index: Mapping[str, Any], kind: Kind, folder: Path) -> None:
    name = index.get("_class_name")
    if name == kind.pipeline:
        return
    for beginning, reason in REFUSED.items():
        if isinstance(name, str) and name.startswith(beginning):
            raise InputFileError(reason, where=str(folder), fix=_USABLE)
    for other in KINDS.values():
        if name == other.pipeline:
            raise InputFileError(
                f"this folder holds {other.title}, not {kind.title}",
                where=str(folder),
                fix=f"Use --backend {other.name}",
            )
    raise InputFileError(
        f"this folder holds an image model of the class {str(name)[:60]!r}, which our embeddings "
        "are not for",
        where=str(folder),
        fix=_USABLE,
    )


def _check_widths(config: Mapping[str, Any], kind: Kind, folder: Path) -> None:
    for key, width in kind.widths.items():
        # A missing entry is the class's default, which is the right one.
        found = config.get(key, width)
        if found != width:
            raise InputFileError(
                f"this {kind.title} takes text embeddings of width {found!r} ({key}), but a bank "
                f"holds {width}",
                where=str(folder),
                fix=_USABLE,
            )
