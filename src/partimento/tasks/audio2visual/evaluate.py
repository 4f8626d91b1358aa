"""``evaluate audio2visual``: a model that hears, measured on labelled clips."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from partimento.core.errors import DataError
from partimento.core.progress import Progress
from partimento.music.audio import Sound
from partimento.tasks.audio2visual.bank import BUILTIN, PromptBank
from partimento.tasks.audio2visual.concepts import CONCEPTS
from partimento.tasks.audio2visual.hearing import Clips, read_folder
from partimento.tasks.audio2visual.hearing_metrics import (
    TextSpace,
    auroc,
    diversity,
    drawn_groups,
    expected_calibration_error,
    middle_95,
    nearest_label,
    r2_vs_constant,
    swap_partners,
    text_space,
    wilson,
)
from partimento.tasks.audio2visual.interface import Heard

if TYPE_CHECKING:
    from partimento.tasks.audio2visual.interface import SoundModel

DEFAULT_WEIGHTS = "audio2visual"
_AT_ONCE = 16


def evaluate_audio2visual(
    csv: str | Path,
    audio: str | Path,
    *,
    unknown: tuple[str | Path, str | Path] | None = None,
    bank: str | Path | PromptBank = BUILTIN,
    weights: str | Path | SoundModel = DEFAULT_WEIGHTS,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Measure a model on the clips of a table (``filename``, ``category``) in a folder.

    ``unknown``: table and folder of sounds that the model does not know.  See :func:`evaluate` for
    the figures and :func:`~partimento.tasks.audio2visual.hearing.read_folder` for the errors.
    """
    clips = read_folder(csv, audio)
    strange = read_folder(*unknown) if unknown is not None else None
    chosen = bank if isinstance(bank, PromptBank) else PromptBank.load(bank)
    model = _model(weights)
    return evaluate(model, clips, chosen, strange, seed=seed, progress=progress)


def _model(weights: str | Path | SoundModel) -> SoundModel:
    if not isinstance(weights, str | Path):
        return weights
    from partimento.tasks.audio2visual.loading import load_sound_model

    return load_sound_model(weights)


def evaluate(
    model: SoundModel,
    clips: Clips,
    bank: PromptBank,
    unknown_clips: Clips | None = None,
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """All figures of a model on labelled clips.

    - ``accuracy``: share of clips whose label is the table's category.
    - ``text_space_top1``: share of clips whose output in the bank's CLIP space has its own class's
      prompt as the nearest by cosine, after z-scoring the space over the prompts of the labels;
      only those prompts compete.
    - ``r2_vs_constant``: 1 - SSE / SSE of the constant mean target, in that z-scored space.
    - ``diversity``: mean distance of two outputs over the mean distance of their targets.
    - ``swapped_audio_keeps_label``: share of clips that keep the label of their own file when they
      are given the sound of a clip of another class (drawn with ``seed``, each used once); null
      where there is but one class.
    - ``n``: clips.
    - ``unknown_auroc``, with ``unknown_clips``: chance that an unknown clip scores stranger than a
      known one.

    Besides: ``intervals`` (95 %: Wilson's for shares, else a bootstrap over recordings),
    ``per_class``, ``confusion`` (rows: the table's category), ``ece`` and ``mean_confidence``,
    ``text_space`` for CLIP and T5, ``unknown``, ``per_fold``, ``seconds_per_clip``.

    Raises DataError for categories that are no labels of the model, and what reading a clip raises.
    """
    labels = _labels(model, bank, clips)
    started = time.perf_counter()
    heard = hear(model, clips, progress)
    seconds = time.perf_counter() - started
    rng = np.random.default_rng(seed)
    counts_BN = drawn_groups([clip.recording for clip in clips], rng)
    swapped = _swapped(model, clips, rng, progress)
    spaces = _spaces(heard, clips, bank, labels)
    place = {name: _space_figures(space, counts_BN) for name, space in spaces.items()}
    report = {
        **_labels_right(heard, clips),
        "text_space_top1": place["clip"]["top1"],
        "r2_vs_constant": place["clip"]["r2_vs_constant"],
        "diversity": place["clip"]["diversity"],
        **swapped,
        "n": len(clips),
    }
    report["intervals"] = {
        **report.pop("share_intervals"),
        "swapped_audio_keeps_label": report.pop("swapped_interval"),
        "text_space_top1": place["clip"]["intervals"]["top1"],
        "r2_vs_constant": place["clip"]["intervals"]["r2_vs_constant"],
        "diversity": place["clip"]["intervals"]["diversity"],
    }
    if unknown_clips is not None:
        strange = hear(model, unknown_clips, progress)
        _add_unknown(report, heard, strange, unknown_clips, counts_BN, rng)
    return {
        **report,
        **_calibration(heard, clips),
        "per_class": _per_class(heard, clips, labels),
        "per_fold": _per_fold(heard, clips),
        "confusion": _confusion(heard, clips, labels, model.labels),
        "text_space": place,
        "model": model.name,
        "bank": {key: str(value) for key, value in bank.meta.items()},
        "seconds_per_clip": round(seconds / len(clips), 4),
    }


def hear(model: SoundModel, clips: Clips, progress: Progress | None = None) -> list[Heard]:
    """What a model makes of each clip, a few at a time so that few sounds are in memory."""
    return _listen(model, clips, [None] * len(clips), progress, "clips")


def _listen(
    model: SoundModel,
    clips: Clips,
    disguise: Sequence[str | None],
    progress: Progress | None,
    label: str,
) -> list[Heard]:
    heard: list[Heard] = []
    for start in range(0, len(clips), _AT_ONCE):
        names = disguise[start : start + _AT_ONCE]
        part = clips.select(range(start, min(start + _AT_ONCE, len(clips))))
        sounds = [_named(clip.sound(), name) for clip, name in zip(part, names, strict=True)]
        heard += model.listen(sounds)
        if progress is not None:
            progress(len(heard), len(clips), label)
    return heard


def _named(sound: Sound, name: str | None) -> Sound:
    return sound if name is None else replace(sound, source=name)


def _labels(model: SoundModel, bank: PromptBank, clips: Clips) -> tuple[str, ...]:
    """The model's labels that have a prompt in the bank; all categories must be among them."""
    known = tuple(name for name in CONCEPTS if name in model.labels and name in bank.names)
    strangers = sorted(set(clips.labels) - set(known))
    if strangers:
        raise DataError(
            f"these categories are no labels of the model: {', '.join(strangers[:5])}",
            where="column category",
            fix=f"It knows: {', '.join(known)}. Give sounds of other kinds with --unknown",
        )
    return known


def _labels_right(heard: Sequence[Heard], clips: Clips) -> dict[str, Any]:
    right = sum(h.label == c.category for h, c in zip(heard, clips, strict=True))
    return {
        "accuracy": right / len(clips),
        "share_intervals": {"accuracy": wilson(right, len(clips))},
    }


def _spaces(
    heard: Sequence[Heard], clips: Clips, bank: PromptBank, labels: tuple[str, ...]
) -> dict[str, TextSpace]:
    rows = bank.rows(CONCEPTS)
    place = {name: n for n, name in enumerate(rows.names)}
    weights_NK = np.stack([h.weights_K for h in heard])
    targets_N = np.array([place[name] for name in clips.labels])
    labels_C = np.array([place[name] for name in labels])
    return {
        "clip": text_space(rows.clip_KE, weights_NK, targets_N, labels_C),
        "t5": text_space(rows.t5_KLE, weights_NK, targets_N, labels_C),
    }


def _space_figures(space: TextSpace, counts_BN: np.ndarray) -> dict[str, Any]:
    right_N = nearest_label(space) == space.targets_N
    return {
        "top1": float(right_N.mean()),
        "r2_vs_constant": _number(r2_vs_constant(space)[0]),
        "diversity": _number(diversity(space)[0]),
        "intervals": {
            "top1": wilson(int(right_N.sum()), len(right_N)),
            "r2_vs_constant": middle_95(r2_vs_constant(space, counts_BN)),
            "diversity": middle_95(diversity(space, counts_BN)),
        },
    }


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _swapped(
    model: SoundModel, clips: Clips, rng: np.random.Generator, progress: Progress | None
) -> dict[str, Any]:
    """Every clip with the sound of another class under its own name, heard anew."""
    partners_N = swap_partners(clips.labels, rng)
    own = np.flatnonzero(partners_N >= 0)
    if not len(own):
        return {"swapped_audio_keeps_label": None, "swapped_interval": None}
    others = clips.select([int(n) for n in partners_N[own]])
    names = [str(clips[int(n)].path) for n in own]
    heard = _listen(model, others, names, progress, "swapped clips")
    kept = sum(h.label == clips[int(n)].category for h, n in zip(heard, own, strict=True))
    return {
        "swapped_audio_keeps_label": kept / len(own),
        "swapped_interval": wilson(kept, len(own)),
    }


def _add_unknown(
    report: dict[str, Any],
    heard: Sequence[Heard],
    strange: Sequence[Heard],
    clips: Clips,
    counts_BN: np.ndarray,
    rng: np.random.Generator,
) -> None:
    """``unknown_auroc``, its interval, and how many of each side are called unknown."""
    known_N = np.array([h.unknown_score for h in heard])
    unknown_M = np.array([h.unknown_score for h in strange])
    counts_BM = drawn_groups([clip.recording for clip in clips], rng, len(counts_BN))
    draws = [
        auroc(np.repeat(known_N, n.astype(int)), np.repeat(unknown_M, m.astype(int)))
        for n, m in zip(counts_BN, counts_BM, strict=True)
    ]
    report["unknown_auroc"] = auroc(known_N, unknown_M)
    report["intervals"]["unknown_auroc"] = middle_95(np.array(draws))
    report["unknown"] = {
        "n": len(strange),
        "called_unknown": float(np.mean([h.unknown for h in strange])),
        "known_called_unknown": float(np.mean([h.unknown for h in heard])),
    }


def _calibration(heard: Sequence[Heard], clips: Clips) -> dict[str, Any]:
    confidence_N = np.array([h.confidence for h in heard])
    right_N = np.array([h.label == c.category for h, c in zip(heard, clips, strict=True)])
    return {
        "ece": expected_calibration_error(confidence_N, right_N.astype(np.float64)),
        "mean_confidence": float(confidence_N.mean()),
    }


def _per_class(heard: Sequence[Heard], clips: Clips, labels: Sequence[str]) -> list[dict[str, Any]]:
    rows = []
    for label in labels:
        answers = [h.label for h, c in zip(heard, clips, strict=True) if c.category == label]
        if not answers:
            continue
        right = answers.count(label)
        wrong = [name for name in answers if name != label]
        low, high = wilson(right, len(answers))
        rows.append(
            {
                **{"label": label, "n": len(answers), "accuracy": right / len(answers)},
                **{"low": low, "high": high},
                "taken_for": max(sorted(set(wrong)), key=wrong.count) if wrong else None,
            }
        )
    return rows


def _per_fold(heard: Sequence[Heard], clips: Clips) -> list[dict[str, Any]]:
    right: dict[int, list[bool]] = {}
    for h, clip in zip(heard, clips, strict=True):
        right.setdefault(clip.fold, []).append(h.label == clip.category)
    return [
        {"fold": fold, "n": len(found), "accuracy": sum(found) / len(found)}
        for fold, found in sorted(right.items())
    ]


def _confusion(
    heard: Sequence[Heard], clips: Clips, labels: Sequence[str], answers: Sequence[str]
) -> dict[str, Any]:
    counts = np.zeros((len(labels), len(answers)), dtype=np.int64)
    for h, clip in zip(heard, clips, strict=True):
        counts[labels.index(clip.category), answers.index(h.label)] += 1
    return {"truth": list(labels), "heard_as": list(answers), "counts": counts.tolist()}
