"""Checks of probabilities and of what a model generates: loops, copies.   (R12, R13)"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from partimento.doctor.calibration import Calibration, calibration
from partimento.doctor.case import Case, DataFacts
from partimento.doctor.checks import Check, Known
from partimento.doctor.finding import Finding
from partimento.doctor.gathered import answers
from partimento.doctor.narrow import NarrowCheck
from partimento.doctor.repeats import (
    CYCLES,
    RunIndex,
    loop_share,
    symbols,
    windows,
    without_holds,
)
from partimento.doctor.settings import flat

CALIBRATION_ERROR = 0.15
OVERCONFIDENCE = 0.15
FEWEST_PREDICTIONS = 200
FEWEST_EXAMPLES = 4
FEWEST_SAMPLES = 4
FEWEST_WINDOWS = 20
MOST_WINDOWS = 200
LOOP_EXCESS = 0.25
CHANCE = 0.01
"""Probability of such a mean, were the samples real music, below which chance is ruled out."""
DRAWS = 10_000
COPIED_SHARE = 0.5
SHORTEST_PIECE = 8
"""Symbols, held ones counted once."""
_FIXED_ON = "chosen on seeds 100 to 104 of the self-test"


def calibration_check(case: Case) -> Iterator[Finding]:
    """R12.overconfident and R12.calibration, from the probe's held-out batches."""
    measured = _measured(case)
    if measured is None:
        return
    if measured.gap_low > OVERCONFIDENCE:
        yield _overconfident(case, measured)
    if measured.low > CALIBRATION_ERROR:
        yield _miscalibrated(measured)


def _measured(case: Case) -> Calibration | None:
    if case.probe is None:
        return None
    found = answers(case.probe)
    enough = len(np.unique(found.example_N)) >= FEWEST_EXAMPLES
    if found.targets.ndim != 1 or not enough or len(found.targets) < FEWEST_PREDICTIONS:
        return None
    width = found.outputs_ND.shape[1]
    real = (found.targets >= 0) & (found.targets < width)  # -100 marks what is not learnt
    if width < 2 or real.sum() < FEWEST_PREDICTIONS or not np.isfinite(found.outputs_ND).all():
        return None
    return calibration(
        found.outputs_ND[real],
        found.targets[real].astype(np.int64),
        found.example_N[real],
        case.rng(121),
    )


def _overconfident(case: Case, measured: Calibration) -> Finding:
    return Finding(
        code="R12.overconfident",
        severity="warning",
        claim=f"the model gives its likeliest answer {measured.confidence:.0%} on average, and"
        f" {measured.accuracy:.0%} of them are right",
        measured=measured.gap,
        unit="mean probability of the likeliest answer - share that is right",
        threshold=OVERCONFIDENCE,
        source="Guo et al. 2017 find 0.04 to 0.16 on large networks that nobody calibrated; the"
        f" lower end of the 95 % interval is compared; {_FIXED_ON}",
        confidence=0.9,
        control=f"whole examples were resampled: the gap is {measured.gap_low:.3f} to"
        f" {measured.gap_high:.3f} over {measured.predictions:,} held-out predictions",
        remedy=_calibration_remedy(measured, case),
        evidence=_calibration_evidence(measured),
    )


def _miscalibrated(measured: Calibration) -> Finding:
    side = "too sure" if measured.gap > 0 else "not sure enough"
    return Finding(
        code="R12.calibration",
        severity="warning",
        claim=f"probabilities and outcomes differ by {measured.error:.3f} on average: the model is"
        f" {side}",
        measured=measured.error,
        unit="expected calibration error, bins of equal counts",
        threshold=CALIBRATION_ERROR,
        source="Guo et al. 2017 find 0.04 to 0.16 on large networks that nobody calibrated; the"
        f" lower end of the 95 % interval is compared; {_FIXED_ON}",
        confidence=0.85,
        control=f"a calibrated model with the same probabilities shows {measured.chance:.3f} on as"
        " many predictions; resampled by whole examples the error is at least"
        f" {measured.low:.3f}",
        remedy=f"divide the logits by {measured.temperature:.3g} when the probabilities are used"
        f" (error then {measured.error_after:.3f} on the other half of the examples)",
        evidence=_calibration_evidence(measured),
    )


def _calibration_remedy(measured: Calibration, case: Case) -> str:
    settings = [key for key in flat(case.config) if key.rpartition(".")[2].endswith("dropout")]
    stronger = f"; train with a larger {settings[0]}" if settings else ""
    return (
        "use the weights of the best validation (checkpoints/best.safetensors), or sample with"
        f" --temperature {measured.temperature:.3g}{stronger}"
    )


def _calibration_evidence(measured: Calibration) -> dict[str, Any]:
    return {
        "reliability": {
            key: [one[key] for one in measured.bins] for key in ("confidence", "accuracy", "count")
        },
        "error by chance": measured.chance,
        "best temperature": measured.temperature,
        "error with it": measured.error_after,
    }


@dataclass(frozen=True, slots=True)
class _Beside:
    """A figure of generated pieces beside that of real ones."""

    made: np.ndarray
    real: np.ndarray
    rng: np.random.Generator

    def probability(self) -> float:
        """Of as large a mean of as many pieces, were they drawn from the real ones."""
        picks = self.rng.integers(0, len(self.real), (DRAWS, len(self.made)))
        beyond = (self.real[picks].mean(1) >= self.made.mean()).sum()
        return float((beyond + 1) / (DRAWS + 1))

    @property
    def rows(self) -> list[dict[str, Any]]:
        """A table for the evidence."""
        return [
            {
                "pieces": name,
                "looked at": len(v),
                "mean": float(v.mean()),
                "largest": float(v.max()),
            }
            for name, v in (("generated", self.made), ("real", self.real))
        ]


def loops_check(case: Case) -> Iterator[Finding]:
    """R12.loops: generated rows repeat themselves more than any real ones of their length."""
    beside = _loops(case)
    if beside is None:
        return
    made, real = float(beside.made.mean()), float(beside.real.mean())
    probability = beside.probability()
    if made - real <= LOOP_EXCESS or probability >= CHANCE:
        return
    yield Finding(
        code="R12.loops",
        severity="warning",
        claim=f"{made:.0%} of a generated piece lies in loops, {real:.0%} of a real one of the same"
        " length",
        measured=made - real,
        unit="share of steps in loops, generated - real",
        threshold=LOOP_EXCESS,
        source=f"a block counts as a loop from {CYCLES} times in a row; {_FIXED_ON}",
        confidence=0.9,
        control=f"{len(beside.made)} cuts of the corpus, drawn {DRAWS:,} times from"
        f" {len(beside.real)}, reach that mean with probability {probability:.1g}",
        remedy="sample with a temperature near 1 and --top-p 0.95, not the likeliest token; if it"
        " stays, train longer",
        evidence={"loops": beside.rows, "share of each generated piece": beside.made.tolist()},
    )


def _loops(case: Case) -> _Beside | None:
    """Share of loops, where there are samples and cuts enough."""
    made, real = _as_symbols(case.samples, case.corpus)
    made = [row for row in made if len(row) >= 4 * CYCLES]
    if len(made) < FEWEST_SAMPLES:
        return None
    length = int(np.median([len(row) for row in made]))
    cuts = windows(real, length, MOST_WINDOWS, case.rng(122))
    if len(cuts) < FEWEST_WINDOWS:
        return None
    shares = [np.array([loop_share(row) for row in rows]) for rows in (made, cuts)]
    return _Beside(shares[0], shares[1], case.rng(123))


def _as_symbols(
    *groups: Sequence[np.ndarray],
) -> tuple[list[np.ndarray], ...]:
    """Each group of rows in one numbering of steps; empty groups where the rows do not fit."""
    try:
        flat_rows = symbols([row for group in groups for row in group])
    except ValueError:
        return tuple([] for _ in groups)
    parts, first = [], 0
    for group in groups:
        parts.append(flat_rows[first : first + len(group)])
        first += len(group)
    return tuple(parts)


def memorised_check(case: Case) -> Iterator[Finding]:
    """R13.memorised: runs copied from training, against what held-out pieces share with it."""
    beside = _copies(case)
    if beside is None:
        return
    made, real = float(np.median(beside.made)), float(np.median(beside.real))
    probability = beside.probability()
    if made <= COPIED_SHARE or made <= 2.0 * real or probability >= CHANCE:
        return
    yield Finding(
        code="R13.memorised",
        severity="warning",
        claim=f"the longest run that a generated piece copies from training is {made:.0%} of its"
        f" length (median); real pieces outside share {real:.0%}",
        measured=made,
        unit="longest copied run / length, median",
        threshold=COPIED_SHARE,
        source=f"half of the piece, and twice what real pieces share; {_FIXED_ON}",
        confidence=0.9,
        control=f"held notes count once; {len(beside.made)} cuts of held-out pieces, drawn"
        f" {DRAWS:,} times from {len(beside.real)}, copy as much with probability"
        f" {probability:.1g}",
        remedy="stop at the best validation (checkpoints/best.safetensors), or train on more"
        " pieces or with more dropout",
        evidence={"copied": beside.rows, "run of each generated piece": beside.made.tolist()},
    )


def _copies(case: Case) -> _Beside | None:
    """Longest copied runs as shares of the length, where there are pieces enough."""
    made, known, fresh = (
        [without_holds(row) for row in rows]
        for rows in _as_symbols(case.samples, case.corpus, _held_out(case.data))
    )
    made = [row for row in made if len(row) >= SHORTEST_PIECE]
    if len(made) < FEWEST_SAMPLES or not known:
        return None
    length = int(np.median([len(row) for row in made]))
    cuts = windows(fresh, length, MOST_WINDOWS // 2, case.rng(131))
    if len(cuts) < FEWEST_WINDOWS:
        return None
    index = RunIndex(known)
    copied = [index.longest(row[:length]) / min(length, len(row)) for row in made]
    usual = [index.longest(row) / length for row in cuts]
    return _Beside(np.array(copied), np.array(usual), case.rng(132))


def _held_out(data: DataFacts | None) -> list[np.ndarray]:
    if data is None or len(data.split) != len(data.inputs):
        return []
    return [row for row, part in zip(data.inputs, data.split, strict=True) if part != "train"]


CHECKS: tuple[Check, ...] = (
    NarrowCheck(
        name="calibration",
        known=(
            Known(
                code="R12.overconfident",
                title="Too sure of itself",
                meaning="The probability of the likeliest answer is much higher than the share of"
                " such answers that are right: the model has learnt its training data by heart, or"
                " its logits are scaled.",
                threshold=f"mean confidence - accuracy above {OVERCONFIDENCE:g}, lower end of the"
                " 95 % interval",
                source=f"Guo et al. 2017; {_FIXED_ON}",
                evidence="reliability by confidence, best temperature",
                remedy="the best weights instead of the last, more dropout, or --temperature",
                explains=("R12.calibration",),
            ),
            Known(
                code="R12.calibration",
                title="Probabilities do not mean what they say",
                meaning="Answers given 80 % do not come true in 80 of 100 cases, beyond what chance"
                " shows on as many predictions.",
                threshold=f"expected calibration error above {CALIBRATION_ERROR:g}, lower end of"
                " the 95 % interval, whole examples resampled",
                source=f"Guo et al. 2017; {_FIXED_ON}",
                evidence="reliability by confidence, best temperature",
                remedy="divide the logits by the temperature that the finding names",
            ),
        ),
        needs=("probe.batches",),
        kinds=("tokens", "classification"),
        run=calibration_check,
    ),
    Check(
        name="loops",
        known=(
            Known(
                code="R12.loops",
                title="Samples run in circles",
                meaning="Generated pieces repeat a short block over and over, far more than real"
                " pieces of the same length.",
                threshold=f"share of steps in loops more than {LOOP_EXCESS:g} above that of the"
                f" corpus, chance below {CHANCE:g}",
                source=f"blocks of at least {CYCLES} times in a row; {_FIXED_ON}",
                evidence="shares, generated and real",
                remedy="a temperature near 1 and --top-p 0.95",
            ),
        ),
        needs=("samples", "corpus"),
        run=loops_check,
    ),
    Check(
        name="memorised",
        known=(
            Known(
                code="R13.memorised",
                title="Copied from training",
                meaning="Generated pieces are for a large part runs of training pieces, far longer"
                " than those that any two real pieces share.",
                threshold=f"median longest run above {COPIED_SHARE:g} of the length and twice that"
                f" of held-out pieces, chance below {CHANCE:g}",
                source=f"held-out pieces of the same data; {_FIXED_ON}",
                evidence="longest runs, generated and held out",
                remedy="best.safetensors, more pieces, more dropout",
            ),
        ),
        needs=("samples", "corpus", "data.split"),
        run=memorised_check,
    ),
)
