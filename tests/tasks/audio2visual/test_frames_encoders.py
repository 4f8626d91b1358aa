"""Frozen audio encoders: log-mel, transformers from a local folder, and frames kept on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from made_sounds import made_sound, write_wav
from partimento.core.errors import ConfigError, InputFileError
from partimento.music.audio import Sound
from partimento.music.logmel import log_mel
from partimento.tasks.audio2visual.frames import (
    LogMelFrames,
    ModelFrames,
    cached_frames,
    load_frame_encoder,
    pad_frames,
)


def test_logmel_gives_ten_frames_a_second() -> None:
    sound = made_sound("Rain", 0, 2.0)
    frames = load_frame_encoder("logmel").frames(sound)
    assert frames.shape == (20, 64) and frames.dtype == np.float32
    level = log_mel(sound.samples_N)
    assert np.allclose(frames[3], (level[15:20].mean(0) + 40.0) / 20.0, atol=1e-4)
    assert np.allclose(frames[-1], (level[95:].mean(0) + 40.0) / 20.0, atol=1e-4)
    assert load_frame_encoder("logmel").frames(Sound(np.zeros(3, np.float32))).shape == (1, 64)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("logmell", "did you mean logmel"),
        ("ast", "needs the folder"),
        ("clap:", "needs the folder"),
        ("logmel:x", "takes no folder"),
    ],
)
def test_wrong_names_of_encoders(spec: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load_frame_encoder(spec)


def test_a_folder_that_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match=r"config\.json is missing"):
        load_frame_encoder(f"ast:{tmp_path}")
    pytest.importorskip("transformers")
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(InputFileError, match="no AST model"):
        load_frame_encoder(f"ast:{tmp_path}")


def test_a_tiny_ast_from_a_local_folder(tmp_path: Path) -> None:
    made = pytest.importorskip("transformers")
    config = made.ASTConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_length=64,
        num_mel_bins=32,
    )
    made.ASTModel(config).save_pretrained(tmp_path)
    made.ASTFeatureExtractor(max_length=64, num_mel_bins=32).save_pretrained(tmp_path)
    encoder = load_frame_encoder(f"ast:{tmp_path}")
    sound = made_sound("Dog bark", 0, 0.5)
    frames = encoder.frames(sound)
    # 2 x 5 patches of 16 in steps of 10, behind the CLS and the distillation token.
    assert frames.shape == (2 + 2 * 5, 16)
    only = load_frame_encoder(f"ast:{tmp_path}", cls_only=True)
    assert np.allclose(only.frames(sound), frames[:1], atol=1e-6)
    assert only.key != encoder.key and only.name == encoder.name == "ast"
    assert not np.allclose(encoder.frames(made_sound("Rain", 0, 0.5)), frames)


def test_a_tiny_clap_from_a_local_folder(tmp_path: Path) -> None:
    made = pytest.importorskip("transformers")
    config = made.ClapAudioConfig(
        hidden_size=32,
        patch_embeds_hidden_size=4,
        depths=[1, 1, 1, 1],
        num_attention_heads=[1, 1, 2, 2],
        num_hidden_layers=4,
        spec_size=256,
        num_mel_bins=64,
        enable_fusion=False,
    )
    made.ClapAudioModel(config).save_pretrained(tmp_path)
    made.ClapFeatureExtractor(truncation="rand_trunc").save_pretrained(tmp_path)
    encoder = load_frame_encoder(f"clap:{tmp_path}")
    sound = made_sound("Dog bark", 0, 0.5)
    frames = encoder.frames(sound)
    assert frames.ndim == 2 and frames.shape[1] == 32 and len(frames) > 1
    assert np.array_equal(encoder.frames(sound), frames)
    only = load_frame_encoder(f"clap:{tmp_path}", cls_only=True).frames(sound)
    assert only.shape == (1, 32)
    assert np.allclose(only[0], frames.mean(0), atol=1e-5)


# -- kept on disk ---------------------------------------------------------------------------------


class Counting:
    """Reads a made sound and counts."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> Sound:
        self.count += 1
        return made_sound("Rain", 0, 0.3)


def test_frames_are_kept_by_the_bytes_of_the_file_and_the_encoder(tmp_path: Path) -> None:
    one = write_wav(tmp_path / "one.wav", made_sound("Rain", 0, 0.3).samples_N)
    encoder, read, kept = LogMelFrames(), Counting(), tmp_path / "kept"
    first = cached_frames(encoder, one, read, kept)
    assert np.array_equal(cached_frames(encoder, one, read, kept), first) and read.count == 1
    renamed = one.rename(tmp_path / "two.wav")
    cached_frames(encoder, renamed, read, kept)
    assert read.count == 1, "the name does not matter"
    cached_frames(LogMelFrames(key="other"), renamed, read, kept)
    assert read.count == 2, "the encoder does"
    write_wav(renamed, made_sound("Rain", 1, 0.3).samples_N)
    cached_frames(encoder, renamed, read, kept)
    assert read.count == 3, "and so do the bytes"
    cached_frames(encoder, renamed, read, None)
    assert read.count == 4
    with pytest.raises(InputFileError, match="cannot be read"):
        cached_frames(encoder, one, read, kept)


def test_a_damaged_file_is_written_anew(tmp_path: Path) -> None:
    sound = write_wav(tmp_path / "one.wav", made_sound("Rain", 0, 0.3).samples_N)
    encoder, read, kept = LogMelFrames(), Counting(), tmp_path / "kept"
    first = cached_frames(encoder, sound, read, kept)
    (file,) = kept.rglob("*.safetensors")
    for damage in (file.read_bytes()[:50], b"", b"x" * 100):
        file.write_bytes(damage)
        assert np.array_equal(cached_frames(encoder, sound, read, kept), first)
    assert read.count == 4
    cached_frames(encoder, sound, read, kept)
    assert read.count == 4


def test_an_encoder_that_gives_no_frames_is_a_fault() -> None:
    for wrong in (np.zeros(4), np.zeros((0, 4)), np.full((2, 2), np.nan)):
        encoder = ModelFrames("bad", "bad", lambda _, wrong=wrong: wrong)  # type: ignore[misc]
        with pytest.raises(ValueError, match="bad gave frames"):
            encoder.frames(made_sound("Rain", 0, 0.1))


def test_clips_of_different_length_are_padded() -> None:
    rows = [np.ones((2, 3), np.float32), np.ones((4, 3), np.float32)]
    frames, keep = pad_frames(rows)
    assert frames.shape == (2, 4, 3) and keep.sum(1).tolist() == [2, 4]
    assert float(frames[0, 2:].sum()) == 0.0
