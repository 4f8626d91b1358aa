"""``cover``: a picture for a sound or a piece of music."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from partimento.core.errors import ConfigError
from partimento.core.files import write_atomic
from partimento.core.limits import check_regular
from partimento.core.progress import Progress
from partimento.music.audio import Sound, is_sound_file
from partimento.tasks.audio2visual.concepts import CONCEPTS, MusicConcept, music_concept
from partimento.tasks.audio2visual.hearing import MUSIC_SUFFIXES, read_any
from partimento.tasks.audio2visual.interface import Heard
from partimento.tasks.audio2visual.music_features import (
    MusicFeatures,
    features_of_piece,
    features_of_sound,
)
from partimento.tasks.audio2visual.scenes import MUSIC_LABEL, companions, draw_sound
from partimento.tasks.audio2visual.sound_shape import SoundShape, sound_shape

if TYPE_CHECKING:
    from partimento.tasks.audio2visual.bank import Embedded
    from partimento.tasks.audio2visual.interface import SoundModel

DRAW = "draw"
DIFFUSION = ("flux", "pixart", "chroma", "sd15")
BACKENDS = (DRAW, *DIFFUSION)
DEFAULT_MODEL = "audio2visual"
DEFAULT_SIZE = 1024
SIZES = (64, 4096)
SUFFIXES = (".png", ".svg")
_NO_CODE = np.zeros(0, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Cover:
    """A finished picture and what it was made from."""

    png: bytes = field(repr=False)
    svg: str | None = field(repr=False)
    """The drawing; None for a picture of a diffusion model."""
    heard: Heard
    backend: str
    seed: int
    source: str
    music: MusicFeatures | None = None
    """What the music was measured as, where it is music."""
    files: tuple[Path, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def note(self) -> str:
        """How the picture came about."""
        if self.backend == DRAW:
            return "drawn by rule from the sound; not diffusion"
        return f"painted by a diffusion model ({self.backend}) from an embedding of the sound"

    def facts(self) -> dict[str, Any]:
        """What the PNG says about itself: the same for the same sound and seed."""
        return {
            **self.heard.to_dict(),
            "backend": self.backend,
            "diffusion": self.backend != DRAW,
            "note": self.note,
            "seed": self.seed,
            "blended": [[name, round(share, 3)] for name, share in companions(self.heard)],
            "music": None if self.music is None else self.music.to_dict(),
        }

    def to_dict(self) -> dict[str, Any]:
        """JSON form: the facts, the input, the files written, what to mind."""
        return {
            "input": self.source,
            "files": [str(file) for file in self.files],
            **self.facts(),
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True, slots=True)
class _Material:
    """All that a picture can be made from."""

    heard: Heard
    shape: SoundShape
    music: MusicFeatures | None
    warnings: tuple[str, ...] = ()


def cover(
    source: str | Path | Sound,
    out: str | Path | None = None,
    *,
    backend: str = DRAW,
    weights: str | Path | None = None,
    bank: str | Path = "builtin",
    seed: int = 0,
    size: int | None = None,
    steps: int | None = None,
    device: str = "cpu",
    title: str = "",
    model: str | Path | SoundModel = DEFAULT_MODEL,
    progress: Progress | None = None,
) -> Cover:
    """Make a picture for a sound file, a piece of written music, or a sound in memory.

    out: .png or, of a drawing, .svg; None writes nothing.  backend: ``draw`` needs no weights;
    ``flux``, ``pixart``, ``chroma`` and ``sd15`` need a folder of diffusers as ``weights`` and a
    ``bank`` made with the text encoders of that model.  size: pixels a side; None is 1024, or what
    the diffusion model was trained for.  steps and device: of the diffusion model.  title: stands
    on a drawn music cover.  model: hears the sound; written music needs none.  The same sound and
    seed give the same bytes.

    Raises ConfigError for impossible options; MusicError for MIDI without pitched notes;
    InputFileError for a file that cannot be read and,
    with a diffusion model, what :func:`~partimento.tasks.audio2visual.diffusion.diffuse` raises.
    """
    _check_options(out, backend, weights, seed, size, steps)
    found = _material(source, model)
    svg: str | None = None
    if backend == DRAW:
        svg = draw_sound(
            found.heard,
            seed,
            size or DEFAULT_SIZE,
            shape=found.shape,
            music=found.music,
            title=title,
        )
        png = _rendered(svg)
    else:
        from partimento.render.png import png_of
        from partimento.tasks.audio2visual.diffusion import diffuse

        pixels_HWC = diffuse(
            _embedded(found.heard, bank),
            backend,
            weights or "",
            seed=seed,
            width=size,
            height=size,
            steps=steps,
            device=device,
            progress=progress,
        )
        png = png_of(pixels_HWC)
    name = source.source if isinstance(source, Sound) else str(source)
    made = Cover(png, svg, found.heard, backend, seed, name, found.music, (), found.warnings)
    return _saved(made, out)


def _check_options(
    out: str | Path | None,
    backend: str,
    weights: str | Path | None,
    seed: int,
    size: int | None,
    steps: int | None,
) -> None:
    if backend not in BACKENDS:
        raise ConfigError(
            f"unknown backend {backend!r}",
            where="--backend",
            fix=f"Choose of {', '.join(BACKENDS)}",
        )
    if backend == DRAW and (weights is not None or steps is not None):
        raise ConfigError(
            "drawing takes no weights and no steps",
            where="--weights" if weights is not None else "--steps",
            fix="Leave it out, or name your diffusion model's kind with --backend",
        )
    if backend != DRAW and weights is None:
        raise ConfigError(
            f"the backend {backend} needs the folder of your own model",
            where="--weights",
            fix="Give a folder of diffusers with .safetensors weights, or use --backend draw",
        )
    if seed < 0:
        raise ConfigError(f"a seed is 0 or more, not {seed}", where="--seed")
    if size is not None and not SIZES[0] <= size <= SIZES[1]:
        raise ConfigError(
            f"a picture has {SIZES[0]} to {SIZES[1]} pixels a side, not {size}", where="--size"
        )
    suffix = Path(out).suffix.lower() if out is not None else ".png"
    if suffix not in SUFFIXES:
        raise ConfigError(
            f"a picture ends in .png or .svg, not {suffix or 'nothing'}", where=f"--out {out}"
        )
    if suffix == ".svg" and backend != DRAW:
        raise ConfigError(
            "a diffusion model paints pixels, not an SVG", where=f"--out {out}", fix="Use .png"
        )


def _material(source: str | Path | Sound, model: str | Path | SoundModel) -> _Material:
    if not isinstance(source, Sound) and _is_written(Path(source)):
        return _written(Path(source))
    sound = source if isinstance(source, Sound) else read_any(source)
    shape = sound_shape(sound)
    (heard,) = _model(model).listen([sound])
    music = None
    if heard.label == MUSIC_LABEL and not heard.unknown:
        music = features_of_sound(sound, shape)
    return _Material(heard, shape, music, tuple(sound.warnings))


def _model(model: str | Path | SoundModel) -> SoundModel:
    if not isinstance(model, str | Path):
        return model
    from partimento.tasks.audio2visual.loading import load_sound_model

    return load_sound_model(model)


def _is_written(path: Path) -> bool:
    """Whether a file holds notes rather than sound: then nothing need be guessed."""
    if not check_regular(path) or is_sound_file(path):
        return False
    return _is_midi(path) or path.suffix.lower() in MUSIC_SUFFIXES


def _is_midi(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(4) == b"MThd"


def _written(path: Path) -> _Material:
    """Notes: exact features of MIDI; other scores are played and measured."""
    if not _is_midi(path):
        sound = read_any(path)
        music = features_of_sound(sound)
        return _Material(_known(_nearest_concept(music)), music.shape, music, tuple(sound.warnings))
    from partimento.music.attributes import measure
    from partimento.music.barpiece import read_bar_piece

    piece = read_bar_piece(path)
    attributes = measure(piece)
    music = features_of_piece(piece, attributes)
    return _Material(_known(music_concept(attributes)), music.shape, music)


def _nearest_concept(music: MusicFeatures) -> MusicConcept:
    """The concept of music that was measured on its sound, where lines cannot be counted."""
    register = "high" if music.register >= 65.0 else "low"
    return MusicConcept(music.motion, music.mode, register, "full")


def _known(concept: MusicConcept) -> Heard:
    weights_K = np.zeros(len(CONCEPTS))
    weights_K[CONCEPTS.index(concept.name)] = 1.0
    return Heard(MUSIC_LABEL, 1.0, ((MUSIC_LABEL, 1.0),), False, 0.0, weights_K, _NO_CODE)


def _rendered(svg: str) -> bytes:
    from partimento.render.sheet import svg_to_png

    return svg_to_png(svg, 1.0)


def _embedded(heard: Heard, bank: str | Path) -> Embedded:
    from partimento.tasks.audio2visual.bank import PromptBank
    from partimento.tasks.audio2visual.embedding import embed_heard

    return embed_heard([heard], PromptBank.load(bank))


def _saved(made: Cover, out: str | Path | None) -> Cover:
    """The cover with its facts inside the PNG, written where that is wanted."""
    from partimento.render.png import with_text

    texts = {
        "Title": made.heard.label if not made.heard.unknown else "unknown sound",
        "Software": "partimento",
        "Comment": made.note,
        "partimento": json.dumps(made.facts(), sort_keys=True),
    }
    made = replace(made, png=with_text(made.png, texts))
    if out is None:
        return made
    path = Path(out)
    if path.suffix.lower() == ".svg" and made.svg is not None:
        write_atomic(path, made.svg)
    else:
        write_atomic(path, made.png)
    return replace(made, files=(path,))
