"""Folders and examples of sounds made by rule: what the tests of audio2visual listen to."""

import csv
from functools import lru_cache

import numpy as np

from partimento.music.audio import SAMPLE_RATE
from partimento.render.sound import wav_bytes
from partimento.tasks.audio2visual.concepts import SOUNDS
from partimento.tasks.audio2visual.made_sounds import LABELS, made_sound

COLUMNS = (
    *("filename", "fold", "target", "category", "esc10", "src_file", "take"),
    *("license", "author", "url", "rms", "silence_frac"),
)


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


@lru_cache(maxsize=1)
def examples(per_label=6, seconds=2.0):
    """(label index, Sound) of every kind, for the fake model's means."""
    return [
        (n, made_sound(label, 1000 + seed, seconds))
        for n, label in enumerate(LABELS)
        for seed in range(per_label)
    ]
