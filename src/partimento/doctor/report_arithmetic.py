"""U2: figures of a report that cannot all be true.

What accuracy says about loss
-----------------------------
Let a be the top-1 accuracy over V tokens and L the mean cross-entropy in nats, of the same tokens.

* *At least.*  Where the likeliest token is wrong, the true one has a probability of at most that of
  the likeliest, so at most 1/2, and costs at least ln 2:  L >= (1 - a) ln 2.  Nothing below is
  possible.
* *At most, for a model that knows what it knows.*  A predictor that gives its first choice the
  probability a and shares the rest evenly has exactly  h(a) + (1 - a) ln(V - 1),  with h the binary
  entropy in nats.  It needs nothing but the first choices, and the same expression is Fano's bound
  on the conditional entropy.  A model above it would gain by throwing its probabilities away:
  either it is wildly overconfident where it errs, or accuracy and loss do not count the same
  tokens (padding counted as right answers raises a and leaves L).

With a = 0.785 and 512 tokens this is 1.86 nats, a perplexity of 6.4: 8.3 does not go with it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from math import ceil, floor
from typing import Any

from partimento.doctor.case import Case
from partimento.doctor.checks import Check
from partimento.doctor.finding import Finding
from partimento.doctor.loss_units import LN2, split_unit
from partimento.doctor.report_known import (
    ACCURACY,
    EVALUATIONS,
    PERPLEXITY,
    SHARE,
    SIZE,
    STEPS,
)
from partimento.doctor.report_measured import against_model, against_rows
from partimento.doctor.report_names import decimals
from partimento.doctor.report_reader import Record, records_of

RELATIVE = 0.01
"""Disagreement of two figures that is put down to rounding, beside the digits written."""
USUAL_VOCABULARY = 1000.0
"""Assumed where a report states none: more tokens than the music vocabularies of 129 to 512."""
WARM_UP_SHARE = 0.3
FEWEST_EVALUATIONS = 3
_BYTES = {
    "float32": 4.0, "fp32": 4.0, "32": 4.0, "float16": 2.0, "fp16": 2.0, "bfloat16": 2.0,
    "bf16": 2.0, "16": 2.0, "int8": 1.0, "8": 1.0, "float64": 8.0,
}  # fmt: skip
_USUAL = {4.0: "float32", 2.0: "16-bit numbers", 1.0: "int8", 12.0: "float32 and Adam's moments"}
"""Bytes a parameter that need no explanation."""
_ODD = {8.0: "float64, or two copies", 16.0: "float32 with moments and gradients"}


def highest_loss(accuracy: float, vocabulary: float) -> float:
    """Loss in nats of the rule "first choice with probability a, the rest evenly".

    h(a) + (1 - a) ln(V - 1); see the module.  Raises ValueError for an accuracy outside 0 to 1 or
    fewer than two tokens.

    >>> round(highest_loss(0.785, 512), 2)
    1.86
    """
    if not 0.0 <= accuracy <= 1.0 or vocabulary < 2:
        raise ValueError("accuracy is between 0 and 1, and there are at least two tokens")
    wrong = 1.0 - accuracy
    entropy = -sum(p * math.log(p) for p in (accuracy, wrong) if p > 0)
    if accuracy < 1.0 / vocabulary:  # then even guessing costs no more
        return math.log(vocabulary)
    return entropy + wrong * math.log(vocabulary - 1)


def lowest_loss(accuracy: float) -> float:
    """Least loss in nats that goes with an accuracy: (1 - a) ln 2; see the module."""
    return (1.0 - accuracy) * LN2


def padding_needed(accuracy: float, loss: float, vocabulary: float) -> float:
    """Least share of padding, all counted as right, that reconciles accuracy and loss.

    With a share q the real accuracy is (a - q) / (1 - q).  NaN where no share does.
    """
    for thousandths in range(int(accuracy * 1000) + 1):
        q = thousandths / 1000
        if q < 1 and highest_loss((accuracy - q) / (1 - q), vocabulary) >= loss:
            return q
    return math.nan


def _perplexity(record: Record) -> Iterator[Finding]:
    pairs = [(record.number("loss"), record.number("perplexity"), record.word("unit"))]
    for unit, value in record.losses.items():
        parts = split_unit(unit)
        if parts and parts[0] == "perplexity":
            pairs.append((record.losses.get(f"nats per {parts[1]}"), value, f"nats per {parts[1]}"))
    for loss, said, unit in pairs:
        if loss is None or said is None or said <= 0 or loss > 700:
            continue
        bits = (split_unit(unit) or ("nats",))[0] == "bits" if unit else False
        nats = loss * LN2 if bits else loss
        want = math.exp(nats)
        slack = RELATIVE * want + want * 0.5 * 10.0 ** -decimals(loss) * (LN2 if bits else 1.0)
        slack += 0.5 * 10.0 ** -decimals(said)
        if abs(said - want) <= slack:
            continue
        voices = record.number("voices") or 0.0
        yield Finding(
            code=PERPLEXITY.code,
            severity="warning",
            claim=f"a loss of {loss:.4g} means a perplexity of {want:.4g}, and {said:.4g} is"
            f" written{_explained(said, loss, nats, voices)}{record.title}",
            measured=said,
            unit="perplexity",
            threshold=want,
            source=PERPLEXITY.source,
            confidence=0.95,
            control="the rounding of the written digits is allowed for",
            remedy=PERPLEXITY.remedy,
            evidence={"loss": loss, "exp": want, "two_to": 2.0 ** min(loss, 1000), "written": said},
        )


def _explained(said: float, loss: float, nats: float, voices: float) -> str:
    """What would make the two figures agree."""
    log = math.log(said)
    readings = [("if the loss is in bits", loss * LN2)]
    if voices > 1:
        readings += [
            (f"if the loss is a sum over {voices:.0f} voices", nats / voices),
            (f"if the perplexity is of a frame of {voices:.0f} voices", nats * voices),
        ]
    readings += [(f"if the loss is a sum over {k} tokens", nats / k) for k in range(2, 9)]
    fits = [words for words, value in readings if abs(log - value) < 0.02 * max(1.0, abs(value))]
    return f"; they would agree {fits[0]}" if fits else ""


def _accuracy(record: Record) -> Iterator[Finding]:
    accuracy, loss = record.number("accuracy"), token_loss(record)
    if accuracy is None or loss is None or not 0.0 < accuracy < 1.0:
        return
    # The larger of the two: the bound grows with the tokens, and a claim must hold for either.
    stated = record.number("vocabulary") or record.number("live_tokens")
    vocabulary = stated or USUAL_VOCABULARY
    if vocabulary < 2:
        return
    high, low = highest_loss(accuracy, vocabulary), lowest_loss(accuracy)
    ppl, most = math.exp(min(loss, 700)), math.exp(high)
    slack = 0.01 + 0.02 * high
    if low - 0.01 <= loss <= high + slack:
        return
    if loss > high:
        share = padding_needed(accuracy, loss, vocabulary)
        padded = f" of which at least {share:.0%} would be padding" if share == share else ""
        words = (
            f"{accuracy:.1%} right over {vocabulary:.0f} tokens cannot go with perplexity"
            f" {ppl:.3g} unless padding is counted: so many right answers alone give"
            f" {most:.3g} or less ({high:.3g} nats)"
        )
        control = (
            "the bound needs nothing but the first choices; a model above it is overconfident"
            f" where it errs, or counts other tokens{padded}"
        )
    else:
        share = math.nan
        words = (
            f"{accuracy:.1%} right means a loss of at least {low:.3g} nats, and {loss:.3g} is"
            f" reported"
        )
        control = "a token that is not the likeliest has a probability of 1/2 at most"
    yield Finding(
        code=ACCURACY.code,
        severity="warning",
        claim=words + record.title,
        measured=loss,
        unit="nats per token",
        threshold=high if loss > high else low,
        source=ACCURACY.source,
        confidence=0.9 if stated or loss < low else 0.7,
        control=control + ("" if stated else "; the vocabulary is not stated, 1000 is assumed"),
        remedy=ACCURACY.remedy,
        evidence={
            "accuracy": accuracy, "loss": loss, "perplexity": ppl, "vocabulary": vocabulary,
            "lowest_loss": low, "highest_loss": high, "highest_perplexity": most,
            "padding_share_needed": share,
        },
    )  # fmt: skip


def token_loss(record: Record) -> float | None:
    """Nats per token of a record, from its loss or else its perplexity; None where unknown.

    A loss that is a sum over voices is divided by them; perplexity is preferred where both are
    there, since its unit is never in doubt.
    """
    perplexity, loss = record.number("perplexity"), record.number("loss")
    if perplexity is not None and perplexity >= 1.0:
        return math.log(perplexity)
    if loss is None:
        return None
    measure, item = split_unit(record.word("unit")) or ("nats", "token")
    if item not in ("token", "event"):
        return None
    return loss * LN2 if measure == "bits" else loss


def _steps(record: Record) -> Iterator[Finding]:
    samples, batch = record.number("samples"), record.number("batch")
    epochs, steps = record.number("epochs"), record.number("steps")
    accumulate = record.number("accumulate") or 1.0
    if samples and batch and epochs and steps and min(samples, batch, epochs, steps) >= 1:
        fewest = max(1, floor(floor(samples / batch) / accumulate)) * epochs
        most = ceil(ceil(samples / batch) / accumulate) * epochs
        if not fewest * 0.98 <= steps <= most * 1.02:
            yield Finding(
                code=STEPS.code,
                severity="warning",
                claim=f"{epochs:.0f} epochs of {samples:,.0f} samples at batch"
                f" {batch * accumulate:.0f} are {most:,.0f} steps, and {steps:,.0f} are written"
                f"{record.title}",
                measured=steps,
                unit="optimiser steps",
                threshold=most,
                source=STEPS.source,
                confidence=0.9,
                control="the last, partial batch may be dropped or kept",
                remedy=STEPS.remedy,
                evidence={"fewest": fewest, "most": most, "epochs_of_these_steps":
                          steps / max(most / epochs, 1)},
            )  # fmt: skip
    yield from _speed(record, steps, batch, accumulate)


def _speed(
    record: Record, steps: float | None, batch: float | None, accumulate: float
) -> Iterator[Finding]:
    """Steps x batch / time against the stated speed."""
    seconds = record.number("seconds")
    if not steps or not seconds:
        return
    stated = {
        "steps per second": (record.number("steps_per_second"), steps / seconds),
        "samples per second": (
            record.number("samples_per_second"),
            steps * batch * accumulate / seconds if batch else math.nan,
        ),
        "seconds per step": (record.number("step_seconds"), seconds / steps),
    }
    for unit, (said, want) in stated.items():
        if said and want > 0 and not 0.8 <= said / want <= 1.25:
            yield Finding(
                code=STEPS.code,
                severity="warning",
                claim=f"{steps:,.0f} steps in {seconds:,.0f} s are {want:.3g} {unit}, and"
                f" {said:.3g} is written{record.title}",
                measured=said,
                unit=unit,
                threshold=want,
                source="definition; 25 % allowed for validation and warming up",
                confidence=0.8,
                control="both speeds are of the whole run",
                remedy=STEPS.remedy,
                evidence={"steps": steps, "seconds": seconds, "batch": batch},
            )


def _size(record: Record) -> Iterator[Finding]:
    parameters, size = record.number("parameters"), record.number("size_bytes")
    if not parameters or not size or parameters < 1000 or size < 1000:
        return
    each = size / parameters
    said = _BYTES.get(record.word("precision").lower())
    usual = _USUAL if said is None else {said: record.word("precision")}
    if any(abs(each / bytes_ - 1.0) <= 0.1 for bytes_ in usual):
        return
    everything = {**_USUAL, **_ODD}
    fits = [words for bytes_, words in everything.items() if abs(each / bytes_ - 1.0) <= 0.1]
    want = said or 4.0
    yield Finding(
        code=SIZE.code,
        severity="warning",
        claim=f"{parameters:,.0f} parameters at {want:.0f} bytes are"
        f" {_megabytes(parameters * want)}, and {_megabytes(size)} are written"
        f" ({each:.3g} bytes a parameter{', as of ' + fits[0] if fits else ''}){record.title}",
        measured=each,
        unit="bytes a parameter",
        threshold=want,
        source=SIZE.source,
        confidence=0.85,
        control=f"the precision is stated as {want:.0f} bytes"
        if said
        else "8-bit, 16-bit and 32-bit weights, and float32 with Adam's moments, do not fit",
        remedy=SIZE.remedy,
        evidence={
            "parameters": parameters,
            "size_bytes": size,
            "would_be_bytes": {words: parameters * b for b, words in everything.items()},
        },
    )


def _megabytes(count: float) -> str:
    return f"{count / 1e6:,.1f} MB" if count >= 1e6 else f"{count / 1e3:,.1f} kB"


def steps_of(record: Record) -> float | None:
    """Optimiser steps: as written, or from samples, batch and epochs."""
    steps = record.number("steps")
    if steps:
        return steps
    samples, batch = record.number("samples"), record.number("batch")
    epochs, accumulate = record.number("epochs"), record.number("accumulate") or 1.0
    if samples and batch and epochs:
        return float(ceil(ceil(samples / batch) / accumulate) * epochs)
    return None


def _warm_up(record: Record) -> Iterator[Finding]:
    steps, warm_up = steps_of(record), record.number("warmup_steps")
    if not steps or not warm_up or warm_up / steps <= WARM_UP_SHARE:
        return
    never = warm_up >= steps
    peak = "; the rate never reaches its peak" if never else ""
    yield Finding(
        code=SHARE.code,
        severity="severe" if never else "warning",
        claim=f"warm-up takes {warm_up:,.0f} of {steps:,.0f} steps ({warm_up / steps:.0%}){peak}"
        f"{record.title}",
        measured=warm_up / steps,
        unit="share of the steps",
        threshold=WARM_UP_SHARE,
        source=SHARE.source,
        confidence=0.9,
        control="steps as written, or ceil(samples / batch) x epochs",
        remedy=SHARE.remedy,
        evidence={"steps": steps, "warmup_steps": warm_up,
                  "change": {"training.schedule.warmup_steps": max(1, round(steps / 10))}},
    )  # fmt: skip


def _evaluations(record: Record) -> Iterator[Finding]:
    steps, every = steps_of(record), record.number("evaluate_every")
    said = record.number("evaluations")
    counted = float(floor(steps / every)) if steps and every else None
    if said is not None and counted is not None and abs(said - counted) > max(1.5, 0.1 * counted):
        yield _evaluation_finding(
            f"{steps:,.0f} steps with an evaluation every {every:,.0f} are {counted:.0f}"
            f" evaluations, and {said:.0f} are written{record.title}",
            *(said, counted, 0.85),
            {"steps": steps, "every": every},
        )
        return
    count = said if said is not None else counted
    if count is None or count >= FEWEST_EVALUATIONS:
        return
    times = {0: "never", 1: "once"}.get(round(count), f"{count:.0f} times")
    how_often = f" (every {every:,.0f} of {steps:,.0f} steps)" if every and steps else ""
    change = {"change": {"training.validate_steps": max(1, int(steps // 10))}} if steps else {}
    yield _evaluation_finding(
        f"the run is evaluated {times}{how_often}: neither the best checkpoint"
        f" nor over-fitting can be seen{record.title}",
        *(count, float(FEWEST_EVALUATIONS), 0.6),
        {"steps": steps, "every": every, **change},
    )


def _evaluation_finding(
    claim: str, measured: float, threshold: float, confidence: float, evidence: dict[str, Any]
) -> Finding:
    return Finding(
        code=EVALUATIONS.code,
        severity="warning",
        claim=claim,
        measured=measured,
        unit="evaluations",
        threshold=threshold,
        source=EVALUATIONS.source,
        confidence=confidence,
        control="counted from the steps of the whole run, one more or less allowed for",
        remedy=EVALUATIONS.remedy,
        evidence=evidence,
    )


def _check(case: Case) -> Iterator[Finding]:
    # Settings stand in every record of a report: what follows from them is said once.
    seen: set[tuple[Any, ...]] = set()
    # A recipe tells more about its warm-up than a report does: R7.warm-up looks there.
    about_recipe = () if case.config else (_warm_up,)
    # Of a model at hand the accuracy is measured, and a bound says nothing more.
    live = case.probe is not None and case.probe.example_losses is not None
    about_accuracy = () if live else (_accuracy,)
    for record in records_of(case.report or {}):
        if "vocabulary" not in record.values and case.data is not None and case.data.vocabulary:
            record.values["vocabulary"] = float(case.data.vocabulary)
        for test in (_perplexity, *about_accuracy, _steps, _size, *about_recipe, _evaluations):
            for finding in test(record):
                key = (finding.code, finding.unit, finding.measured, finding.threshold)
                if key not in seen:
                    seen.add(key)
                    yield finding


CHECKS: tuple[Check, ...] = (
    Check(
        name="arithmetic of a report",
        known=(PERPLEXITY, ACCURACY, STEPS, SIZE, SHARE, EVALUATIONS),
        needs=("report",),
        run=_check,
    ),
    Check(
        name="accuracy of a report against the model",
        known=(ACCURACY,),
        needs=("report", "probe.example_losses"),
        run=against_model,
    ),
    Check(
        name="steps of a report against the run",
        known=(STEPS,),
        needs=("report", "rows"),
        run=against_rows,
    ),
)
