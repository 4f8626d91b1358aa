"""``bench audio2visual-claims``: what the source design's authors believed, measured again.

Every claim has its source's words, our experiment, figures, the rule that reads a verdict from
them, and the verdict.  Verdicts are never written by hand: see :mod:`.claims_verdicts`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from partimento.core.plain import plain
from partimento.core.progress import Progress
from partimento.nn.threads import one_thread
from partimento.tasks.audio2visual import claims_arithmetic as arithmetic
from partimento.tasks.audio2visual import claims_experiments as experiments
from partimento.tasks.audio2visual import claims_verdicts as verdicts
from partimento.tasks.audio2visual.bank import BUILTIN, PromptBank
from partimento.tasks.audio2visual.claims_esc import esc_task
from partimento.tasks.audio2visual.claims_experiments import Decided, Runs
from partimento.tasks.audio2visual.claims_synthetic import synthetic_task
from partimento.tasks.audio2visual.claims_training import ClaimTask
from partimento.tasks.audio2visual.claims_verdicts import Verdict

TRAININGS = 65
"""Of one task, for the progress bar."""
NO_DATA = "no folder with esc10.csv and audio/ was given (--data)"


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence of the source, and how it is tested."""

    key: str
    claim: str
    said: str
    """Figures that were published or measured before, as the specification quotes them."""
    experiment: str
    rule: str


@dataclass(frozen=True, slots=True)
class Row:
    """A claim on one kind of data."""

    claim: Claim
    place: str
    """ "synthetic", "ESC-10", or "prompt bank"."""
    verdict: Verdict | None
    """None where it was not measured."""
    says: str
    """The deciding figures; the reason where nothing was measured."""
    figures: dict[str, Any]
    seconds: float = 0.0
    """Time of the processor."""

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "key": self.claim.key,
            "claim": self.claim.claim,
            "said": self.claim.said,
            "place": self.place,
            "verdict": self.verdict,
            "says": self.says,
            "rule": self.claim.rule,
            "experiment": self.claim.experiment,
            "figures": plain(self.figures),
            "cpu_seconds": round(self.seconds, 2),
        }


CLAIMS: dict[str, Claim] = {
    claim.key: claim
    for claim in (
        Claim(
            "batch-sizes",
            "bigger batches train worse at the same epochs",
            "at 600 equal steps batch 32 reaches 0.94 to 1.00 top-1",
            "the source's design with batch 1, 8, 16, 32, for equal epochs and for equal steps",
            verdicts.LARGE_BATCHES,
        ),
        Claim(
            "gradients",
            "heterogeneous targets give contradictory gradients",
            "a negative cosine near -1/(K-1) is forced wherever the mean is predicted",
            "class gradients of the source's design at the predicted mean, with all clips alike and"
            " with real ones, for targets far apart and near together, under shuffled labels, and"
            " the training that follows",
            verdicts.GRADIENTS,
        ),
        Claim(
            "loss-scale",
            "heterogeneous targets raise the loss 14-fold (27.01 against 1.88)",
            "0.996-fold at equal scale",
            "eight clips through untrained networks against one target, eight scaled 1 to 8, and"
            " eight at one scale",
            verdicts.LOSS_SCALE,
        ),
        Claim(
            "normalisation",
            "LayerNorm depends on the batch",
            "LayerNorm and GroupNorm differ by exactly 0, BatchNorm by 3",
            "a sample's output in batches of 1 to 32 with other companions, in training mode",
            verdicts.NORMALISATION,
        ),
        Claim(
            "pure-batches",
            'class-pure "stratified" batches help',
            "0.21 against 0.87 top-1 at batch 8; 0.115 printed, 0.183 true, 0.141 for a constant",
            "the source's design at batch 8 with shuffled and class-pure batches, equal epochs",
            verdicts.PURE_BATCHES,
        ),
        Claim(
            "good-loss",
            "a loss of 0.15 to 0.26 is good",
            "a constant predictor gives 0.12 to 0.18",
            "the squared error of the mean of the ten prompts of ESC-10, as CLIP's pooled and T5's"
            " token targets of the bank",
            verdicts.GOOD_LOSS,
        ),
        Claim(
            "modest-help",
            "GELU, dropout 0.05 and GroupNorm help",
            "modest help",
            "all three against ReLU, dropout 0.1 and LayerNorm at batch 8, seed by seed",
            verdicts.HELP,
        ),
        Claim(
            "per-class-loss",
            "per-class MSE helps",
            "no effect when classes are balanced",
            "the source's design at batch 8 with both losses, seed by seed",
            verdicts.HELP,
        ),
        Claim(
            "light-recipe",
            "z-scored targets, warm-up and cosine, and a pool-first adapter work at any batch size",
            "the working recipe",
            "the light design beside the source's with batch 1, 8, 16, 32 at equal epochs",
            verdicts.LIGHT_RECIPE,
        ),
    )
}
"""In the order of the table."""


@dataclass(frozen=True, slots=True)
class Table:
    """All claims, measured."""

    rows: tuple[Row, ...]
    seconds: float
    """Time of the processor for all of it."""
    bank: str
    """What encoded the prompts."""

    def to_dict(self) -> dict[str, Any]:
        """JSON form: ``claims`` (a row per claim and kind of data), ``cpu_seconds``, ``bank``."""
        rows = [row.to_dict() for row in self.rows]
        return {"claims": rows, "cpu_seconds": round(self.seconds, 1), "bank": self.bank}

    def text(self) -> str:
        """For a terminal: a block for each claim."""
        parts = []
        for claim in CLAIMS.values():
            found = [row for row in self.rows if row.claim == claim]
            lines = [f"{claim.claim}"]
            lines += [f"  {r.place:12} {r.verdict or 'not measured':10} {r.says}" for r in found]
            parts.append("\n".join(lines))
        return "\n\n".join([*parts, f"{self.seconds:.0f} s of one core; prompts by {self.bank}"])


def bench_claims(
    *,
    data: str | Path | None = None,
    bank: str | Path = BUILTIN,
    quick: bool = False,
    seed: int = 0,
    progress: Progress | None = None,
) -> Table:
    """Measure every claim on made-up clips and, where ``data`` is given, on ESC-10.

    ``data``: folder with ``esc10.csv`` and ``audio``; ``bank``: name or file of a prompt bank;
    ``quick``: tiny trainings, only to see that all of it runs.  One thread, under five minutes;
    the same seed gives the same figures on the same machine.

    Raises DataError and InputFileError for data or a bank that cannot be used.
    """
    began = time.process_time()
    prompts = PromptBank.load(bank)
    with one_thread():
        tasks = [_synthetic(seed, quick)]
        if data is not None:
            tasks.append(esc_task(data, prompts, progress))
        rows = []
        for task in tasks:
            rows += _of_task(task, seed, quick, progress)
        rows.append(_timed("good-loss", "prompt bank", lambda: arithmetic.constants(prompts)))
    if data is None:
        of_task = [row.claim for row in rows if row.place == tasks[0].name]
        rows += [Row(claim, "ESC-10", None, NO_DATA, {}) for claim in of_task]
    order = list(CLAIMS)
    rows.sort(key=lambda row: order.index(row.claim.key))
    return Table(
        tuple(rows), time.process_time() - began, str(prompts.meta.get("clip_encoder", bank))
    )


def _synthetic(seed: int, quick: bool) -> ClaimTask:
    return synthetic_task(seed, per_class=4, test_per_class=2) if quick else synthetic_task(seed)


def _of_task(task: ClaimTask, seed: int, quick: bool, progress: Progress | None) -> list[Row]:
    done = 0

    def ran(name: str) -> None:
        nonlocal done
        done += 1
        if progress:
            progress(min(done, TRAININGS), TRAININGS, name)

    runs = Runs(task, *_seeds(seed, quick), ran=ran)
    if quick:
        runs.epochs, runs.steps = 1, 2
    jobs: dict[str, Callable[[], Decided]] = {
        "batch-sizes": lambda: experiments.batch_sizes(runs),
        "gradients": lambda: arithmetic.class_gradients(task, seed, runs.epochs),
        "loss-scale": lambda: arithmetic.loss_scales(task, 4 if quick else 200),
        "normalisation": lambda: arithmetic.normalisation(task, seed),
        "pure-batches": lambda: experiments.pure_batches(runs),
        "modest-help": lambda: experiments.modest_help(runs),
        "per-class-loss": lambda: experiments.per_class_loss(runs),
        "light-recipe": lambda: experiments.light_recipe(runs),
    }
    return [_timed(key, task.name, job) for key, job in jobs.items()]


def _seeds(seed: int, quick: bool) -> tuple[tuple[int, ...], tuple[int, ...]]:
    if quick:
        return (seed,), (seed, seed + 1)
    return tuple(range(seed, seed + 3)), tuple(range(seed, seed + 5))


def _timed(key: str, place: str, job: Callable[[], Decided]) -> Row:
    began = time.process_time()
    figures, verdict, says = job()
    return Row(CLAIMS[key], place, verdict, says, figures, time.process_time() - began)


def claims_markdown(rows: Sequence[dict[str, Any]]) -> str:
    """The table of claims as markdown, from rows in JSON form (:meth:`Table.to_dict`)."""
    lines = ["| claim | data | verdict | measured | before |", "|---|---|---|---|---|"]
    for row in rows:
        cells = (row["claim"], row["place"], row["verdict"] or "-", row["says"], row["said"])
        lines.append("| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"
