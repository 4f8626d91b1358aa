"""From a finding to changed settings: what the finding itself says, else a table of its options.

The table knows no healthy run.  It names the options that a finding is about, and a remedy puts
those of them that are not at their documented default back to it.  So a finding that names the
wrong cause changes the wrong options, and the treated run does not recover.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from partimento.doctor.finding import Finding

CHANGE = "change"
"""Name in a finding's evidence under which it gives its own changes: option -> value."""

SHORT: Mapping[str, str] = {
    "training.lr": "training.optimizer.lr",
    "training.weight_decay": "training.optimizer.weight_decay",
    "training.steps": "training.max_steps",
}
"""Short names that findings use, and the options that they mean in a recipe."""

_RATE = ("optimizer.lr",)
_SCHEDULE = ("schedule.kind", "schedule.total_steps", "schedule.floor", "schedule.warmup_steps")
_LENGTH = ("training.max_steps", "training.max_epochs", "schedule.total_steps")
_BATCHES = ("training.batch_size", "training.accumulate")
_CURRICULUM = ("curriculum.on", "curriculum.plateau_epochs", "curriculum.grow_epochs")
_START = ("slip.initial_scale", "slip.head_scale", "slip.logit_scale", "recurrent_init")
_NORMS = ("model.norm", "adapter.norm", "norm_kind", "slip.no_norm", "slip.norm_missing")
_ATTENTION = ("attention_temperature", "slip.temperature_ignored", "slip.attention_scale")
_BLIND = ("slip.blind", "slip.silent", "slip.blind_columns", "slip.condition", "slip.shift")
_PADDING = ("slip.mask_ignored", "slip.padding_read", "slip.pad_counted", "slip.mixed_clips")
_DROPOUT = ("dropout", "embedding_dropout", "layer_dropout", "output_dropout")

OPTIONS: Mapping[str, tuple[str, ...]] = {
    # settings of a recipe
    "R1.uniform": _ATTENTION,
    "R1.peaked": _ATTENTION,
    "R3.exploding": ("optimizer.lr", "training.clip", *_START),
    "R3.spikes": ("optimizer.lr", "training.clip", "schedule.warmup_steps"),
    "R3.update-ratio": ("optimizer.lr",),
    "R3.vanishing": (*_START, *_NORMS, "model.residual"),
    "R3.dead-units": ("optimizer.lr", "slip.dead_bias"),
    "R3.saturated": (*_START, "optimizer.lr"),
    "R5.noisy-validation": ("data.valid_pieces", "data.valid_per_class", "data.valid_share"),
    "R6.not-finite": ("optimizer.lr", "training.clip", "material.not_a_number"),
    "R6.oscillation": ("optimizer.lr", "training.batch_size"),
    "R6.overfit": ("optimizer.weight_decay", *_DROPOUT, "training.max_steps", "data.pieces"),
    "R6.plateau": ("optimizer.lr",),
    "R6.underfit": (*_LENGTH, "optimizer.lr", "optimizer.weight_decay"),
    "R2.collapse": ("optimizer.weight_decay", "optimizer.lr"),
    "R13.memorised": ("data.pieces",),
    "R7.peak-too-high": _RATE,
    "R7.peak-too-low": _RATE,
    "R7.schedule-end": _SCHEDULE,
    "R7.warm-up": ("schedule.warmup_steps",),
    "R8.no-curriculum": _CURRICULUM,
    "R8.stuck": _CURRICULUM,
    "R10.steps-not-batch": (*_LENGTH, *_BATCHES),
    "M3.blind-channel": ("model.cross_channel",),
    "M6.batch-dependence": (*_NORMS, "slip.mixed_clips"),
    "M6.norm": _NORMS,
    "M8.no-effect": ("slice_notes", *_ATTENTION, "reduce_on_plateau", "sampling_temperature"),
    "D1.duplicate-inputs": ("feature_set", "material.contradiction"),
    "D7.heterogeneous": ("data.zscore", "material.target_scale"),
    "T4.class-pure-batches": ("batching.mode",),
    "T5.running-loss": ("batching.mode",),
    "T6.target-scale": ("data.zscore", "material.target_scale"),
    "T7.too-few-steps": (*_LENGTH, *_BATCHES),
    # slips in code or data: to mend one is to take out what was planted
    "D2.leakage": ("material.leak", "material.leak_transposed", "material.split_by_clip"),
    "D3.imbalance": ("material.imbalance",),
    "D4.rests": ("material.silence",),
    "D4.range": ("material.far_voice", "material.far_valid"),
    "D4.dropped": ("material.dropped",),
    "D4.unknown": ("material.unknown",),
    "D5.noise-ceiling": ("material.rater_noise",),
    "D6.split": ("material.swapped_split", "data.valid_share"),
    "D6.statistics": ("material.statistics_from_all",),
    "M1.not-causal": ("slip.not_causal", "slip.shift"),
    "M2.padding": _PADDING,
    "M2.batch": _PADDING,
    "M3.blind-input": _BLIND,
    "M4.initial-spread": _START,
    "M5.relative": ("slip.skew",),
    "M7.unoptimised": ("optim.forget_head",),
    "M7.twice": ("optim.twice",),
    "M7.frozen": ("optim.frozen",),
    "R8.validation-length": ("slip.moving_validation",),
    "R9.dead-conditioning": ("slip.condition",),
    "R11.idle-level": ("slip.one_group",),
    "R12.calibration": ("slip.logit_scale",),
    "R12.overconfident": ("slip.logit_scale",),
    "R12.loops": ("sampling_temperature",),
    "T1.worse-than-constant": _BLIND,
    "T2.input-ignored": _BLIND,
    "R4.conflict": ("material.contradiction",),
    # what was written down
    "U1.mixed-units": ("paper.report",),
    "U1.worse-than-floor": ("slip.logit_scale", *_RATE),
    "U2.perplexity": ("paper.report",),
    "U2.accuracy-against-loss": ("paper.report", "slip.pad_counted"),
    "U2.steps": ("paper.report",),
    "U2.size": ("paper.report",),
    "U2.evaluations": ("paper.report", "training.validate_steps"),
    "U2.warm-up-share": ("schedule.warmup_steps",),
    "R1.naive": ("paper.report",),
    "C1.mismatch": ("paper.checkpoint",),
    "C2.unsafe": ("paper.checkpoint",),
    "C3.differs": ("model.width",),
}
"""Code -> the options that it is about, by the end of their dotted names."""


def changes_of(
    finding: Finding, config: Mapping[str, Any], defaults: Mapping[str, Any]
) -> tuple[dict[str, Any], Literal["finding", "table"]]:
    """Options to change and their new values, and who says so; empty where nothing is offered.

    ``config`` and ``defaults`` are flat.  A change of an option that neither knows, or to what is
    set already, is none.
    """
    own = finding.evidence.get(CHANGE)
    if isinstance(own, Mapping):
        named = {SHORT.get(str(name), str(name)): value for name, value in own.items()}
        known = {k: v for k, v in named.items() if k in config or k in defaults}
        changed = {k: v for k, v in known.items() if config.get(k, defaults.get(k)) != v}
        if changed:
            return changed, "finding"
    return _defaults_of(OPTIONS.get(finding.code, ()), config, defaults), "table"


def _defaults_of(
    options: tuple[str, ...], config: Mapping[str, Any], defaults: Mapping[str, Any]
) -> dict[str, Any]:
    """The named options that are not at their default, with the default."""
    return {
        name: default
        for name, default in defaults.items()
        if _named(name, options) and config.get(name, default) != default
    }


def _named(name: str, options: tuple[str, ...]) -> bool:
    return any(name == option or name.endswith(f".{option}") for option in options)
