"""Captions by rule: what a person might have written to ask for a given piece.

A caption is drawn in three steps: which facts to say (:mod:`.caption_facts`), with which words
(:mod:`.caption_words`), and in which of the sentence frames here.  :func:`~.parsing.parse` reads
every caption back to its facts.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np

from partimento.music.attributes import Attributes, tempo_word
from partimento.tasks.text2midi.caption_facts import Facts, Length, choose_facts
from partimento.tasks.text2midi.caption_words import (
    FORMS,
    INSTRUMENT_WORDS,
    OPENINGS,
    PLAIN_NOUNS,
    STYLE_NOUNS,
)
from partimento.tasks.text2midi.number_words import HIGHEST, number_words

_MOST_ADJECTIVES = 3


def caption(
    attributes: Attributes,
    about: Mapping[str, str],
    rng: np.random.Generator,
    length: Length = "medium",
    stated: Collection[str] | None = None,
) -> str:
    """One caption of a piece with measured ``attributes``.

    ``about`` holds what people wrote (``style`` is used; titles never are).  About 2, 5 or 8 facts
    are drawn by ``length``; ``stated`` names the attributes to say instead.  A piece of which
    nothing can be said is "a piece of music".
    """
    return write_caption(choose_facts(attributes, about, rng, length, stated), rng)


def paraphrases(
    attributes: Attributes,
    about: Mapping[str, str],
    count: int,
    rng: np.random.Generator,
    length: Length = "medium",
) -> list[str]:
    """Captions that say the same facts in other words; all different where the words allow it."""
    facts = choose_facts(attributes, about, rng, length)
    found: list[str] = []
    for _ in range(20 * count):
        text = write_caption(facts, rng)
        if text not in found:
            found.append(text)
        if len(found) == count:
            return found
    while len(found) < count:
        found.append(write_caption(facts, rng))
    return found


def write_caption(facts: Facts, rng: np.random.Generator) -> str:
    """A sentence that says these facts, in a frame drawn at random."""
    adjectives, noun, tails = _parts(facts, rng)
    frame = FRAMES[int(rng.integers(len(FRAMES)))]
    text = frame(adjectives, noun, tails, rng)
    return text[0].upper() + text[1:] if rng.random() < 0.8 else text


def _pick(choices: Sequence[str], rng: np.random.Generator) -> str:
    return choices[int(rng.integers(len(choices)))]


def _parts(facts: Facts, rng: np.random.Generator) -> tuple[list[str], str, list[str]]:
    """Adjectives, the noun, and the phrases after it."""
    adjectives: list[str] = []
    tails: list[str] = []
    noun = _pick(STYLE_NOUNS.get(facts.get("style", ""), PLAIN_NOUNS), rng)
    for name in facts:
        if name in FORMS:
            # A key already says the mode, a number the tempo.
            if (name, "key") == ("mode", "key" if "key" in facts else ""):
                continue
            if name == "tempo_word" and "tempo_bpm" in facts:
                continue
            before, after = FORMS[name][facts[name]]
            if name == "tempo_word" and facts.get("style") == "air":
                # "A slow air" is another style than an air.
                before = ()
            if before and len(adjectives) < _MOST_ADJECTIVES and rng.random() < 0.5:
                adjectives.append(_pick(before, rng))
            else:
                tails.append(_pick(after, rng))
        elif name in _TAILS:
            tails.append(_TAILS[name](facts[name], rng))
    order = rng.permutation(len(tails))
    return adjectives, noun, [tails[int(n)] for n in order]


def _number(value: int, rng: np.random.Generator) -> str:
    return number_words(value) if value <= HIGHEST and rng.random() < 0.25 else str(value)


def _tempo(bpm: float, rng: np.random.Generator) -> str:
    """A tempo as a number, rounded where that leaves its word as it is, or as a range."""
    exact = round(bpm)
    round_five = 5 * round(bpm / 5)
    word = tempo_word(bpm)
    near = (
        round_five
        if tempo_word(float(round_five)) == word and abs(round_five - bpm) <= 3
        else exact
    )
    if tempo_word(float(exact)) != word:
        return f"at {bpm:g} bpm"
    low, high = 5 * int((bpm - 3) // 5), 5 * int(-((-bpm - 3) // 5))
    forms = [
        f"at {_number(exact, rng)} bpm",
        f"at {_number(exact, rng)} beats per minute",
        f"about {near} bpm",
        f"around {near} bpm",
        f"tempo {exact}",
        f"with a tempo of {exact} bpm",
    ]
    if tempo_word((low + high) / 2) == word:
        forms += [f"between {low} and {high} bpm", f"{low}-{high} bpm"]
    return _pick(forms, rng)


def _key(key: str, rng: np.random.Generator) -> str:
    tonic, mode = key.split()
    signs = {"#": (" sharp", "-sharp", "#"), "b": (" flat", "-flat", "b")}
    name = tonic[0] + (_pick(signs[tonic[1]], rng) if tonic[1:] else "")
    short = f"in {tonic}m" if mode == "minor" else f"in {name} major"
    forms = (
        *(f"in {name} {mode}", f"in the key of {name} {mode}", f"key: {name} {mode}"),
        *(f"set in {name} {mode}", short, f"{name} {mode}"),
    )
    return _pick(forms, rng)


_NAMED_METERS = {"4/4": "in common time", "2/2": "in cut time", "3/4": "in triple time"}


def _meter(meter: str, rng: np.random.Generator) -> str:
    beats, kind = meter.split("/")
    forms = [f"in {meter}", f"in {meter} time", f"in {meter} meter", f"{meter} time", meter]
    if kind in ("2", "4", "8") and int(beats) > 1:
        forms.append(f"in {number_words(int(beats))}-{number_words(int(kind))} time")
    if meter in _NAMED_METERS:
        forms.append(_NAMED_METERS[meter])
    return _pick(forms, rng)


def _bars(bars: int, rng: np.random.Generator) -> str:
    unit = _pick(("bars", "measures"), rng) if bars != 1 else "bar"
    number = _number(bars, rng)
    return _pick((f"{number} {unit}", f"{number} {unit} long", f"lasting {number} {unit}"), rng)


def _instruments(names: Sequence[str], rng: np.random.Generator) -> str:
    if sorted(names) == ["cello", "viola", "violin"] and rng.random() < 0.7:
        return _pick(("for string quartet", "for a string quartet"), rng)
    words = [_pick(INSTRUMENT_WORDS.get(name, (name,)), rng) for name in names]
    if len(words) == 1:
        return _pick(
            (
                *(f"for {words[0]}", f"for solo {words[0]}", f"played on the {words[0]}"),
                *(f"with {words[0]}", words[0]),
            ),
            rng,
        )
    joined = ", ".join(words[:-1]) + " and " + words[-1]
    return _pick((f"for {joined}", f"with {joined}", f"played by {joined}", joined), rng)


_TAILS: dict[str, Callable[..., str]] = {
    "tempo_bpm": _tempo,
    "key": _key,
    "meter": _meter,
    "bars": _bars,
    "instruments": _instruments,
}

Frame = Callable[[list[str], str, list[str], np.random.Generator], str]


def _nominal(adjectives: list[str], noun: str) -> str:
    """The noun with its adjectives and article."""
    words = ", ".join(adjectives[:-1]) + (" and " if len(adjectives) > 1 else "")
    phrase = f"{words}{adjectives[-1]} {noun}" if adjectives else noun
    return f"{'an' if phrase[0] in 'aeiou' else 'a'} {phrase}"


def _joined(head: str, tails: list[str], comma: bool = True) -> str:
    return (", " if comma else " ").join([head, *tails])


def _plain(adjectives: list[str], noun: str, tails: list[str], rng: np.random.Generator) -> str:
    return _joined(_nominal(adjectives, noun), tails) + "."


def _no_full_stop(
    adjectives: list[str], noun: str, tails: list[str], rng: np.random.Generator
) -> str:
    return _joined(_nominal(adjectives, noun), tails)


def _order(adjectives: list[str], noun: str, tails: list[str], rng: np.random.Generator) -> str:
    return f"{_pick(OPENINGS, rng)} {_joined(_nominal(adjectives, noun), tails)}."


def _list(adjectives: list[str], noun: str, tails: list[str], rng: np.random.Generator) -> str:
    words = [noun, *adjectives, *tails]
    return ", ".join(words[int(n)] for n in rng.permutation(len(words)))


def _tails_first(
    adjectives: list[str], noun: str, tails: list[str], rng: np.random.Generator
) -> str:
    head = _nominal(adjectives, noun)
    return f"{', '.join(tails)}: {head}." if tails else f"{head}."


def _two_sentences(
    adjectives: list[str], noun: str, tails: list[str], rng: np.random.Generator
) -> str:
    half = (len(tails) + 1) // 2
    first = _joined(_nominal(adjectives, noun), tails[:half]) + "."
    if not tails[half:]:
        return first
    rest = ", ".join(tails[half:])
    return f"{first} {rest[0].upper()}{rest[1:]}."


def _this_is(adjectives: list[str], noun: str, tails: list[str], rng: np.random.Generator) -> str:
    if not adjectives:
        return f"this is {_joined(_nominal([], noun), tails)}."
    words = " and ".join(adjectives)
    return f"this {noun} is {words}" + (f": {', '.join(tails)}." if tails else ".")


def _wanted(adjectives: list[str], noun: str, tails: list[str], rng: np.random.Generator) -> str:
    head = _nominal(adjectives, noun)
    middle = tails[:1]
    rest = tails[1:]
    text = f"I am looking for {_joined(head, middle, comma=False)}"
    return text + (f", {', '.join(rest)}." if rest else ".")


def _exclaimed(adjectives: list[str], noun: str, tails: list[str], rng: np.random.Generator) -> str:
    return _joined(_nominal(adjectives, noun), tails) + ", please!"


def _with_and(adjectives: list[str], noun: str, tails: list[str], rng: np.random.Generator) -> str:
    head = _nominal(adjectives, noun)
    if len(tails) < 2:
        return _joined(head, tails) + "."
    return f"{_joined(head, tails[:-1])}, and {tails[-1]}."


FRAMES: tuple[Frame, ...] = (
    *(_plain, _no_full_stop, _order, _list, _tails_first, _two_sentences, _this_is, _wanted),
    *(_exclaimed, _with_and),
)
"""The sentence frames."""
