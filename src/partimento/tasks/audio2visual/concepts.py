"""The things that a sound may be, each with the sentence that stands for it in text space.

A prompt bank holds one text embedding per concept, in this order: the sounds, then the music.
"""

from __future__ import annotations

from dataclasses import dataclass

from partimento.music.attributes import LEVELS, Attributes

SOUND_PROMPTS: dict[str, str] = {
    "Dog bark": "a dog barking in a garden",
    "Rooster": "a rooster crowing on a fence at sunrise",
    "Rain": "rain falling on a street at dusk",
    "Sea waves": "waves of the sea rolling onto a beach",
    "Fire crackling": "a campfire crackling in the dark",
    "Baby cry": "a baby crying in its cradle",
    "Person sneeze": "a person sneezing into a handkerchief",
    "Clock tick": "a wall clock ticking in a quiet room",
    "Helicopter": "a helicopter flying over hills",
    "Chainsaw": "a chainsaw cutting a log in a forest",
}
"""Label (as the data set spells it) -> prompt."""
SOUNDS: tuple[str, ...] = tuple(SOUND_PROMPTS)


MOTIONS = ("calm", "flowing", "restless")
HIGH_PITCH = 65.0
"""Mean pitch (MIDI number) from which music counts as high."""


@dataclass(frozen=True, slots=True)
class MusicConcept:
    """One of the 24 kinds of music: every combination of four coarse attributes."""

    motion: str
    """"calm", "flowing" or "restless": few, some or many notes a second."""
    mode: str
    """"major" or "minor"."""
    register: str
    """"low" or "high"."""
    texture: str
    """"solo" (one line) or "full" (chords or several lines)."""

    @property
    def name(self) -> str:
        """The concept's name, as in results and banks."""
        return f"music: {self.motion}, {self.mode}, {self.register}, {self.texture}"

    @property
    def prompt(self) -> str:
        """The sentence that stands for it."""
        light = {"major": "bright", "minor": "dark"}[self.mode]
        place = {"low": "deep valleys", "high": "wide skies"}[self.register]
        forms = {"solo": "one thin line", "full": "rich layered forms"}[self.texture]
        return f"an abstract landscape, {light} and {self.motion}, {place}, {forms}"


MUSIC: tuple[MusicConcept, ...] = tuple(
    MusicConcept(motion, mode, register, texture)
    for motion in MOTIONS
    for mode in ("major", "minor")
    for register in ("low", "high")
    for texture in ("solo", "full")
)
CONCEPTS: tuple[str, ...] = (*SOUNDS, *(concept.name for concept in MUSIC))
"""Names of all concepts, in the order of a bank and of a model's weights: (K,) = 34."""
PROMPTS: tuple[str, ...] = (*SOUND_PROMPTS.values(), *(concept.prompt for concept in MUSIC))


def music_concept(attributes: Attributes) -> MusicConcept:
    """The concept of measured attributes (:func:`partimento.music.attributes.measure`)."""
    density = LEVELS["density"].index(attributes.density or "medium")
    return MusicConcept(
        motion=MOTIONS[density],
        mode=attributes.mode or "major",
        register="high" if attributes.numbers.get("register", 0.0) >= HIGH_PITCH else "low",
        texture="solo" if attributes.polyphony == "monophonic" else "full",
    )
