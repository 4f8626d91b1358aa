"""Sounds made by rule, one kind per label: what the tests of audio2visual listen to."""

import csv
from functools import lru_cache

import numpy as np

from partimento.music.audio import SAMPLE_RATE, Sound
from partimento.render.sound import wav_bytes
from partimento.tasks.audio2visual.concepts import SOUNDS

LABELS = (*SOUNDS, "Music")
COLUMNS = (
    *("filename", "fold", "target", "category", "esc10", "src_file", "take"),
    *("license", "author", "url", "rms", "silence_frac"),
)


def made_sound(label, seed=0, seconds=5.0):
    """A sound of a kind: the same label, seed and length give the same samples."""
    rng = np.random.default_rng((LABELS.index(label), seed))
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    samples = _MAKERS[label](t, rng) + 0.001 * rng.standard_normal(len(t))
    gain = rng.uniform(0.3, 0.8) / max(1e-9, float(np.abs(samples).max()))
    return Sound((gain * samples).astype(np.float32), source=f"{label} {seed}")


def write_clips(folder, labels=SOUNDS, per_class=4, seconds=2.0, seed=0):
    """A data set in the layout of ESC-10: clips.csv and audio/ with WAV files."""
    (folder / "audio").mkdir(parents=True, exist_ok=True)
    rows = []
    for target, label in enumerate(labels):
        for take in range(per_class):
            name = f"{take % 4 + 1}-{target:02d}{take:02d}-A-{target}.wav"
            sound = made_sound(label, seed + take, seconds)
            (folder / "audio" / name).write_bytes(wav_bytes(sound.samples_N, SAMPLE_RATE))
            rows.append(
                {
                    **dict.fromkeys(COLUMNS, ""),
                    **{"filename": name, "fold": take % 4 + 1, "target": target},
                    **{
                        "category": label,
                        "license": "CC0",
                        "take": "A",
                        "src_file": f"{target}-{take}",
                    },
                }
            )
    with (folder / "clips.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return folder / "clips.csv", folder / "audio"


def write_wav(path, samples, rate=SAMPLE_RATE):
    """16-bit WAV of samples in -1..1, (N,) or (N, channels)."""
    path.write_bytes(wav_bytes(np.asarray(samples), rate))
    return path


def _noise(t, rng, low, high):
    """Noise between two frequencies in hertz."""
    spectrum = np.fft.rfft(rng.standard_normal(len(t)))
    hertz = np.fft.rfftfreq(len(t), 1 / SAMPLE_RATE)
    spectrum[(hertz < low) | (hertz > high)] = 0
    made = np.fft.irfft(spectrum, len(t))
    return made / max(1e-9, float(made.std()))


def _tone(frequency, partials=6):
    """Partials over a fundamental that may change, (N,) hertz."""
    phase = 2 * np.pi * np.cumsum(frequency) / SAMPLE_RATE
    return sum(np.sin(n * phase) / n for n in range(1, partials + 1))


def _bursts(t, starts, length):
    """Bell-shaped bursts that begin at given seconds."""
    shape = np.zeros_like(t)
    for start in starts:
        inside = (t >= start) & (t < start + length)
        shape[inside] = np.sin(np.pi * (t[inside] - start) / length)
    return shape


def _clicks(t, times, rate):
    """Sudden onsets that die with ``rate`` nepers a second."""
    shape = np.zeros_like(t)
    for time in times:
        later = t >= time
        shape[later] += np.exp(-rate * (t[later] - time))
    return shape


def _bark(t, rng):
    starts = np.arange(rng.uniform(0.1, 0.3), t[-1], rng.uniform(0.6, 0.9))
    pitch = rng.uniform(350, 550) * np.ones_like(t)
    return _bursts(t, starts, 0.15) * (_tone(pitch) + 0.5 * _noise(t, rng, 300, 2000))


def _rooster(t, rng):
    pitch = rng.uniform(650, 850) * (1 + 0.5 * np.sin(2 * np.pi * 0.5 * t))
    return _bursts(t, np.arange(0.1, t[-1], 1.6), 1.3) * _tone(pitch, 8)


def _rain(t, rng):
    return _noise(t, rng, 800, 7900) * rng.uniform(0.9, 1.1)


def _sea(t, rng):
    swell = 0.15 + np.sin(np.pi * rng.uniform(0.3, 0.5) * t + rng.uniform(0, 3)) ** 2
    return swell * _noise(t, rng, 50, 1200)


def _fire(t, rng):
    times = rng.uniform(0, t[-1], round(9 * t[-1]))
    return _clicks(t, times, 300) * _noise(t, rng, 500, 6000) + 0.02 * _noise(t, rng, 50, 400)


def _baby(t, rng):
    pitch = rng.uniform(420, 480) * (1 + 0.03 * np.sin(2 * np.pi * 6 * t))
    return _bursts(t, np.arange(0.0, t[-1], 1.1), 0.95) * _tone(pitch, 12)


def _sneeze(t, rng):
    start = rng.uniform(0.2, 0.5) * t[-1]
    return _bursts(t, [start], 0.35) * _noise(t, rng, 1000, 6500)


def _clock(t, rng):
    times = np.arange(rng.uniform(0.05, 0.3), t[-1], 0.5)
    return _clicks(t, times, 120) * np.sin(2 * np.pi * rng.uniform(2800, 3300) * t)


def _helicopter(t, rng):
    chop = _clicks(t, np.arange(0.0, t[-1], 1 / rng.uniform(10, 13)), 30)
    return chop * _noise(t, rng, 40, 350)


def _chainsaw(t, rng):
    pitch = rng.uniform(90, 130) * (1 + 0.1 * np.sin(2 * np.pi * 0.4 * t))
    return _tone(pitch, 40) + 0.4 * _noise(t, rng, 1000, 5000)


def _music(t, rng):
    scale = 220 * 2 ** (np.array([0, 2, 4, 5, 7, 9, 11, 12]) / 12)
    steps = rng.integers(0, len(scale), round(t[-1] / 0.25) + 2)
    pitch = scale[steps[(t / 0.25).astype(int)]]
    return np.exp(-6 * (t % 0.25)) * (_tone(pitch, 4) + _tone(pitch * 1.5, 2))


_MAKERS = dict(
    zip(
        LABELS,
        (
            *(_bark, _rooster, _rain, _sea, _fire, _baby, _sneeze),
            *(_clock, _helicopter, _chainsaw, _music),
        ),
        strict=True,
    )
)


@lru_cache(maxsize=1)
def examples(per_label=6, seconds=2.0):
    """(label index, Sound) of every kind, for the fake model's means."""
    return [
        (n, made_sound(label, 1000 + seed, seconds))
        for n, label in enumerate(LABELS)
        for seed in range(per_label)
    ]
