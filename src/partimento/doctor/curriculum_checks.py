"""R8: a curriculum that is absent or stuck, and a validation whose length moves with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from partimento.doctor.case import Case
from partimento.doctor.checks import Known
from partimento.doctor.finding import Finding
from partimento.doctor.recipe_view import Recipe
from partimento.doctor.settings import flat

ABSENT = Known(
    code="R8.no-curriculum",
    title="The curriculum of the design is not there",
    meaning="The design grows the sequence length during training; this run starts at the full"
    " length, so that it is another experiment than the one it is compared with.",
    threshold="none: the reference has a curriculum and the run has none",
    source="the reference configuration (whitepaper: 8 steps, 2 more every 20 epochs)",
    evidence="settings of the reference, lengths of the run",
    remedy="set training.curriculum.on to true",
    explains=("C3.differs",),
)
STUCK = Known(
    code="R8.stuck",
    title="The curriculum does not grow",
    meaning="The length stays below the full one although the epochs for growing have passed or"
    " never will: the model is trained on openings of pieces only.",
    threshold="full length not reached in the planned epochs; or no growth after twice the epochs"
    " between two growths",
    source="definition of the curriculum: start + grow x (epochs / grow_epochs)",
    evidence="lengths over the epochs",
    remedy="set training.curriculum.grow_epochs (evidence: change), or plateau_epochs higher",
    explains=("C3.differs", "R6.underfit", "R6.plateau"),
)
MOVING = Known(
    code="R8.validation-length",
    title="The validation length changes between stages",
    meaning="Validation losses of different lengths are compared: a longer context looks like"
    " progress, a new stage like a plateau.",
    threshold="one length for all validations",
    source="definition: losses are comparable on the same targets only",
    evidence="validation lengths by step",
    remedy="validate at the full length in every stage, as partimento train does",
    explains=("R5.noisy-validation", "R6.oscillation", "R8.stuck", "R6.plateau"),
)
KNOWN = (ABSENT, STUCK, MOVING)


def curriculum_of(case: Case) -> Iterator[Finding]:
    """All findings about the curriculum of a case."""
    yield from moving_validation(case)
    chosen = curriculum_settings(case.config)
    if on(chosen):
        yield from stuck(case, chosen)
    else:
        yield from absent(case, chosen)


def curriculum_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """The curriculum's settings by their last names; empty where the recipe has none."""
    return {
        key.rpartition(".")[2]: value
        for key, value in flat(config).items()
        if "curriculum." in f".{key}" or key == "curriculum"
    }


def on(settings: Mapping[str, Any]) -> bool:
    """Whether a curriculum is there and switched on."""
    state = settings.get("on", settings.get("enabled", settings.get("curriculum", bool(settings))))
    return bool(state) and str(state).lower() not in ("off", "false", "none", "no")


def absent(case: Case, chosen: Mapping[str, Any]) -> Iterator[Finding]:
    """No curriculum where the reference, or the design of the chorale slice, has one."""
    asked = case.reference is not None and on(curriculum_settings(case.reference))
    model = case.config.get("model")
    # The design of the chorale's source has a window of fixed length; the strong model has none.
    told = "training" in case.config
    design = case.task == "chorale" and told and isinstance(model, Mapping) and "seq_len" in model
    lengths = _lengths(case)
    if not (asked or design) or len(np.unique(lengths)) > 1:
        return
    name = "training.curriculum.on"
    full = lengths[0] if len(lengths) else Recipe(case).number("full_length") or 0.0
    yield Finding(
        code=ABSENT.code,
        severity="warning",
        claim=f"there is no curriculum: training starts at the full length of {full:.0f} steps,"
        f" and {'the reference' if asked else 'the design'} grows to it",
        measured=full,
        unit="steps of the first batch",
        threshold=None,
        source=ABSENT.source,
        confidence=0.85,
        control="every recorded batch has the same length"
        if len(lengths)
        else "the recipe says so; no run was seen",
        remedy=f"set {name} to true",
        evidence={"settings": dict(chosen), "change": {name: True, **_total_steps(case)}},
    )


def _total_steps(case: Case) -> dict[str, int]:
    """The run's own number of steps for a cycle that needs one, since a curriculum changes it."""
    settings = flat(case.config)
    if settings.get("training.schedule.kind") != "onecycle":
        return {}
    if settings.get("training.schedule.total_steps") or settings.get("training.max_steps"):
        return {}
    steps = [int(row["step"]) for row in case.rows if row.get("step")]
    return {"training.schedule.total_steps": max(steps)} if steps else {}


def _lengths(case: Case) -> np.ndarray:
    """(S,) training lengths as the rows tell them."""
    rows = [r for r in case.rows if r.get("kind") == "train" and r.get("length")]
    return np.array([float(row["length"]) for row in rows])


def stuck(case: Case, chosen: Mapping[str, Any]) -> Iterator[Finding]:
    """A curriculum that never reaches the full length, or does not grow although it should."""
    recipe = Recipe(case)
    full, start = recipe.number("full_length"), _number(chosen, "start")
    grow, every = _number(chosen, "grow"), _number(chosen, "grow_epochs")
    if not full or not start or not grow or not every or start >= full:
        return
    needed = every * np.ceil((full - start) / grow)
    lengths = _lengths(case)
    done = _epochs(case)
    epochs = recipe.number("max_epochs")
    each, steps = recipe.steps_per_epoch, recipe.number("max_steps")
    if steps and each:
        epochs = min(epochs or np.inf, steps / each)
    if epochs and epochs < needed:
        reached = min(full, start + grow * (epochs // every))
        good = max(1, int(epochs // (2 * np.ceil((full - start) / grow))))
        yield _stuck(
            f"in {epochs:.0f} epochs the length grows from {start:.0f} to {reached:.0f} of"
            f" {full:.0f} steps: {needed:.0f} epochs would be needed",
            reached, full, lengths, {"training.curriculum.grow_epochs": good},
            "counted out from the recipe",
        )  # fmt: skip
    elif len(lengths) and done >= 2 * every and lengths.max() <= start:
        yield _stuck(
            f"after {done:.0f} epochs the length is still {lengths[-1]:.0f}: it should have grown"
            f" every {every:.0f} epochs",
            float(lengths.max()), min(full, start + grow * (done // every)), lengths,
            {"training.curriculum.shrink": 0},
            "lengths as recorded; shrinking on plateaus is what holds it back",
        )  # fmt: skip
    elif len(lengths) and done >= needed + 2 * every and lengths[-1] < (start + full) / 2:
        yield _stuck(
            f"after {done:.0f} epochs the length is {lengths[-1]:.0f} of {full:.0f} steps, and"
            f" {needed:.0f} epochs were enough: plateaus keep taking away what was grown",
            float(lengths[-1]), full, lengths, {"training.curriculum.shrink": 0},
            "lengths as recorded",
        )  # fmt: skip


def _epochs(case: Case) -> float:
    return max((float(r["epoch"]) + 1.0 for r in case.rows if "epoch" in r), default=0.0)


def _number(settings: Mapping[str, Any], name: str) -> float | None:
    value = settings.get(name)
    numeric = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if numeric and value is not None else None


def _stuck(
    claim: str,
    reached: float,
    full: float,
    lengths: np.ndarray,
    change: dict[str, Any],
    control: str,
) -> Finding:
    name, value = next(iter(change.items()))
    return Finding(
        code=STUCK.code,
        severity="warning",
        claim=claim,
        measured=reached,
        unit="steps of the longest sequences trained on",
        threshold=full,
        source=STUCK.source,
        confidence=0.85,
        control=control,
        remedy=f"set {name} to {value}",
        evidence={"lengths": lengths[:: max(1, len(lengths) // 100)], "change": change},
    )


def moving_validation(case: Case) -> Iterator[Finding]:
    """Validations of several lengths in one run."""
    names = ("valid_length", "validation_length", "valid_steps", "valid_seq_len")
    rows = [r for r in case.rows if r.get("kind") in ("validation", "epoch", "stop")]
    name = next((n for n in names if any(n in row for row in rows)), None)
    if name is None:
        return
    pairs = [(float(row.get("step", 0)), float(row[name])) for row in rows if name in row]
    lengths = sorted({length for _, length in pairs})
    if len(lengths) < 2:
        return
    yield Finding(
        code=MOVING.code,
        severity="warning",
        claim=f"validation is done at {len(lengths)} lengths, from {lengths[0]:.0f} to"
        f" {lengths[-1]:.0f} steps: its losses are not comparable",
        measured=float(len(lengths)),
        unit="different validation lengths",
        threshold=1.0,
        source=MOVING.source,
        confidence=0.95,
        control="lengths as recorded with each validation",
        remedy=MOVING.remedy,
        evidence={"lengths_by_step": pairs},
    )
