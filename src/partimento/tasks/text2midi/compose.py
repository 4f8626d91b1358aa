"""From a sentence to pieces: understand, correct, draw, judge, keep the best."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from partimento.core.errors import ConfigError
from partimento.core.progress import Progress
from partimento.music.attributes import Attributes
from partimento.nn.sampling import PRESETS, Sampling, preset
from partimento.tasks.text2midi.best_of import Chosen, checked_counts, choose, judge_of
from partimento.tasks.text2midi.blend import checked_weight, understood_blend
from partimento.tasks.text2midi.interface import TextModel
from partimento.tasks.text2midi.outcome import Composed, Outcome
from partimento.tasks.text2midi.request import Request
from partimento.tasks.text2midi.restyle import rearranged
from partimento.tasks.text2midi.wishes import Settings, forced_names

if TYPE_CHECKING:
    from partimento.tasks.text2midi.retrieval import Neighbour

DEFAULT_WEIGHTS = "text2midi-strong"
SAMPLING = Sampling(temperature=0.9, top_p=0.95)
"""How freely to draw where nothing is said."""
MOST_GUIDANCE = 10.0
CLOSEST = 5


def compose(
    text: str,
    out: str | Path | None = None,
    *,
    bars: int | None = None,
    settings: Settings | None = None,
    n: int = 1,
    seed: int = 0,
    guidance: float | int = 1.5,
    temperature: float | int | None = None,
    top_p: float | int | None = None,
    style_preset: str | None = None,
    best_of: int = 1,
    force: str = "",
    free: bool = False,
    like: str | None = None,
    continue_from: str | Path | None = None,
    restyle: str | Path | None = None,
    keep_melody: bool = False,
    blend: str | None = None,
    blend_weight: float | int = 0.5,
    weights: str | Path | TextModel = DEFAULT_WEIGHTS,
    progress: Progress | None = None,
) -> Outcome:
    """Compose ``n`` pieces that do what a text says; with ``out`` write them to that folder.

    Parameters
    ----------
    bars: length; otherwise what the text says, otherwise 16.
    settings: attributes that override the text, ``{"key": "D minor", "tempo": 90}`` or
        ``["key=D minor"]`` (:data:`partimento.tasks.text2midi.wishes.SETTABLE`).
    guidance: weight of the conditions, 1 is the plain sampler (Ho and Salimans 2022).
    best_of: draw so many for each piece and keep the best match.
    force: names of further attributes to enforce, with commas; tempo, meter and instruments are
        where they are stated, unless ``free``.
    like: a second text that fills in what the first leaves open.
    continue_from: a MIDI file to go on from; its bars come first, ``bars`` new ones follow.
    restyle: a MIDI file whose traits hold where the text is silent; with ``keep_melody`` its notes
        are rearranged by rule instead of composed anew.
    blend, blend_weight: a second text to mix in, and its share.
    weights: shipped name, file, folder, or a model.

    The same arguments give the same bytes.  Raises ConfigError for impossible options,
    InputFileError and MusicError for a file that cannot be used.
    """
    began = time.perf_counter()
    checked_counts(n, best_of)
    sampling = resolve_sampling(style_preset, temperature, top_p)
    check_drawing(seed, guidance)
    _check_options(continue_from, restyle, keep_melody)
    weight = checked_weight(blend_weight) if blend is not None else 0.0
    request = Request.of(text, like, settings, bars, continue_from, restyle)
    forced = forced_names(request.attributes, force.split(","), free)
    if keep_melody:
        outcome = _rearranged(request, forced, seed)
    else:
        drawing = _Drawing(n, best_of, seed, float(guidance), sampling, blend, weight, progress)
        outcome = drawing.of(request, forced, weights)
    outcome = outcome if out is None else outcome.saved(out)
    return replace(outcome, seconds=time.perf_counter() - began)


@dataclass(frozen=True, slots=True)
class _Drawing:
    """How to draw: numbers and options, all checked."""

    n: int
    best_of: int
    seed: int
    guidance: float
    sampling: Sampling
    blend: str | None
    weight: float
    progress: Progress | None

    def of(
        self, request: Request, forced: frozenset[str], weights: str | Path | TextModel
    ) -> Outcome:
        """Draw, judge, keep the best."""
        also = None if self.blend is None else understood_blend(self.blend, request.attributes)
        model = _model(weights)
        mixed = None if also is None else also.conditions(model)
        count = self.n * self.best_of
        wishes, asked = request.wishes(model, count, forced, self.seed, mixed, self.weight)
        drawn = model.compose(
            wishes,
            seed=self.seed,
            sampling=self.sampling,
            guidance=self.guidance,
            progress=self.progress,
        )
        pieces = [request.finished(piece, one) for piece, one in zip(drawn, asked, strict=True)]
        judge = judge_of(request.attributes, forced, request.start_bars)
        chosen = choose(pieces, self.best_of, judge)
        kept = [asked[i * self.best_of + one.place] for i, one in enumerate(chosen)]
        facts = {**self._facts(request, weights), "semantic": list(wishes[0].conditions.semantic)}
        if also is not None:
            facts["blend"] = {**also.report(), "weight": self.weight}
        composed = _composed(chosen, kept, request.start_bars)
        closest = _closest(request.whole_text, request.stated)
        return request.outcome(composed, forced, facts, closest)

    def _facts(self, request: Request, weights: str | Path | TextModel) -> dict[str, Any]:
        return {
            "how": request.how,
            "weights": str(getattr(weights, "name", weights)),
            "seed": self.seed,
            "n": self.n,
            "best_of": self.best_of,
            "bars": request.bars,
            "guidance": self.guidance,
            "temperature": self.sampling.temperature,
            "top_p": self.sampling.top_p,
            "top_k": self.sampling.top_k,
        }


def _rearranged(request: Request, forced: frozenset[str], seed: int) -> Outcome:
    """The file's own notes by rule: one piece, whatever the seed."""
    assert request.given is not None
    made = rearranged(request.given, request.stated)
    chosen = choose([made], 1, judge_of(request.stated, forced))
    facts: dict[str, Any] = {
        "how": "rearranged by rule, without a model",
        "weights": None,
        "seed": seed,
        "n": 1,
        "best_of": 1,
        "bars": made.bars,
    }
    return request.outcome(_composed(chosen, [request.stated], 0), forced, facts, ())


def _composed(
    chosen: Sequence[Chosen], asked: Sequence[Attributes], given_bars: int
) -> list[Composed]:
    return [
        Composed(number, one, attributes, given_bars)
        for number, (one, attributes) in enumerate(zip(chosen, asked, strict=True), start=1)
    ]


def resolve_sampling(
    style_preset: str | None, temperature: float | int | None, top_p: float | int | None
) -> Sampling:
    """The sampling of a preset, or ours, with single values replaced.  Raises ConfigError."""
    if style_preset is not None and style_preset not in PRESETS:
        raise ConfigError(
            f"there is no preset {style_preset[:40]!r}",
            where="--style-preset",
            fix=f"Use one of {', '.join(PRESETS)}",
        )
    if temperature is not None and not 0 <= temperature <= 5:
        raise ConfigError(
            f"a temperature of {temperature:g} is not possible",
            where="--temperature",
            fix="Use 0 (always the likeliest) to 5",
        )
    if top_p is not None and not 0 < top_p <= 1:
        raise ConfigError(
            f"top-p {top_p:g} is not possible", where="--top-p", fix="Use a value above 0, up to 1"
        )
    found = SAMPLING if style_preset is None else preset(style_preset)
    if temperature is not None:
        found = replace(found, temperature=float(temperature))
    return found if top_p is None else replace(found, top_p=float(top_p))


def check_drawing(seed: int, guidance: float | int) -> None:
    """Raise ConfigError for a seed or a guidance that is not possible."""
    if not 0 <= seed < 2**63:
        raise ConfigError(f"a seed of {seed} is not possible", where="--seed", fix="Use 0 or more")
    if not 0 <= guidance <= MOST_GUIDANCE:
        raise ConfigError(
            f"a guidance of {guidance:g} is not possible",
            where="--guidance",
            fix=f"Use 0 to {MOST_GUIDANCE:g}; 1 is the plain sampler",
        )


def _check_options(
    continue_from: str | Path | None,
    restyle: str | Path | None,
    keep_melody: bool,
) -> None:
    if continue_from is not None and restyle is not None:
        raise ConfigError(
            "a piece cannot be continued and restyled at once",
            where="--continue and --restyle",
            fix="Leave one of them out",
        )
    if keep_melody and restyle is None:
        raise ConfigError(
            "there is no melody to keep",
            where="--keep-melody",
            fix="Give the piece with --restyle FILE.mid",
        )


def _model(weights: str | Path | TextModel) -> TextModel:
    if not isinstance(weights, str | Path):
        return weights
    from partimento.tasks.text2midi.loading import load_text_model

    return load_text_model(weights)


def _closest(text: str, attributes: Attributes) -> tuple[Neighbour, ...]:
    """The pieces of the training data that are nearest to the text, or to what was set by hand."""
    from partimento.tasks.text2midi.retrieval import shipped_index

    index = shipped_index()
    return () if index is None else tuple(index.nearest(text or attributes, CLOSEST))
