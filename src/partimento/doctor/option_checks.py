"""M8: options that are set and change nothing."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from partimento.doctor.case import Case, Probe
from partimento.doctor.checks import Known
from partimento.doctor.finding import Finding, Severity
from partimento.doctor.probing import undisturbed
from partimento.doctor.recipe_view import Recipe
from partimento.doctor.settings import flat

NO_EFFECT = Known(
    code="M8.no-effect",
    title="An option is set and has no effect",
    meaning="A temperature that no softmax applies, slices longer than any example, a scheduler"
    " that a fixed schedule overrules, an augmentation that never fires: what was concluded from"
    " the option is void.",
    threshold="none: the effect is exactly nothing",
    source="definition; the effect is measured where a model is at hand, else counted out",
    evidence="the option, its value, and what was tried",
    remedy="remove the option, or make the code apply it; then measure again",
    explains=("R1.uniform", "R1.peaked", "C3.differs"),
)
KNOWN = (NO_EFFECT,)


def without_effect(case: Case) -> Iterator[Finding]:
    """All options of a case that change nothing, as far as can be told."""
    settings = flat(case.config)
    yield from idle_temperature(case, settings)
    yield from idle_slices(case, settings)
    yield from overruled_scheduler(case, settings)
    yield from idle_augmentation(settings)
    yield from never_reached(case)


# -- temperature -------------------------------------------------------------------------------


def idle_temperature(case: Case, settings: Mapping[str, Any]) -> Iterator[Finding]:
    """An attention temperature that is not 1 and changes no output of the model."""
    named = {
        key: float(value)
        for key, value in settings.items()
        if re.search(r"(attention|attn)_?temp(erature)?$", key.lower()) and _is_number(value)
    }
    wanted = {key: value for key, value in named.items() if abs(value - 1.0) > 1e-6}
    if not wanted or case.probe is None:
        return
    key, value = next(iter(wanted.items()))
    owners = temperature_owners(case.probe.model)
    applied = [held for _, _, held in owners if abs(held - value) < 1e-6 * max(1.0, value)]
    if owners and len(applied) == len(owners):
        if temperature_changes_output(case.probe):
            return
        how = "doubling it in every module changes no output by a single bit"
    elif owners and not applied:
        how = f"the modules hold {sorted({h for *_, h in owners})} instead"
    elif owners:
        how = f"only {len(applied)} of {len(owners)} modules hold it"
    else:
        return  # a model that keeps its temperature elsewhere cannot be judged from outside
    yield _no_effect(
        f"{key} = {value:g} is set and not applied: {how}",
        key,
        value,
        confidence=0.93,
        control="the same batch, the same random state, with and without the change",
        evidence={"modules": [name for name, *_ in owners]},
    )


def temperature_owners(model: nn.Module) -> list[tuple[str, str, float]]:
    """(module, attribute, value) of every plain number called a temperature in a model."""
    return [
        (name, attribute, float(value))
        for name, module in model.named_modules()
        for attribute, value in vars(module).items()
        if attribute.lower().endswith(("temperature", "temp")) and _is_number(value)
    ]


def temperature_changes_output(probe: Probe) -> bool:
    """Whether other temperatures in all modules change the outputs of the first batch.

    The attributes are put back, and the random state too.
    """
    owners = temperature_owners(probe.model)
    modules = dict(probe.model.named_modules())
    batch = probe.batches[0]
    with undisturbed(probe.model), _one_seed():
        before = probe.outputs(probe.model, batch).detach().clone()
    try:
        for name, attribute, value in owners:
            setattr(modules[name], attribute, 2.0 * value)
        with undisturbed(probe.model), _one_seed():
            after = probe.outputs(probe.model, batch).detach()
    finally:
        for name, attribute, value in owners:
            setattr(modules[name], attribute, value)
    return not torch.equal(before, after)


class _one_seed:
    """Inside the block the global generator starts from a fixed seed; put back behind it."""

    def __enter__(self) -> None:
        self._state = torch.get_rng_state()
        torch.manual_seed(0)

    def __exit__(self, *_: object) -> None:
        torch.set_rng_state(self._state)


# -- slices ------------------------------------------------------------------------------------

_SLICE = re.compile(r"(^|[._])(slice|chunk|segment|max_notes|slice_notes|slice_len)[a-z_]*$")


def idle_slices(case: Case, settings: Mapping[str, Any]) -> Iterator[Finding]:
    """Slices that are longer than every example."""
    if case.data is None or not len(case.data.inputs):
        return
    longest = max(len(row) for row in case.data.inputs)
    for key, value in settings.items():
        if not _SLICE.search(key.lower()) or not _is_number(value) or value <= 0:
            continue
        if re.search(r"overlap|hop|stride|seed|count|number", key.lower()) or value <= longest:
            continue
        yield _no_effect(
            f"{key} = {value:g} never cuts anything: the longest of {len(case.data.inputs):,}"
            f" examples has {longest:,} steps",
            key,
            value,
            confidence=0.9,
            control="counted over every example of the data set",
            evidence={"longest": longest, "examples": len(case.data.inputs)},
        )


# -- schedulers --------------------------------------------------------------------------------


def overruled_scheduler(case: Case, settings: Mapping[str, Any]) -> Iterator[Finding]:
    """A scheduler that waits for plateaus beside a schedule that sets the rate at every step."""
    plateau = {
        key: value
        for key, value in settings.items()
        if "curriculum" not in key.lower()
        and value not in (None, False, 0, "", "off", "none")
        and ("plateau" in key.lower() or "plateau" in str(value).lower())
    }
    if not plateau:
        return
    key, value = next(iter(plateau.items()))
    recipe = Recipe(case)
    _, rates = recipe.rates
    kind = recipe.word("kind")
    fixed = kind if kind and "plateau" not in kind else ""
    if not fixed and len(rates) >= 20:
        # Falls of a plateau scheduler are jumps; a rate that moves at (nearly) every step is set
        # by somebody else.
        moved = np.mean(np.abs(np.diff(rates)) > 1e-9 * rates.max())
        fixed = "schedule that moves at every step" if moved > 0.5 else ""
    if fixed:
        yield _no_effect(
            f"{key} = {value} waits for plateaus, and a {fixed} schedule sets the rate at every"
            " step: what it lowers is overwritten",
            key,
            value,
            confidence=0.85,
            control="the rates of the run follow the schedule"
            if len(rates)
            else "both stand in the recipe",
            evidence={"options": {k: str(v) for k, v in plateau.items()}, "schedule": fixed},
        )


# -- augmentation ------------------------------------------------------------------------------

_AUGMENT = ("transpose", "stretch", "velocity", "pitch_shift", "time_stretch", "noise", "mixup",
            "mask", "augment", "augmentation")  # fmt: skip


def idle_augmentation(settings: Mapping[str, Any]) -> Iterator[Finding]:
    """An augmentation with a width and no probability, or the other way round."""
    for key, value in settings.items():
        base = re.sub(r"_(probability|prob|p)$", "", key)
        if base == key or base.rpartition(".")[2] not in _AUGMENT or base not in settings:
            continue
        width = settings[base]
        if not _is_number(value) or not _is_number(width):
            continue
        if bool(value) != bool(width):
            dead, other = (key, base) if not value else (base, key)
            yield _no_effect(
                f"{other} = {settings[other]:g} is set and {dead} is 0: the augmentation never"
                " fires",
                other,
                settings[other],
                confidence=0.9,
                control="an augmentation fires with width and probability above 0 only",
                evidence={"width": width, "probability": value},
            )


@dataclass(frozen=True)
class AugmentationEffect:
    """What an augmentation did in so many tries."""

    tries: int
    fired: int
    """Tries whose result differs from the example."""
    mutated: bool
    """Whether the example itself was written into."""


def augmentation_effect(
    augment: Callable[[Any, np.random.Generator], Any],
    example: Any,
    rng: np.random.Generator,
    tries: int = 100,
) -> AugmentationEffect:
    """Try an augmentation on a copy of an example, and look at both afterwards.

    ``example``: an array, a tensor, or (nested) lists and mappings of them.  One that fires in no
    try has no effect; one that mutates spoils the data set, since every epoch adds to the last.
    """
    kept = copy.deepcopy(example)
    fired, mutated = 0, False
    for _ in range(tries):
        given = copy.deepcopy(kept)
        result = augment(given, rng)
        fired += not _same(result, kept)
        mutated = mutated or not _same(given, kept)
    return AugmentationEffect(tries, fired, mutated)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_same(one[k], other[k]) for k in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, Tensor) or isinstance(other, Tensor):
        return isinstance(one, Tensor) and isinstance(other, Tensor) and torch.equal(one, other)
    return bool(np.array_equal(np.asarray(one), np.asarray(other)))


# -- never reached -----------------------------------------------------------------------------


def never_reached(case: Case) -> Iterator[Finding]:
    """Validation that would come after the last step."""
    recipe = Recipe(case)
    steps, epochs = recipe.planned_steps, recipe.number("max_epochs")
    checks = (("validate_steps", steps, "steps"), ("validate_every", epochs, "epochs"))
    for name, length, unit in checks:
        every = recipe.number(name)
        if every and length and every > length and not _validated(case):
            key = recipe.called(name, name)
            yield _no_effect(
                f"{key} = {every:,.0f} is longer than the run of {length:,.0f} {unit}: nothing is"
                " validated on the way",
                key,
                every,
                # Some validate once at the end, and mean it.
                severity="info",
                confidence=0.8,
                control="no row of the run holds a validation" if case.rows else "counted out",
                evidence={"change": {key: max(1, int(length // 10))}},
            )


def _validated(case: Case) -> bool:
    """Whether a row before the end holds a validation figure."""
    return any(
        row.get("kind") in ("validation", "epoch") and any("valid" in name for name in row)
        for row in case.rows
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _no_effect(
    claim: str,
    key: str,
    value: Any,
    *,
    confidence: float,
    control: str,
    evidence: dict[str, Any],
    severity: Severity = "warning",
) -> Finding:
    return Finding(
        code=NO_EFFECT.code,
        severity=severity,
        claim=claim,
        measured=0.0,
        unit="change by the option",
        threshold=None,
        source=NO_EFFECT.source,
        confidence=confidence,
        control=control,
        remedy=f"remove {key} from the recipe, or make the code apply it",
        evidence={"option": key, "value": value, **evidence},
    )
