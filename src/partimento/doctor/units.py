"""U1: the loss in every unit, with the floors beside it, and figures that mix units."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch

from partimento.doctor.case import Case, Probe
from partimento.doctor.checks import Check, Known
from partimento.doctor.finding import Finding
from partimento.doctor.loss_units import LN2, in_every_unit, split_unit
from partimento.doctor.probing import undisturbed
from partimento.doctor.report_reader import Record, records_of
from partimento.doctor.token_floors import Floors, token_floors

MARGIN = 0.02
"""Share above a floor that still counts as the floor: sampling of a few thousand tokens."""
SAME = 0.07
"""Relative difference within which two untrained losses are the same figure in two units."""
_HIDDEN = -2
_MASK_SOURCE = "definition: a model without any input reaches it"

MIXED = Known(
    code="U1.mixed-units",
    title="Figures in different units are compared",
    meaning="One loss is a mean per token and the other a sum over the voices of a frame (or nats"
    " and bits); they cannot be compared, and the model is judged wrongly.",
    threshold="the two agree after one of them is multiplied by the number of voices (or ln 2),"
    " within 7 %; or a mean per token lies above ln(live tokens) while the sum would be plausible",
    source="arithmetic: nats per frame = voices x nats per note, nats = bits x ln 2",
    evidence="the figure under each reading, in every unit, with the floors beside it",
    remedy="print the unit beside every loss (nats per token), and compare nothing else",
    explains=("U1.worse-than-floor", "U2.perplexity"),
)
WORSE = Known(
    code="U1.worse-than-floor",
    title="The loss is no better than that of a model without input",
    meaning="Uniform guessing over the tokens in use, or their frequencies alone, do as well: the"
    " model has learnt nothing from its input (a shifted target, dead inputs, a rate too high).",
    threshold="ln(live tokens), and the unigram loss on the same targets, 2 % added",
    source=_MASK_SOURCE,
    evidence="the loss in every unit and the floors",
    remedy="partimento doctor model WEIGHTS --data DIR: it looks for the cause",
)
UNITS = Known(
    code="U1.units",
    title="The loss in every unit, with the floors",
    meaning="The same loss per token, note and frame, in nats, bits and as perplexity, and what"
    " models that know almost nothing reach on the same targets.",
    threshold="none; information",
    source="definitions",
    evidence="units and floors",
    remedy="nothing to do",
)


# -- live models -------------------------------------------------------------------------------


def mean_loss(probe: Probe) -> float:
    """Mean over the examples of the plain loss, in the probe's unit; the model is left as it is.

    Raises ValueError for a probe without ``example_losses``.
    """
    if probe.example_losses is None:
        raise ValueError("the probe tells no losses of examples")
    with undisturbed(probe.model):
        found = [probe.example_losses(probe.model, batch).detach().cpu() for batch in probe.batches]
    return float(torch.cat([losses.double() for losses in found]).mean())


def target_rows(probe: Probe) -> list[np.ndarray]:
    """Targets of all examples, (T,) or (T, C) int64, -2 where padding."""
    rows: list[np.ndarray] = []
    for batch in probe.batches:
        targets = probe.targets(batch).detach().cpu().numpy()
        if probe.mask is not None:
            mask = probe.mask(batch).detach().cpu().numpy().astype(bool)
            mask = mask.reshape(*mask.shape, *(1,) * (targets.ndim - mask.ndim))
            targets = np.where(np.broadcast_to(mask, targets.shape), targets, _HIDDEN)
        rows += list(np.atleast_2d(targets)) if targets.ndim > 1 else [targets]
    return rows


def floors_of(case: Case) -> Floors | None:
    """Floors fitted on the case's corpus and measured on the probe's targets.

    None where there is no corpus, or its tokens are numbered in another way than the targets.
    """
    if case.probe is None or not len(case.corpus):
        return None
    held_out = target_rows(case.probe)
    pad = None if case.data is None else case.data.pad_token
    train = [np.where(row == pad, _HIDDEN, row) if pad is not None else row for row in case.corpus]
    seen = np.unique(np.concatenate([np.ravel(row) for row in train]))
    asked = np.concatenate([np.ravel(row) for row in held_out])
    asked = asked[asked != _HIDDEN]
    widths = {np.ndim(row) for row in [*train, *held_out]}
    if not len(asked) or len(widths) != 1 or np.isin(asked, seen).mean() < 0.5:
        return None
    return token_floors(
        train,
        held_out,
        vocabulary=None if case.data is None else case.data.vocabulary,
        live_tokens=case.live_tokens,
        pad_token=_HIDDEN,
    )


def tokens_in(case: Case) -> dict[str, float]:
    """Item -> tokens, as far as the probe tells: a frame has one token of every channel."""
    probe = case.probe
    channels = 0 if probe is None else probe.channels
    if not channels and probe is not None and len(probe.batches):
        targets = probe.targets(probe.batches[0])
        channels = int(targets.shape[-1]) if targets.ndim == 3 and case.kind == "tokens" else 0
    return {"note": 1.0, "frame": float(channels)} if channels > 1 else {}


def _live(case: Case) -> Iterator[Finding]:
    """The loss of a live token model beside the floors on its own targets."""
    if case.kind != "tokens" or case.probe is None:
        return
    items, unit = tokens_in(case), case.probe.unit
    parts = split_unit(unit)
    if parts is None or parts[1] not in {"token", "event", *items}:
        return
    loss = mean_loss(case.probe)
    if not math.isfinite(loss):
        return
    units = in_every_unit(loss, unit, items)
    floors = floors_of(case) or Floors(
        uniform_live=math.log(case.live_tokens) if case.live_tokens else math.nan
    )
    yield _units_finding(units, floors.to_dict(), f"{loss:.4g} {unit}")
    yield from _against_floors(
        units["nats per token"],
        floors.to_dict(),
        severe=False,
        control="the floors are measured on the very targets of the loss, padding left out",
    )
    yield from _against_report(case, units)


def _units_finding(units: Mapping[str, float], floors: Mapping[str, float], said: str) -> Finding:
    beside = ", ".join(f"{name.replace('_', ' ')} {value:.3g}" for name, value in floors.items())
    loss = units["nats per token"]
    return Finding(
        code=UNITS.code,
        severity="info",
        claim=f"the loss {said} is {loss:.4g} nats per token"
        + (f"; floors: {beside}" if beside else ""),
        measured=loss,
        unit="nats per token",
        threshold=None,
        source=UNITS.source,
        confidence=1.0,
        control="the same figure, converted",
        remedy=UNITS.remedy,
        evidence={"units": dict(units), "floors": dict(floors)},
    )


def _against_floors(
    loss: float, floors: Mapping[str, float], *, severe: bool, control: str
) -> Iterator[Finding]:
    """A finding for the weakest model without input that the loss fails to beat."""
    for name, words in (
        ("uniform_live", "guessing evenly among the tokens in use"),
        ("uniform", "guessing evenly among all tokens"),
        ("unigram", "the frequencies of the tokens alone"),
    ):
        floor = floors.get(name, math.nan)
        if loss > floor * (1.0 + MARGIN):
            yield Finding(
                code=WORSE.code,
                severity="severe" if severe else "warning",
                claim=f"the loss of {loss:.4g} nats per token is worse than the {floor:.4g} of"
                f" {words}",
                measured=loss,
                unit="nats per token",
                threshold=floor,
                source=WORSE.source,
                confidence=0.7,
                control=control,
                remedy=WORSE.remedy,
                evidence={"floors": dict(floors)},
            )
            return


# -- a run's rows ------------------------------------------------------------------------------


def _between_rows(case: Case) -> Iterator[Finding]:
    """Training against validation loss of the untrained model: the same but for the unit.

    Before the first step both are losses of the same random model, so that a ratio of the number
    of voices (or of ln 2, and to the end) is a unit and not learning.
    """
    train = [row for row in case.rows if row.get("kind") == "train" and _step(row) <= 1]
    valid = [row for row in case.rows if row.get("kind") in ("validation", "epoch")]
    first = next((row for row in valid if _step(row) <= 1), None)
    if case.kind != "tokens" or not train or first is None:
        return
    ours, theirs = train[0].get("loss"), first.get("valid_loss", first.get("loss"))
    if not _positive(ours) or not _positive(theirs):
        return
    ratio = float(ours) / float(theirs)  # type: ignore[arg-type]
    channels = tokens_in(case).get("frame", 0.0)
    factors = {f"a sum over {channels:.0f} voices": channels} if channels > 1 else {}
    for words, factor in factors.items():
        for which, other, times in (("training", "validation", ratio),
                                    ("validation", "training", 1.0 / ratio)):  # fmt: skip
            if abs(times / factor - 1.0) < SAME:
                yield _mixed(
                    f"before the first step the {which} loss is {times:.3g} times the {other} loss"
                    f" of the same untrained model: the one is {words}, the other a mean per token",
                    times,
                    f"{which} loss / {other} loss, untrained",
                    factor,
                    "both losses are of the same random weights: nothing but the unit differs",
                    {"training": ours, "validation": theirs},
                )
                return


def _step(row: Mapping[str, Any]) -> float:
    return float(row.get("step", math.inf))


def _positive(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(value) and value > 0


def _against_report(case: Case, units: Mapping[str, float]) -> Iterator[Finding]:
    """A reported loss that is the measured one times the number of voices, or times ln 2."""
    per_token, frame = units["nats per token"], tokens_in(case).get("frame", 0.0)
    for record in records_of(case.report) if case.report else []:
        said = record.number("loss")
        parts = split_unit(record.word("unit")) if record.word("unit") else None
        stated = f"{parts[0]} per {parts[1]}" if parts else ""
        if said is None or record.scope == "train" or stated not in units:
            continue
        for words, factor in (
            (f"a sum over {frame:.0f} voices", frame),
            ("a mean where a sum over the voices was said", 1.0 / frame if frame else 0.0),
            ("in bits", 1.0 / LN2),
            *((f"a sum over {k} tokens", float(k)) for k in range(2, 9)),
        ):
            times = said / units[stated] if units[stated] > 0 else math.nan
            if factor > 0 and factor != 1.0 and abs(times / factor - 1.0) < 0.02:
                yield _mixed(
                    f"the reported {said:.4g} {stated} is {times:.3g} times the measured"
                    f" {units[stated]:.4g}: it is {words}",
                    times,
                    "reported loss / measured loss",
                    factor,
                    "measured on held-out examples with the loss in a known unit",
                    {"units": dict(units), "nats_per_token": per_token},
                )
                break


def _mixed(
    claim: str, measured: float, unit: str, factor: float, control: str, evidence: dict[str, Any]
) -> Finding:
    return Finding(
        code=MIXED.code,
        severity="severe",
        claim=claim,
        measured=measured,
        unit=unit,
        threshold=factor,
        source=MIXED.source,
        confidence=0.95,
        control=control,
        remedy=MIXED.remedy,
        evidence=evidence,
    )


# -- reports -----------------------------------------------------------------------------------


def _report(case: Case) -> Iterator[Finding]:
    """Losses that somebody wrote down, beside the floors that follow from the same report."""
    if case.probe is not None and case.probe.example_losses is not None:
        return  # the loss of the model itself is judged, and the report against it
    for record in records_of(case.report or {}):
        yield from judge_record(record, live_tokens=case.live_tokens)


def judge_record(record: Record, *, live_tokens: int | None = None) -> Iterator[Finding]:
    """Findings about the units of one record of a report."""
    voices = record.number("voices") or 1.0
    floors = stated_floors(record, live_tokens)
    items = {"note": record.number("tokens_per_note") or 1.0}
    if voices > 1:
        items = {"note": 1.0, "frame": voices}
    yield from _two_units(record)
    yield from _against_mean_target(record)
    loss, unit = record.number("loss"), record.word("unit")
    parts = split_unit(unit) if unit else None
    if loss is None:
        return
    if parts is not None and parts[1] in {"token", "event", *items}:
        units = in_every_unit(loss, unit, items)
        yield _units_finding(units, floors, f"{loss:.4g} {parts[0]} per {parts[1]}{record.title}")
        yield from _against_floors(
            units["nats per token"],
            floors,
            severe=True,
            control=f"the report states the unit: {unit}",
        )
        return
    if voices > 1:
        yield from _readings(record, loss, voices, floors)
    else:
        yield from _against_floors(
            loss,
            floors,
            severe=True,
            control="the report states no unit; a sum over several tokens would be divided by them",
        )


def stated_floors(record: Record, live_tokens: int | None = None) -> dict[str, float]:
    """Floors that a report tells or that follow from its counts, in nats per token."""
    floors = {
        name: value
        for name in ("uniform", "unigram", "bigram", "repeat_previous")
        if (value := record.number(name)) is not None
    }
    live, size = record.number("live_tokens") or live_tokens, record.number("vocabulary")
    if live and live > 1:
        floors["uniform_live"] = math.log(live)
    if size and size > 1:
        floors.setdefault("uniform", math.log(size))
    return dict(sorted(floors.items(), key=lambda item: -item[1]))


def place(nats_per_token: float, floors: Mapping[str, float]) -> str:
    """Where a loss lies among the floors, in words.

    >>> place(4.6, {"uniform_live": 4.36, "unigram": 2.61})
    'worse than uniform over the live tokens (4.36)'
    >>> place(0.7, {"uniform_live": 4.36, "unigram": 2.61})
    'better than unigram (2.61)'
    """
    falling = sorted(floors.items(), key=lambda item: -item[1])
    for name, floor in falling:
        if nats_per_token > floor:
            return f"worse than {_called(name)} ({floor:.3g})"
    name, floor = falling[-1]
    strong = (
        ", which would be strong" if name == "uniform_live" and nats_per_token < floor / 4 else ""
    )
    return f"better than {_called(name)} ({floor:.3g}){strong}"


def _called(name: str) -> str:
    return {"uniform_live": "uniform over the live tokens"}.get(name, name.replace("_", " "))


def _readings(
    record: Record, loss: float, voices: float, floors: Mapping[str, float]
) -> Iterator[Finding]:
    """Both readings of figures that state no unit; found where they cannot be one unit."""
    ceiling = max((floors[n] for n in ("uniform_live", "uniform") if n in floors), default=math.nan)
    ceiling = floors.get("uniform_live", ceiling)
    other = record.number("reference_loss")
    ratio = loss / other if other else math.nan
    whole = any(abs(ratio / factor - 1.0) < 0.1 for factor in (voices, 1.0 / voices))
    if not (loss > ceiling or whole):
        return
    table = [
        {
            "figure": name,
            "written": value,
            "as_mean_per_token": value,
            "as_mean_is": place(value, floors) if floors else "",
            f"as_sum_over_{voices:.0f}_per_token": value / voices,
            "as_sum_is": place(value / voices, floors) if floors else "",
        }
        for name, value in (("loss", loss), ("reference_loss", other))
        if value is not None
    ]
    words = f"{loss:.4g} as a mean per token is {table[0]['as_mean_is'] or 'one figure'}"
    if other is not None:
        below = table[1]["as_sum_is"]
        words = (
            f"{loss:.4g} against {other:.4g}: {words}; {other:.4g} as a sum over {voices:.0f}"
            f" voices is {other / voices:.3g} per token"
            + (f", {below}" if below else "")
            + "; no unit is stated, and the two are not the same"
        )
    else:
        words += f"; as a sum over {voices:.0f} voices it is {loss / voices:.3g} per token"
    yield Finding(
        code=MIXED.code,
        severity="severe",
        claim=words + record.title,
        measured=loss,
        unit="loss as written, no unit stated",
        threshold=ceiling if math.isfinite(ceiling) else voices * (other or 1.0),
        source=MIXED.source,
        confidence=0.9 if other is not None else 0.75,
        control="each figure was read both ways; only one reading of each is possible or plausible",
        remedy=MIXED.remedy,
        evidence={"readings": table, "floors": dict(floors), "voices": voices},
    )


def _two_units(record: Record) -> Iterator[Finding]:
    """The same loss under two units, which must differ by the known factor."""
    for unit, value in record.losses.items():
        parts = split_unit(unit)
        if parts is None or parts[0] != "bits":
            continue
        nats = record.losses.get(f"nats per {parts[1]}")
        if nats and abs(value * LN2 / nats - 1.0) > 0.02:
            yield _mixed(
                f"{nats:.4g} nats per {parts[1]} are {nats / LN2:.4g} bits, not {value:.4g}",
                value * LN2 / nats,
                "bits x ln 2 / nats",
                1.0,
                "both are stated for the same item",
                {"losses": dict(record.losses)},
            )
    frame, note, voices = (
        record.losses.get("nats per frame"),
        record.losses.get("nats per note"),
        record.number("voices"),
    )
    if frame and note and voices and abs(frame / (note * voices) - 1.0) > 0.02:
        yield _mixed(
            f"{frame:.4g} nats per frame of {voices:.0f} voices are {frame / voices:.4g} per note,"
            f" not {note:.4g}",
            frame / note,
            "nats per frame / nats per note",
            voices,
            "the report states the number of voices",
            {"losses": dict(record.losses)},
        )


def _against_mean_target(record: Record) -> Iterator[Finding]:
    """A squared error beside that of answering the mean target."""
    mse = record.number("mse")
    constant = record.number("constant_mse")
    mse = record.number("loss") if mse is None else mse
    if mse is None or constant is None or mse <= constant * (1.0 + MARGIN):
        return
    yield Finding(
        code=WORSE.code,
        severity="severe",
        claim=f"the loss of {mse:.4g} is worse than the {constant:.4g} of answering the mean"
        f" target every time{record.title}",
        measured=mse,
        unit="mean squared error",
        threshold=constant,
        source="definition: the mean target needs no input",
        confidence=0.85,
        control="both figures are of the same report",
        remedy=WORSE.remedy,
        evidence={"floors": {"mean_target": constant}},
    )


CHECKS: tuple[Check, ...] = (
    Check(
        name="loss in every unit, with floors",
        known=(MIXED, WORSE, UNITS),
        needs=("probe.example_losses", "probe.targets"),
        run=_live,
    ),
    Check(
        name="units of training and validation loss",
        known=(MIXED,),
        needs=("rows", "probe"),
        run=_between_rows,
    ),
    Check(name="units of a report", known=(MIXED, WORSE, UNITS), needs=("report",), run=_report),
)
