"""Two texts in one piece: the second one's conditions are mixed in with a weight.

The model draws every note from a mixture of what it would do under either set of conditions
(:attr:`partimento.tasks.text2midi.interface.Wish.blend`).  What is forced is forced by the first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from partimento.core.errors import ConfigError
from partimento.music.attributes import Attributes
from partimento.tasks.text2midi.interface import Conditions, TextModel
from partimento.tasks.text2midi.parsing import Understood, parse
from partimento.tasks.text2midi.wishes import asked_for, checked_text


@dataclass(frozen=True, slots=True)
class Second:
    """The text to mix in: what was understood of it, and what it asks for beside the first."""

    understood: Understood
    attributes: Attributes

    def conditions(self, model: TextModel) -> Conditions:
        """What the model is given for it."""
        text = self.understood.text
        return Conditions(self.attributes, tuple(model.semantic(text)) if text else ())

    def report(self) -> dict[str, Any]:
        """Facts for JSON."""
        return {"text": self.understood.text, **self.attributes.to_dict()}


def understood_blend(text: str, main: Attributes) -> Second:
    """The second text; what either text excludes is excluded in both.

    Raises ConfigError for a text that is too long.
    """
    understood = parse(checked_text(text, "--blend"))
    attributes = asked_for(understood.attributes).attributes
    excluded = tuple(dict.fromkeys((*main.excluded, *attributes.excluded)))
    kept = tuple(n for n in attributes.instruments if n not in excluded)
    return Second(understood, replace(attributes, excluded=excluded, instruments=kept))


def checked_weight(weight: float | int) -> float:
    """The share of the second text.  Raises ConfigError outside 0 to 1."""
    if not 0 <= weight <= 1:
        raise ConfigError(
            f"a weight of {weight:g} is not possible",
            where="--blend-weight",
            fix="Use 0 (the first text only) to 1 (the second only)",
        )
    return float(weight)


def filled_in(attributes: Attributes, more: Attributes) -> Attributes:
    """What ``attributes`` states, and where it is silent what ``more`` states."""
    open_names = [
        name
        for name in Attributes.__dataclass_fields__
        if name != "numbers" and getattr(attributes, name) in (None, ())
    ]
    # A tempo, a key and a mode belong together: half of each would contradict the other half.
    if "tempo_bpm" not in open_names or "tempo_word" not in open_names:
        open_names = [n for n in open_names if not n.startswith("tempo")]
    if "key" not in open_names or "mode" not in open_names:
        same_mode = attributes.key is None and more.mode == attributes.mode
        open_names = [n for n in open_names if n != "mode" and (n != "key" or same_mode)]
    numbers = {
        name: value
        for name, value in more.numbers.items()
        if name in open_names and name not in attributes.numbers
    }
    excluded = tuple(dict.fromkeys((*attributes.excluded, *more.excluded)))
    values = {name: getattr(more, name) for name in open_names if name != "excluded"}
    filled = replace(attributes, **values, excluded=excluded)
    filled = replace(filled, numbers={**numbers, **attributes.numbers})
    kept = tuple(n for n in filled.instruments if n not in attributes.excluded)
    return replace(filled, instruments=kept)
