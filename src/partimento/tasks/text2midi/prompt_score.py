"""How well texts are parsed: stated attributes right, unstated ones left alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from partimento.tasks.text2midi.parsing import parse

COUNTED: tuple[str, ...] = (
    *("tempo_bpm", "tempo_word", "key", "mode", "meter", "style", "valence", "arousal", "density"),
    *("register", "polyphony", "dynamics", "articulation", "instruments"),
    *("excluded_instruments", "bars"),
)


def flat(contract: Mapping[str, Any]) -> dict[str, Any]:
    """The contract of ``parse`` without nesting and without nulls; lists of names as sorted."""
    values = {k: v for k, v in contract.items() if k != "mood"}
    values.update(contract.get("mood") or {})
    found = {}
    for name, value in values.items():
        if value is None or value == []:
            continue
        if name in ("instruments", "excluded_instruments"):
            value = tuple(sorted(value))
        elif name == "tempo_bpm":
            value = tuple(map(float, value)) if isinstance(value, list | tuple) else float(value)
        found[name] = value
    return found


def score_prompts(prompts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Shares over all attributes of all prompts (``text``, ``expected``: contract, stated keys).

    ``stated_right``: of the expected values, those given exactly; ``unstated_left``: of the
    attributes not expected, those left None.  ``per_attribute`` has both with their counts.
    Raises ValueError without prompts.
    """
    if not prompts:
        raise ValueError("no prompts to score")
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for prompt in prompts:
        wanted = flat(prompt["expected"])
        got = flat(parse(prompt["text"]).attributes.to_dict())
        for name in COUNTED:
            place = 0 if name in wanted else 2
            counts[name][place] += wanted.get(name) == got.get(name)
            counts[name][place + 1] += 1
    total = [sum(c[k] for c in counts.values()) for k in range(4)]
    return {
        "prompts": len(prompts),
        "stated_right": total[0] / max(1, total[1]),
        "unstated_left": total[2] / max(1, total[3]),
        "stated": total[1],
        "unstated": total[3],
        "per_attribute": {
            name: {
                "stated_right": c[0] / c[1] if c[1] else None,
                "stated": c[1],
                "unstated_left": c[2] / c[3] if c[3] else None,
                "unstated": c[3],
            }
            for name, c in counts.items()
        },
    }


def paraphrase_agreement(sets: Sequence[Sequence[str]]) -> float:
    """Share of pairs of paraphrases, within sets, that parse to exactly the same attributes."""
    same = pairs = 0
    for texts in sets:
        parsed = [flat(parse(text).attributes.to_dict()) for text in texts]
        for n, one in enumerate(parsed):
            for other in parsed[n + 1 :]:
                same += one == other
                pairs += 1
    return same / max(1, pairs)
