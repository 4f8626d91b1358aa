"""Does generated music do what its prompt says, and is it music?

One draw for each prompt (N = 1, no best-of-N).  Attributes are first left free: the model only
knows what was asked.  A second, smaller set forces tempo, meter and instruments, as ``compose``
does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from partimento.core.errors import ConfigError, PartimentoError
from partimento.core.progress import Progress
from partimento.music.attributes import Attributes
from partimento.music.barpiece import BarPiece
from partimento.tasks.text2midi.attribute_match import (
    FORCEABLE,
    Made,
    forced_table,
    halves_agreement,
    match_table,
)
from partimento.tasks.text2midi.copying import copying_report
from partimento.tasks.text2midi.corpus import read_corpus
from partimento.tasks.text2midi.evaluation_data import Prompted, prompted_excerpts
from partimento.tasks.text2midi.evaluation_prompts import (
    caption_paraphrases,
    hand_paraphrases,
    hand_prompts,
    paraphrase_report,
    token_agreement,
)
from partimento.tasks.text2midi.interface import Conditions, CorpusPiece, TextModel, Wish
from partimento.tasks.text2midi.interventions import intervention_report
from partimento.tasks.text2midi.match import Classify, Heard, judge
from partimento.tasks.text2midi.parsing import parse
from partimento.tasks.text2midi.quality import degenerate_report, distributions_report
from partimento.tasks.text2midi.token_recovery import recovery_report
from partimento.tasks.text2midi.validity import validity_report
from partimento.tasks.text2midi.wishes import drawn_tempo

if TYPE_CHECKING:
    from partimento.nn.sampling import Sampling

CHUNK = 25
"""Pieces drawn side by side."""
MOST = 2000
MOST_BARS = 64
SIDE = 40
"""Pieces of the forced set, and of the set under semantic tokens alone, at most."""
REAL = 200
"""Held-out excerpts that generated music stands beside, at least."""
RECOVERY_EXCERPTS = 1000
"""Training excerpts that the classifier of semantic tokens learns from."""
SHOWN = 20


@dataclass(frozen=True, slots=True)
class Ask:
    """One prompt: what it means, what was understood of it, its semantic tokens.

    ``meant`` is what generated music is judged by; ``real`` the excerpt whose caption it is.
    """

    text: str
    meant: Attributes
    understood: Attributes
    semantic: tuple[int, ...]
    group: str
    real: BarPiece | None = None


@dataclass(frozen=True, slots=True)
class Studio:
    """How music is made here: one model, one way of drawing."""

    model: TextModel
    sampling: Sampling
    guidance: float
    seed: int
    bars: int
    progress: Progress | None = None

    def make(self, wishes: Sequence[Wish], turn: int, label: str) -> list[BarPiece]:
        """One piece for each wish; each ``turn`` has random numbers of its own."""
        made: list[BarPiece] = []
        for start in range(0, len(wishes), CHUNK):
            if self.progress is not None:
                self.progress(start, len(wishes), label)
            seeds = np.random.SeedSequence([self.seed, turn, start]).generate_state(1)
            made += self.model.compose(
                wishes[start : start + CHUNK],
                seed=int(seeds[0]),
                sampling=self.sampling,
                guidance=self.guidance,
            )
        return made


def evaluate_generation(
    model: TextModel,
    count: int,
    *,
    data: str | Path | None = None,
    bars: int = 16,
    guidance: float = 1.5,
    seed: int = 0,
    sampling: Sampling | None = None,
    classify: Classify | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Compose ``count`` pieces and measure them.

    Prompts are captions of held-out excerpts of ``data`` (its part ``valid``, or everything where
    that part is empty), which also give the real music to stand beside; the part ``train`` is
    searched for copies and teaches the classifier of semantic tokens.  Without ``data`` the
    packaged prompts are asked, and what needs real music is skipped, with the reason.

    Raises ConfigError for a count or number of bars that is not possible, DataError for data that
    cannot be read.
    """
    _check(count, bars)
    studio = Studio(model, sampling or default_sampling(), guidance, seed, bars, progress)
    held_out, training = (
        ([], []) if data is None else _sides(data, model, count, bars, seed, progress)
    )
    asks = _from_data(held_out, count) if held_out else _from_hand(model, count)
    made = studio.make([_wish(a, bars, frozenset()) for a in asks], 0, "pieces")
    few = asks[:SIDE]
    forced = studio.make([_wish(a, bars, frozenset(FORCEABLE)) for a in few], 1, "forced")
    real = [p.excerpt.music for p in held_out]
    return {
        "generated": count,
        "draws_per_prompt": 1,
        "prompts": "captions of held-out data" if held_out else "packaged",
        "different_prompts": len({a.text for a in asks}),
        "bars": bars,
        "guidance": guidance,
        "sampling": studio.sampling.label,
        "seed": seed,
        "validity": validity_report([*made, *forced], bars),
        "attribute_match": _match(asks, made, held_out, classify, seed),
        "forced": forced_table(
            [Made(_drawn(a).understood, p, a.group) for a, p in zip(few, forced, strict=True)]
        ),
        "interventions": intervention_report(
            model,
            sampling=studio.sampling,
            bases=max(3, min(10, count // 10)),
            guidance=guidance,
            seed=seed,
            progress=progress,
        ),
        "semantic_token": _semantic(studio, asks, made, held_out, training),
        "paraphrases": _paraphrases(model, held_out, seed),
        "copying": _copying(made, held_out, training, seed),
        "quality": {
            "distributions": _distributions(made, real, seed),
            "degenerate": degenerate_report([p for p in made if len(p)], real, seed=seed),
            "silent": sum(not len(p) for p in made),
        },
        "examples": _examples(asks, made, classify),
    }


def default_sampling() -> Sampling:
    """What ``compose`` draws with."""
    from partimento.tasks.text2midi.compose import SAMPLING

    return SAMPLING


def _check(count: int, bars: int) -> None:
    if not 2 <= count <= MOST:
        raise ConfigError(
            f"{count} pieces are not possible", where="--generate", fix=f"Ask for 2 to {MOST}"
        )
    if not 2 <= bars <= MOST_BARS:
        raise ConfigError(
            f"{bars} bars are not possible", where="--bars", fix=f"Ask for 2 to {MOST_BARS}"
        )


def _sides(
    data: str | Path, model: TextModel, count: int, bars: int, seed: int, progress: Progress | None
) -> tuple[list[Prompted], list[CorpusPiece]]:
    """Held-out excerpts with captions, and the training pieces."""
    pieces = read_corpus(data, progress=progress)
    valid = [p for p in pieces if p.part == "valid"] or pieces
    training = [p for p in pieces if p.part == "train"]
    limit = max(count, REAL)
    found = prompted_excerpts(valid, model, bars=bars, limit=limit, seed=seed, progress=progress)
    return found, training


def _from_data(held_out: Sequence[Prompted], count: int) -> list[Ask]:
    rows = [held_out[i % len(held_out)] for i in range(count)]
    return [Ask(p.caption, p.stated, p.stated, p.semantic, p.group, p.excerpt.music) for p in rows]


def _from_hand(model: TextModel, count: int) -> list[Ask]:
    prompts = hand_prompts()
    understood = [parse(p.text).attributes for p in prompts]
    asks = [
        Ask(p.text, p.asked, u, model.semantic(p.text), f"prompt {i}")
        for i, (p, u) in enumerate(zip(prompts, understood, strict=True))
    ]
    return [asks[i % len(asks)] for i in range(count)]


def _drawn(ask: Ask) -> Ask:
    """A tempo range becomes the number that is drawn from it, the same for all that use it."""
    rng = np.random.default_rng(0)
    return replace(ask, understood=drawn_tempo(ask.understood, rng))


def _wish(ask: Ask, bars: int, forced: frozenset[str]) -> Wish:
    understood = _drawn(ask).understood
    known = {n for n in forced if _stated(understood, n)}
    return Wish(
        Conditions(replace(understood, bars=bars), ask.semantic), bars, forced=frozenset(known)
    )


def _stated(attributes: Attributes, name: str) -> bool:
    if name == "tempo":
        return attributes.tempo_bpm is not None or attributes.tempo_word is not None
    return bool(getattr(attributes, name))


def _match(
    asks: Sequence[Ask],
    made: Sequence[BarPiece],
    held_out: Sequence[Prompted],
    classify: Classify | None,
    seed: int,
) -> dict[str, Any]:
    """Unforced attributes; the number of bars, which always is obeyed, is no attribute here."""
    rows = [Made(a.meant.without("bars"), p, a.group) for a, p in zip(asks, made, strict=True)]
    real = [Made(p.stated.without("bars"), p.excerpt.music, p.group) for p in held_out]
    table = match_table(rows, real, classify=classify, seed=seed)
    if held_out:
        table["agreement_of_halves"] = halves_agreement([p.excerpt.music for p in held_out])
    return table


def _semantic(
    studio: Studio,
    asks: Sequence[Ask],
    made: Sequence[BarPiece],
    held_out: Sequence[Prompted],
    training: Sequence[CorpusPiece],
) -> dict[str, Any]:
    """Whether a classifier of real music finds the token again."""
    if not any(a.semantic for a in asks):
        return {"skipped": "the model has no semantic tokens"}
    if not training or not held_out:
        return {"skipped": "there is no training music to learn from: give --data"}
    taught = prompted_excerpts(
        training, studio.model, bars=studio.bars, limit=RECOVERY_EXCERPTS, seed=studio.seed
    )
    few = [a for a in asks if a.semantic][:SIDE]
    wishes = [
        Wish(Conditions(Attributes(bars=studio.bars), a.semantic), studio.bars, frozenset())
        for a in few
    ]
    alone = studio.make(wishes, 2, "semantic tokens alone")
    generated = {
        "full_prompt": [(p, a.semantic[0]) for a, p in zip(asks, made, strict=True) if a.semantic],
        "token_alone": [(p, a.semantic[0]) for a, p in zip(few, alone, strict=True)],
    }
    return _or_reason(
        lambda: recovery_report(
            [(p.excerpt.music, p.semantic[0]) for p in taught if p.semantic],
            [(p.excerpt.music, p.semantic[0]) for p in held_out if p.semantic],
            generated,
            groups=[p.group for p in held_out if p.semantic],
            seed=studio.seed,
        )
    )


def _paraphrases(model: TextModel, held_out: Sequence[Prompted], seed: int) -> dict[str, Any]:
    """Five wordings of the packaged wishes and, with data, of captions."""
    packaged = [p.texts for p in hand_paraphrases()]
    report = {
        "packaged": {**paraphrase_report(), "semantic_token": token_agreement(model, packaged)}
    }
    if held_out:
        groups = caption_paraphrases(held_out[:SIDE], seed=seed)
        found = paraphrase_report(groups)
        report["captions"] = {**found, "semantic_token": token_agreement(model, groups)}
    return report


def _copying(
    made: Sequence[BarPiece],
    held_out: Sequence[Prompted],
    training: Sequence[CorpusPiece],
    seed: int,
) -> dict[str, Any]:
    if not training or not held_out:
        return {"skipped": "there is no training music to search: give --data"}
    return copying_report(
        [p for p in made if len(p)],
        [p.excerpt.music for p in held_out[: len(made)]],
        {piece.id: piece.sections for piece in training},
        groups=[p.group for p in held_out[: len(made)]],
        seed=seed,
    )


def _distributions(
    made: Sequence[BarPiece], real: Sequence[BarPiece], seed: int
) -> Mapping[str, Any]:
    if not real:
        return {"skipped": "there is no real music to stand beside: give --data"}
    return _or_reason(
        lambda: distributions_report([p for p in made if len(p) > 1], real, seed=seed)
    )


def _or_reason(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The result, or why there is none."""
    try:
        return work()
    except (ValueError, PartimentoError) as error:
        return {"skipped": str(error)}


def _examples(
    asks: Sequence[Ask], made: Sequence[BarPiece], classify: Classify | None
) -> list[dict[str, Any]]:
    """The first prompts, with what was met and what was not."""
    rows = []
    for ask, piece in zip(asks[:SHOWN], made, strict=False):
        found = judge(ask.meant.without("bars"), Heard(piece, classify))
        rows.append(
            {
                "text": ask.text,
                "met": [r.attribute for r in found if r.ok],
                "missed": [
                    f"{r.attribute}: {r.measured} for {r.asked}" for r in found if r.ok is False
                ],
            }
        )
    return rows
