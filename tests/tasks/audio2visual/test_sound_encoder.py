import dataclasses
from pathlib import Path

import numpy as np
import pytest

from made_sounds import made_sound, write_clips
from partimento.core.config import load_yaml
from partimento.core.errors import DataError, InputFileError
from partimento.music.audio import SAMPLE_RATE, Sound
from partimento.music.logmel import log_mel
from partimento.music.sound_statistics import fit_window
from partimento.tasks.audio2visual import encoder_data
from partimento.tasks.audio2visual.bank import PromptBank, project
from partimento.tasks.audio2visual.concepts import CONCEPTS, SOUNDS
from partimento.tasks.audio2visual.encoder import LABELS, cut_windows, gelu
from partimento.tasks.audio2visual.encoder_check import (
    best_temperature,
    calibrated,
    cross_validate,
    unknown_study,
)
from partimento.tasks.audio2visual.encoder_data import Sounds
from partimento.tasks.audio2visual.encoder_fit import Effort, Music, fit_encoder, ridge
from partimento.tasks.audio2visual.encoder_recipe import (
    EncoderRecipe,
    read_sounds,
    save_encoder,
    train_encoder,
)
from partimento.tasks.audio2visual.hearing import read_folder
from partimento.tasks.audio2visual.loading import load_sound_model

RECIPE = Path(__file__).parents[3] / "recipes" / "audio2visual" / "encoder.yaml"
SMALL = Effort(
    variants=3,
    forest_variants=2,
    mixtures=80,
    trees=20,
    members=2,
    hidden=24,
    code=6,
    epochs=40,
    batch=16,
)
SIX = SOUNDS[:6]


def sounds_of(seeds):
    pairs = [(made_sound(label, seed), SOUNDS.index(label)) for label in SIX for seed in seeds]
    power = [10.0 ** (log_mel(fit_window(sound.samples_N)) / 10.0) for sound, _ in pairs]
    return Sounds(np.stack(power), np.array([label for _, label in pairs]))


def some_music(rng, count=24):
    power = 10.0 ** (log_mel(fit_window(made_sound("Music", 0).samples_N)) / 10.0)
    rows = [
        encoder_data.to_statistics(encoder_data.vary(power, encoder_data.MEDIUM, rng))
        for _ in range(count)
    ]
    minor = rng.integers(0, 2, count)
    tones = np.stack([np.zeros(count), np.zeros(count), minor - 0.5, np.zeros(count)], axis=1)
    factors = np.stack([rng.integers(0, 3, count), minor, minor], axis=1)
    return Music(np.stack(rows), factors, minor, tones, rng.integers(10, 34, count))


@pytest.fixture(scope="module")
def encoder():
    music = some_music(np.random.default_rng(0))
    return fit_encoder(sounds_of(range(4)), music, SMALL)


def test_it_knows_made_sounds_again(encoder):
    heard = encoder.listen([made_sound(label, 9) for label in SIX])
    assert np.mean([h.label == label for h, label in zip(heard, SIX, strict=True)]) >= 5 / 6
    assert encoder.listen([made_sound("Music", 0)])[0].label == "Music"


def test_an_answer_does_not_depend_on_the_others(encoder):
    sounds = [made_sound(label, 5) for label in SIX]
    together = encoder.listen(sounds)
    for sound, beside in zip(sounds, together, strict=True):
        alone = encoder.listen([sound])[0]
        assert np.array_equal(alone.weights_K, beside.weights_K)
        assert np.array_equal(alone.code_D, beside.code_D)
        assert alone.to_dict() == beside.to_dict()


def test_weights_sum_to_one_and_probabilities_too(encoder):
    for label in SIX:
        heard = encoder.listen([made_sound(label, 7)])[0]
        assert heard.weights_K.sum() == pytest.approx(1.0, abs=1e-5)
        assert heard.weights_K.shape == (len(CONCEPTS),)
        assert 1 / len(LABELS) <= heard.confidence <= 1.0
        assert [p for _, p in heard.top] == sorted((p for _, p in heard.top), reverse=True)


def test_ridge_onto_concepts_then_bank_is_ridge_onto_the_bank():
    rng = np.random.default_rng(3)
    code, rows = rng.normal(size=(60, 8)), rng.integers(0, len(CONCEPTS), 60)
    bank = PromptBank.builtin()
    direct = ridge(code, bank.clip_KE[rows].astype(np.float64))
    weights = ridge(code, np.eye(len(CONCEPTS))[rows])
    ones = np.concatenate([code, np.ones((60, 1))], axis=1)
    assert np.allclose(ones @ direct, project(ones @ weights, bank).clip, atol=1e-4)


def test_gain_changes_nothing(encoder):
    sound = made_sound(SIX[0], 3)
    # Not by much: what falls below the floor of the ear is gone.
    quiet = Sound(sound.samples_N * np.float32(0.8))
    loud, soft = encoder.listen([sound])[0], encoder.listen([quiet])[0]
    assert soft.label == loud.label
    assert np.allclose(soft.code_D, loud.code_D, atol=0.5)


def test_long_sounds_are_heard_in_windows(encoder):
    one = made_sound(SIX[1], 2)
    twice = Sound(np.tile(one.samples_N, 2))
    assert np.allclose(
        encoder.listen([twice])[0].code_D, encoder.listen([one])[0].code_D, atol=1e-4
    )
    windows, seconds = cut_windows(np.ones(12 * SAMPLE_RATE, dtype=np.float32))
    assert len(windows) == 3 and seconds.tolist() == [5.0, 5.0, 5.0]


def test_silence_is_unknown_and_claims_nothing(encoder):
    heard = encoder.listen([Sound(np.zeros(SAMPLE_RATE, dtype=np.float32))])[0]
    assert heard.unknown and heard.confidence == pytest.approx(1 / len(LABELS))
    short = encoder.listen([Sound(np.full(10, 0.5, dtype=np.float32))])[0]
    assert np.isfinite(short.weights_K).all()


def test_rests_do_not_count(encoder):
    one = made_sound(SIX[2], 2)
    rest = np.zeros(20 * SAMPLE_RATE, dtype=np.float32)
    with_rest = Sound(np.concatenate([one.samples_N, rest]))
    assert np.allclose(
        encoder.listen([with_rest])[0].code_D, encoder.listen([one])[0].code_D, atol=1e-5
    )


def test_the_same_seed_gives_the_same_weights():
    sounds = sounds_of(range(2))
    tiny = dataclasses.replace(SMALL, epochs=1, mixtures=10)
    first, second = (fit_encoder(sounds, None, tiny) for _ in range(2))
    other = fit_encoder(sounds, None, tiny, seed=1)
    assert np.array_equal(first.readout_DK, second.readout_DK)
    assert not np.array_equal(first.readout_DK, other.readout_DK)


def test_cross_validation_answers_every_clip_once_and_calibrates():
    sounds = sounds_of(range(4))
    folds = np.tile([1, 2, 3, 4], len(SIX))
    left = cross_validate(sounds, folds, None, SMALL)
    assert left.accuracy()["accuracy"] > 0.7
    assert 0.4 <= best_temperature(left) <= 4.0
    done = calibrated(fit_encoder(sounds, None, SMALL), left)
    assert done.temperature == best_temperature(left)
    assert np.isfinite(done.strangeness.threshold)


def test_labels_at_random_cannot_be_learnt():
    sounds = sounds_of(range(4))
    shuffled = Sounds(sounds.power_NTM, np.random.default_rng(1).permutation(sounds.labels_N))
    left = cross_validate(shuffled, np.tile([1, 2, 3, 4], len(SIX)), None, SMALL)
    assert left.accuracy()["accuracy"] < 0.5


def test_unknown_classes_are_stranger_than_known_ones():
    sounds = sounds_of(range(4))
    folds = np.tile([1, 2], 2 * len(SIX))
    found = unknown_study(sounds, folds, None, SMALL, pairs=[(0, 1)])
    assert 0.5 < found["both"] <= 1.0


def test_a_mixture_holds_both_in_their_shares():
    sounds = sounds_of(range(1))
    rows = encoder_data.mixed_rows(
        sounds, encoder_data.STRONG, 50, len(LABELS), np.random.default_rng(0)
    )
    assert np.allclose(rows.labels_NL.sum(1), 1.0)
    assert (rows.labels_NL.max(1) < 1.0).mean() > 0.3


def test_weights_survive_a_file(tmp_path, encoder):
    clips = list(read_folder(*write_clips(tmp_path, per_class=1, seconds=1.0)))
    path = tmp_path / "weights.safetensors"
    save_encoder(encoder, path, EncoderRecipe(), "encoder.yaml", clips, {})
    again = load_sound_model(path)
    sound = made_sound(SIX[0], 3)
    assert again.listen([sound])[0].to_dict() == encoder.listen([sound])[0].to_dict()
    assert again.parameters == encoder.parameters


def test_wrong_weights_give_one_sentence(tmp_path):
    with pytest.raises(DataError, match="kind"):
        load_sound_model("chorale-small")
    (tmp_path / "a.safetensors").write_bytes(b"no weights")
    with pytest.raises(InputFileError):
        load_sound_model(tmp_path / "a.safetensors")


def test_an_unknown_class_in_the_table_is_named(tmp_path):
    clips = list(read_folder(*write_clips(tmp_path, per_class=1, seconds=1.0)))
    odd = dataclasses.replace(clips[0], category="Cat")
    with pytest.raises(DataError, match="Cat"):
        read_sounds([odd])


def test_the_recipe_trains(tmp_path):
    values = load_yaml(RECIPE)
    recipe = EncoderRecipe.model_validate(values)
    table, audio = write_clips(tmp_path, labels=SIX[:2], per_class=4, seconds=1.0)
    small = recipe.model_copy(
        update={
            "data": recipe.data.model_copy(
                update={"csv": str(table), "audio": str(audio), "music": []}
            ),
            "effort": recipe.effort.model_copy(
                update={"variants": 1, "mixtures": 8, "trees": 4, "members": 1, "epochs": 1}
            ),
            "study_unknown": False,
        }
    )
    summary = train_encoder(small, "encoder.yaml", out=tmp_path / "run")
    assert 0.0 <= summary["accuracy"] <= 1.0
    heard = load_sound_model(summary["last_weights"]).listen([made_sound(SIX[0], 1)])[0]
    assert heard.label in LABELS


def test_gelu_is_x_times_the_normal_distribution():
    assert gelu(np.array([0.0, 1.0, -1.0])) == pytest.approx([0.0, 0.8413447, -0.1586553])
