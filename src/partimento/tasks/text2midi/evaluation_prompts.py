"""The prompts that come with the package: what to ask for, and how one wish can be worded."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np

from partimento.music.attributes import Attributes
from partimento.tasks.text2midi.captions import paraphrases
from partimento.tasks.text2midi.evaluation_data import Prompted
from partimento.tasks.text2midi.interface import TextModel
from partimento.tasks.text2midi.parsing import parse

_PLAIN: tuple[str, ...] = (
    *("tempo_word", "key", "mode", "meter", "style", "density", "register", "polyphony"),
    *("dynamics", "articulation", "bars"),
)


@dataclass(frozen=True, slots=True)
class HandPrompt:
    """A sentence, and the attributes that whoever wrote it had in mind."""

    text: str
    asked: Attributes


@dataclass(frozen=True, slots=True)
class Paraphrases:
    """Sentences that all state the same attributes."""

    asked: Attributes
    texts: tuple[str, ...]


def hand_prompts() -> list[HandPrompt]:
    """About sixty prompts; no model and no codebook has learnt from them."""
    return [HandPrompt(row["text"], attributes_of(row["attributes"])) for row in _file()["prompts"]]


def hand_paraphrases() -> list[Paraphrases]:
    """Five wordings each of a dozen wishes."""
    return [
        Paraphrases(attributes_of(row["attributes"]), tuple(row["texts"]))
        for row in _file()["paraphrases"]
    ]


def _file() -> Mapping[str, Any]:
    text = files("partimento.tasks.text2midi").joinpath("evaluation_prompts.json")
    found: Mapping[str, Any] = json.loads(text.read_text(encoding="utf-8"))
    return found


def attributes_of(row: Mapping[str, Any]) -> Attributes:
    """Attributes from the form of ``Attributes.to_dict``; what is missing is unstated."""
    tempo = row.get("tempo_bpm")
    if isinstance(tempo, list):
        low, high = tempo
        tempo = (float(low), float(high))
    mood = row.get("mood") or {}
    plain: dict[str, Any] = {name: row.get(name) for name in _PLAIN}
    return Attributes(
        tempo_bpm=float(tempo) if isinstance(tempo, int) else tempo,
        valence=mood.get("valence"),
        arousal=mood.get("arousal"),
        instruments=tuple(row.get("instruments") or ()),
        excluded=tuple(row.get("excluded_instruments") or ()),
        **plain,
    )


def stated(attributes: Attributes) -> dict[str, Any]:
    """What is stated, by attribute, in a form that can be compared.

    Tempo words are left out where a number is given, and arousal where density is: they say the
    same again.
    """
    names = ("tempo_bpm", *_PLAIN, "valence", "arousal", "instruments", "excluded")
    row = {name: getattr(attributes, name) for name in names}
    if row["tempo_bpm"] is not None:
        row["tempo_word"] = None
    if row["density"] is not None:
        row["arousal"] = None
    for name in ("instruments", "excluded"):
        row[name] = tuple(sorted(row[name]))
    return {name: value for name, value in row.items() if value not in (None, ())}


def paraphrase_report(groups: Sequence[Sequence[str]] | None = None) -> dict[str, Any]:
    """Do wordings of one wish parse alike?

    ``attributes_agree``: of the attributes that any wording of a group gives, the share on which
    all wordings agree; ``pairs_agree``: of all pairs of wordings and attributes that either gives,
    the share that agrees; ``groups_agree``: groups in which everything agrees.  For the packaged
    wishes also ``right``: the share of the attributes meant that all wordings give.
    """
    meant = hand_paraphrases() if groups is None else []
    texts = [p.texts for p in meant] if groups is None else groups
    alike, pairs, whole, right = [], [], [], []
    for number, group in enumerate(texts):
        rows = [stated(parse(text).attributes) for text in group]
        names = sorted({name for row in rows for name in row})
        same = [len({repr(row.get(name)) for row in rows}) == 1 for name in names]
        alike += same
        whole.append(all(same))
        for i, one in enumerate(rows):
            for two in rows[i + 1 :]:
                pairs += [one.get(n) == two.get(n) for n in {*one, *two}]
        if meant:
            wanted = stated(meant[number].asked)
            right += [all(row.get(n) == value for row in rows) for n, value in wanted.items()]
    report: dict[str, Any] = {
        "groups": len(texts),
        "wordings": max((len(group) for group in texts), default=0),
        "attributes_agree": _share(alike),
        "pairs_agree": _share(pairs),
        "groups_agree": _share(whole),
    }
    return {**report, "right": _share(right)} if meant else report


def caption_paraphrases(
    held_out: Sequence[Prompted], count: int = 5, seed: int = 0
) -> list[list[str]]:
    """``count`` captions of each excerpt that say the same facts in other words."""
    rng = np.random.default_rng([seed, 90])
    return [paraphrases(p.measured, p.excerpt.piece.about, count, rng) for p in held_out]


def token_agreement(model: TextModel, groups: Sequence[Sequence[str]]) -> dict[str, Any] | None:
    """How often two wordings of one wish get the same first semantic token, and two wishes do."""
    tokens = [[model.semantic(text)[:1] for text in group] for group in groups]
    if not tokens or not tokens[0][0]:
        return None
    same = [a == b for row in tokens for i, a in enumerate(row) for b in row[i + 1 :]]
    chance = [
        a == b
        for i, row in enumerate(tokens)
        for other in tokens[i + 1 :]
        for a, b in zip(row, other, strict=True)
    ]
    return {"pairs_agree": _share(same), "chance": _share(chance)}


def _share(values: Sequence[bool]) -> float | None:
    return float(np.mean(values)) if values else None
