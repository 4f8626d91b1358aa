"""From what a model heard to a drawn picture: the likeliest class's scene, blended with others."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from partimento.render.illustration import Canvas, grain, vignette
from partimento.tasks.audio2visual.accents import ACCENTS, tint
from partimento.tasks.audio2visual.concepts import SOUND_PROMPTS, SOUNDS
from partimento.tasks.audio2visual.interface import Heard
from partimento.tasks.audio2visual.music_cover import draw_music
from partimento.tasks.audio2visual.music_features import MusicFeatures
from partimento.tasks.audio2visual.scenes_animals import dog, rooster
from partimento.tasks.audio2visual.scenes_indoors import baby, clock, sneeze
from partimento.tasks.audio2visual.scenes_outdoors import campfire, chainsaw, helicopter
from partimento.tasks.audio2visual.scenes_weather import rain, sea
from partimento.tasks.audio2visual.sound_portrait import portrait
from partimento.tasks.audio2visual.sound_shape import SoundShape, neutral_shape

Scene = Callable[[Canvas, np.random.Generator, SoundShape], None]
SCENES: dict[str, Scene] = {
    "Dog bark": dog,
    "Rooster": rooster,
    "Rain": rain,
    "Sea waves": sea,
    "Fire crackling": campfire,
    "Baby cry": baby,
    "Person sneeze": sneeze,
    "Clock tick": clock,
    "Helicopter": helicopter,
    "Chainsaw": chainsaw,
}
MUSIC_LABEL = "Music"
LEAST_SHARE = 0.08
"""Classes below this weight do not show."""
_NOT_MIRRORED = frozenset({"Clock tick"})


def shares(heard: Heard) -> dict[str, float]:
    """Weight of each class (music as one), largest first, sum 1; negative weights count as 0."""
    weights_K = np.maximum(np.asarray(heard.weights_K, dtype=np.float64), 0.0)
    total = float(weights_K.sum())
    if total <= 0.0:
        return {heard.label: 1.0}
    found = {name: float(w) / total for name, w in zip(SOUNDS, weights_K, strict=False)}
    found[MUSIC_LABEL] = float(weights_K[len(SOUNDS) :].sum()) / total
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def companions(heard: Heard) -> list[tuple[str, float]]:
    """The second and third likeliest classes with their weights, where they weigh enough."""
    others = [(name, w) for name, w in shares(heard).items() if name != heard.label]
    return [(name, weight) for name, weight in others[:2] if weight >= LEAST_SHARE]


def draw_sound(
    heard: Heard,
    seed: int = 0,
    size: int = 1024,
    *,
    shape: SoundShape | None = None,
    music: MusicFeatures | None = None,
    title: str = "",
) -> str:
    """A picture of what was heard, as SVG; the same arguments give the same text everywhere.

    ``shape`` lets the picture follow the sound itself; ``music`` is drawn where the label is
    "Music", with ``title`` on it.  An unknown sound gives an abstract picture of its shape.

    Raises ValueError for a size that is not 16 to 6000 px and for a label without a scene.
    """
    if not 16 <= size <= 6000:
        raise ValueError("a picture has 16 to 6000 pixels a side")
    shape = shape or neutral_shape()
    if heard.label == MUSIC_LABEL and not heard.unknown:
        return draw_music(music or _steady_music(shape), seed, size, title=title)
    if heard.label not in SCENES and not heard.unknown:
        raise ValueError(f"{heard.label!r} has no scene; labels are {', '.join(SCENES)}")
    if heard.unknown:
        canvas = Canvas(size, "An unknown sound", "Drawn from the sound itself.")
        portrait(canvas, _generator(seed, 99), shape)
    else:
        canvas = Canvas(size, heard.label, f"Drawn, not diffusion: {SOUND_PROMPTS[heard.label]}.")
        _scene(canvas, heard, seed, shape)
    vignette(canvas, "#120b1c", 0.16)
    grain(canvas, _generator(seed, 98))
    return canvas.svg()


def _scene(canvas: Canvas, heard: Heard, seed: int, shape: SoundShape) -> None:
    rng = _generator(seed, SOUNDS.index(heard.label))
    mirror = heard.label not in _NOT_MIRRORED and bool(rng.integers(2))
    with canvas.group(1000 if mirror else 0, 0, 1, mirror=mirror):
        SCENES[heard.label](canvas, rng, shape)
    side = -1 if rng.uniform() < 0.5 else 1
    others = companions(heard)
    for name, share in others:
        tint(canvas, name, share)
    for name, share in others:
        ACCENTS[name](canvas, rng, shape, share, side)
        side = -side


def _steady_music(shape: SoundShape) -> MusicFeatures:
    return MusicFeatures("major", 96.0, shape.brightness, 62.0, 3.0, shape.loudness, shape)


def _generator(seed: int, stream: int) -> np.random.Generator:
    """One stream per class, so that a class's picture does not depend on the order of classes."""
    return np.random.default_rng([seed, stream])
