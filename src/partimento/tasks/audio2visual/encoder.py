"""The light design: statistics of a sound, a small network, a code, and what it stands for.

Everything here is numpy: hearing a clip takes milliseconds, and no torch is imported.  A sound is
cut into windows of five seconds, each is heard alone, and the windows are averaged in
proportion to what they hold.

Shape suffixes: W windows, S statistics, H hidden units, D numbers of the code, L labels,
M music factors, K concepts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from partimento.music.audio import SAMPLE_RATE, Sound
from partimento.music.chroma import tonality
from partimento.music.sound_statistics import WINDOW_SAMPLES, sound_statistics
from partimento.tasks.audio2visual.concepts import CONCEPTS, MOTIONS, MUSIC, SOUNDS
from partimento.tasks.audio2visual.interface import Heard

MUSIC_LABEL = "Music"
LABELS = (*SOUNDS, MUSIC_LABEL)
FACTORS: dict[str, tuple[str, ...]] = {
    "motion": MOTIONS,
    "register": ("low", "high"),
    "texture": ("solo", "full"),
}
"""What the network tells about music; the mode comes from the chroma."""
OUTPUTS = len(LABELS) + sum(len(values) for values in FACTORS.values())
CLIP = 6.0
"""Standard deviations beyond which a statistic is not believed."""
SILENT_DB = -75.0
"""Peak level below which a window is silence."""
_HOP_SAMPLES = WINDOW_SAMPLES


@dataclass(frozen=True, slots=True)
class Member:
    """One network: statistics -> H -> D -> labels and music factors, GELU between."""

    hidden_SH: np.ndarray
    hidden_H: np.ndarray
    code_HD: np.ndarray
    code_D: np.ndarray
    out_DO: np.ndarray
    out_O: np.ndarray

    def code(self, inputs_WS: np.ndarray) -> np.ndarray:
        """(W, D) code of standardised statistics."""
        hidden = gelu(inputs_WS @ self.hidden_SH + self.hidden_H)
        return gelu(hidden @ self.code_HD + self.code_D)

    def logits(self, code_WD: np.ndarray) -> np.ndarray:
        """(W, O) logits of the labels, then of the music factors."""
        return np.asarray(code_WD @ self.out_DO + self.out_O)


@dataclass(frozen=True, slots=True)
class Strangeness:
    """How far a code lies from those of the known labels, and where "unknown" begins."""

    means_LD: np.ndarray
    inverse_DD: np.ndarray
    scale: np.ndarray
    """(4,) mean and spread of the two parts (uncertainty, distance) on known sounds."""
    threshold: float

    def parts(self, log_p_WL: np.ndarray, code_WD: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(W,) entropy of the labels (nats), and Mahalanobis distance to the nearest label's mean.

        The distance as in Lee et al. 2018, with one covariance for all labels.
        """
        entropy = -(np.exp(log_p_WL) * log_p_WL).sum(1)
        away = code_WD[:, None] - self.means_LD
        squared = np.einsum("wld,de,wle->wl", away, self.inverse_DD, away, optimize=True)
        return entropy, np.sqrt(np.maximum(squared.min(1), 0.0))

    def score(self, log_p_WL: np.ndarray, code_WD: np.ndarray) -> np.ndarray:
        """(W,) sum of both parts, each in standard deviations of known sounds."""
        parts = np.stack(self.parts(log_p_WL, code_WD), axis=1)
        return np.asarray(((parts - self.scale[:2]) / self.scale[2:]).sum(1))


@dataclass(frozen=True, slots=True)
class SoundEncoder:
    """The shipped model of hearing, a ``SoundModel`` of the interface."""

    name: str
    mean_S: np.ndarray = field(repr=False)
    scale_S: np.ndarray = field(repr=False)
    members: tuple[Member, ...] = field(repr=False)
    mode_5: np.ndarray = field(repr=False)
    """Weights on the four numbers of :func:`partimento.music.chroma.tonality`, and an offset."""
    readout_DK: np.ndarray = field(repr=False)
    """Ridge from the code and a one (D + 1 rows) onto the concepts."""
    temperature: float
    strangeness: Strangeness = field(repr=False)
    labels: tuple[str, ...] = LABELS

    @property
    def parameters(self) -> int:
        """Numbers that were learnt."""
        arrays = [a for m in self.members for a in (
            m.hidden_SH, m.hidden_H, m.code_HD, m.code_D, m.out_DO, m.out_O
        )]  # fmt: skip
        arrays += [self.mode_5, self.readout_DK]
        return sum(a.size for a in arrays)

    def listen(self, sounds: Sequence[Sound]) -> list[Heard]:
        """One answer per sound; a sound's answer does not depend on the others."""
        return [self._hear(sound) for sound in sounds]

    def inputs(self, statistics_WS: np.ndarray) -> np.ndarray:
        """Standardised statistics."""
        return standardised(statistics_WS, self.mean_S, self.scale_S)

    def code(self, statistics_WS: np.ndarray) -> np.ndarray:
        """(W, D) the members' codes side by side."""
        inputs = self.inputs(statistics_WS)
        return np.concatenate([member.code(inputs) for member in self.members], axis=1)

    def outputs(self, code_WD: np.ndarray) -> np.ndarray:
        """(W, O) mean of the members' log-probabilities: labels, then each music factor."""
        width = code_WD.shape[1] // len(self.members)
        logits = [
            member.logits(code_WD[:, n * width : (n + 1) * width])
            for n, member in enumerate(self.members)
        ]
        return np.mean([grouped_log_softmax(each) for each in logits], axis=0)

    def _hear(self, sound: Sound) -> Heard:
        windows, amounts = cut_windows(sound.samples_N)
        if not len(windows):
            return self._nothing()
        statistics = np.stack([sound_statistics(window) for window in windows])
        code_WD = self.code(statistics)
        outputs_WO = self.outputs(code_WD)
        log_p_WL = log_softmax(outputs_WO[:, : len(LABELS)] / self.temperature)
        tones = np.stack([tonality(window) for window in windows])
        concepts_WK = self.concepts(code_WD, log_p_WL, outputs_WO, tones)
        share_W = amounts / amounts.sum()
        probability = share_W @ np.exp(log_p_WL)
        score = float(share_W @ self.strangeness.score(log_p_WL, code_WD))
        return self._heard(probability, share_W @ concepts_WK, share_W @ code_WD, score)

    def concepts(
        self,
        code_WD: np.ndarray,
        log_p_WL: np.ndarray,
        outputs_WO: np.ndarray,
        tones_W4: np.ndarray,
    ) -> np.ndarray:
        """(W, K) weights of the concepts, each row summing to one.

        The closed form gives the sounds; music as a whole is divided over its kinds by the
        factors, for a mode is heard in the chroma, which is no part of the code.
        """
        ones = np.ones((len(code_WD), 1))
        raw_WK = np.concatenate([code_WD, ones], axis=1) @ self.readout_DK
        sounds_WK = raw_WK[:, : len(SOUNDS)]
        music_W1 = 1.0 - sounds_WK.sum(1, keepdims=True)
        minor_W = 1.0 / (1.0 + np.exp(-(tones_W4 @ self.mode_5[:4] + self.mode_5[4])))
        return np.concatenate([sounds_WK, music_W1 * kinds_of_music(outputs_WO, minor_W)], axis=1)

    def _heard(
        self, probability_L: np.ndarray, weights_K: np.ndarray, code_D: np.ndarray, score: float
    ) -> Heard:
        order = np.argsort(-probability_L, kind="stable")[:3]
        top = tuple((self.labels[n], float(probability_L[n])) for n in order)
        return Heard(
            label=top[0][0], confidence=top[0][1], top=top,
            unknown=score > self.strangeness.threshold, unknown_score=score,
            weights_K=weights_K.astype(np.float64), code_D=code_D.astype(np.float32),
        )  # fmt: skip

    def _nothing(self) -> Heard:
        """Silence: every label alike, and unknown."""
        even = np.full(len(LABELS), 1.0 / len(LABELS))
        flat = np.full(len(CONCEPTS), 1.0 / len(CONCEPTS))
        width = self.readout_DK.shape[0] - 1
        return self._heard(even, flat, np.zeros(width), self.strangeness.threshold + 100.0)


def gelu(x: np.ndarray) -> np.ndarray:
    """Return x times the normal distribution function of x (Hendrycks & Gimpel 2016), exactly."""
    from scipy.special import ndtr

    return np.asarray(x * ndtr(x))


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Over the last axis."""
    shifted = logits - logits.max(-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(-1, keepdims=True)))


def groups() -> list[slice]:
    """Where the labels and each music factor stand among the outputs."""
    sizes = [len(LABELS), *(len(values) for values in FACTORS.values())]
    ends = np.cumsum(sizes)
    return [slice(int(end - size), int(end)) for size, end in zip(sizes, ends, strict=True)]


def grouped_log_softmax(logits_WO: np.ndarray) -> np.ndarray:
    """Each group of outputs as log-probabilities."""
    return np.concatenate([log_softmax(logits_WO[:, group]) for group in groups()], axis=1)


def kinds_of_music(outputs_WO: np.ndarray, minor_W: np.ndarray) -> np.ndarray:
    """(W, 24) probability of each kind of music, as if its four factors were independent."""
    motion, register, texture = (np.exp(outputs_WO[:, group]) for group in groups()[1:])
    mode = np.stack([1.0 - minor_W, minor_W], axis=1)
    columns = [
        motion[:, MOTIONS.index(kind.motion)]
        * mode[:, int(kind.mode == "minor")]
        * register[:, FACTORS["register"].index(kind.register)]
        * texture[:, FACTORS["texture"].index(kind.texture)]
        for kind in MUSIC
    ]
    together = np.stack(columns, axis=1)
    return np.asarray(together / together.sum(1, keepdims=True))


def standardised(statistics_WS: np.ndarray, mean_S: np.ndarray, scale_S: np.ndarray) -> np.ndarray:
    """Zero mean, unit spread, nothing beyond six standard deviations."""
    return np.clip((statistics_WS - mean_S) / scale_S, -CLIP, CLIP)


def cut_windows(samples_N: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """Windows of five seconds that are not silent, and how much each holds (its seconds, (W,)).

    The last window reaches back to be whole, so that a short rest does not count as a sound of
    its own.
    """
    if len(samples_N) <= WINDOW_SAMPLES:
        starts = [0]
    else:
        starts = list(range(0, len(samples_N) - WINDOW_SAMPLES + 1, _HOP_SAMPLES))
        if starts[-1] + WINDOW_SAMPLES < len(samples_N):
            starts.append(len(samples_N) - WINDOW_SAMPLES)
    windows, amounts = [], []
    for start in starts:
        window = samples_N[start : start + WINDOW_SAMPLES]
        peak = float(np.abs(window).max(initial=0.0))
        if 20.0 * np.log10(max(peak, 1e-9)) > SILENT_DB:
            windows.append(window)
            amounts.append(len(window) / SAMPLE_RATE)
    return windows, np.array(amounts)


def member_arrays(member: Member) -> Mapping[str, np.ndarray]:
    """A member's arrays by name, as a checkpoint holds them."""
    return {name: getattr(member, name) for name in MEMBER_FIELDS}


MEMBER_FIELDS = ("hidden_SH", "hidden_H", "code_HD", "code_D", "out_DO", "out_O")
