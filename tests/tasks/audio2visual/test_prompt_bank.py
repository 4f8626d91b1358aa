import hashlib
import json
import struct

import numpy as np
import pytest

from partimento.core.errors import InputFileError
from partimento.tasks.audio2visual import hashed_text
from partimento.tasks.audio2visual.bank import (
    CLIP_WIDTH,
    T5_LENGTH,
    T5_WIDTH,
    Embedded,
    PromptBank,
    project,
)
from partimento.tasks.audio2visual.bank_show import show_bank
from partimento.tasks.audio2visual.concepts import CONCEPTS, PROMPTS, SOUNDS


def cosines(rows):
    flat = rows.reshape(len(rows), -1).astype(np.float64)
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    return (flat @ flat.T)[~np.eye(len(rows), dtype=bool)]


def small_bank(count=3, *, clip_tokens=False, empty=True):
    """A bank of random numbers that float16 holds."""
    rng = np.random.default_rng(0)

    def half(*shape):
        return rng.standard_normal(shape, dtype=np.float32).astype(np.float16)

    words = half(count, 77, CLIP_WIDTH) if clip_tokens else None
    nothing = Embedded(
        half(1, CLIP_WIDTH).astype(np.float32),
        half(1, T5_LENGTH, T5_WIDTH).astype(np.float32),
        np.arange(T5_LENGTH)[None] < 1,
        half(1, 77, CLIP_WIDTH).astype(np.float32) if clip_tokens else None,
    )
    return PromptBank(
        CONCEPTS[:count],
        PROMPTS[:count],
        half(count, CLIP_WIDTH).astype(np.float32),
        half(count, T5_LENGTH, T5_WIDTH),
        np.arange(5, 5 + count),
        words,
        nothing if empty else None,
        {"clip_encoder": "noise"},
    )


def test_builtin_bank_is_like_clips_and_says_what_it_is():
    bank = PromptBank.builtin()
    assert bank.names == CONCEPTS and bank.prompts == PROMPTS
    assert bank.clip_KE.shape == (34, 768) and bank.clip_KE.dtype == np.float32
    assert bank.t5_KLE.shape == (34, 17, 4096) and bank.t5_KLE.dtype == np.float16
    assert "no trained text encoder" in bank.meta["clip_encoder"]
    assert 0.6 < cosines(bank.clip_KE).mean() < 0.8
    assert cosines(bank.clip_KE).max() < 0.98
    assert cosines(bank.t5_KLE).max() < 0.98
    assert np.linalg.matrix_rank(bank.clip_KE) == 34
    assert bank.t5_counts_K.max() <= 17
    # Words, not their order in the alphabet, decide what is near.
    own = PromptBank.builtin(["a dog barking", "a barking dog", "the sea"], ["a", "b", "c"])
    near = np.corrcoef(own.clip_KE)
    assert near[0, 1] > near[0, 2]


def test_builtin_bank_is_the_same_every_time():
    one = hashed_text.pooled(PROMPTS, 768)
    assert np.array_equal(one, hashed_text.pooled(PROMPTS, 768))
    # SHAKE-256 of this word begins with these bits, whatever the version of NumPy.
    bits = f"{hashlib.shake_256(b'dog').digest(1)[0]:08b}"
    assert hashed_text.signs("dog", 8).tolist() == [1 if b == "1" else -1 for b in bits]
    assert PromptBank.builtin() is PromptBank.load("builtin")
    with pytest.raises(ValueError, match="read-only"):
        PromptBank.builtin().clip_KE[0] = 0


def test_long_prompts_keep_their_end_token():
    long = " ".join(f"word{n}" for n in range(40))
    values, counts = hashed_text.tokens([long, "word0", ""], 17, 64)
    assert counts.tolist() == [17, 2, 1]
    assert values.shape == (3, 17, 64)
    # Everything after the end is the same padding.
    assert np.array_equal(values[1, 2], values[2, 16])
    assert not np.array_equal(values[1, 1], values[1, 2])


@pytest.mark.parametrize("clip_tokens", [False, True])
@pytest.mark.parametrize("empty", [False, True])
def test_a_saved_bank_comes_back(tmp_path, clip_tokens, empty):
    bank = small_bank(clip_tokens=clip_tokens, empty=empty)
    bank.save(tmp_path / "bank.safetensors")
    found = PromptBank.load(tmp_path / "bank.safetensors")
    assert found.hash == bank.hash
    assert found.names == bank.names and found.prompts == bank.prompts
    assert np.array_equal(found.clip_KE, bank.clip_KE)
    assert np.array_equal(found.t5_mask_KL, bank.t5_mask_KL)
    assert (found.clip_tokens_KLE is None) == (not clip_tokens)
    assert found.meta == {"clip_encoder": "noise", "source": "bank.safetensors"}
    if empty:
        assert np.array_equal(found.empty.t5, bank.empty.t5)
        assert np.array_equal(found.empty.t5_mask, bank.empty.t5_mask)
    else:
        assert found.empty is None
    again = tmp_path / "again.safetensors"
    bank.save(again)
    assert again.read_bytes() == (tmp_path / "bank.safetensors").read_bytes()


def test_a_concept_takes_141_kilobytes(tmp_path):
    PromptBank.builtin().save(tmp_path / "bank.safetensors")
    per_concept = (tmp_path / "bank.safetensors").stat().st_size / 35  # and the empty prompt
    assert 140_000 < per_concept < 142_000


def tampered(path, change):
    """Rewrite a safetensors file after changing its header or its numbers."""
    raw = path.read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + length])
    body = bytearray(raw[8 + length :])
    change(header, body)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(body))


def story(header, **changes):
    held = json.loads(header["__metadata__"]["partimento_bank"])
    header["__metadata__"]["partimento_bank"] = json.dumps({**held, **changes})


HOSTILE = {
    "no words": (lambda h, b: h.pop("__metadata__"), "no prompt bank"),
    "no object": (lambda h, b: h["__metadata__"].update(partimento_bank="[]"), "description"),
    "deep": (lambda h, b: h["__metadata__"].update(partimento_bank="[" * 9000), "description"),
    "format": (lambda h, b: story(h, format_version=9), "format 9"),
    "names": (lambda h, b: story(h, names=[1, 2, 3]), "names and prompts"),
    "fewer": (lambda h, b: story(h, names=["a", "b"], prompts=["a", "b"]), "token count"),
    "twice": (lambda h, b: story(h, names=["a", "a", "b"]), "twice"),
    "counts": (lambda h, b: story(h, t5_counts=[1, 2, 18]), "whole numbers"),
    "true": (lambda h, b: story(h, t5_counts=[1, 2, True]), "whole numbers"),
    "empty count": (lambda h, b: story(h, empty_t5_count="1"), "whole numbers"),
    "shape": (lambda h, b: h["clip"].update(shape=[768, 3]), "of the shape"),
    "type": (lambda h, b: h["t5"].update(dtype="BF16"), "float16"),
    "tensor": (lambda h, b: h.update(more=h["clip"]), "another tensor"),
    "missing": (lambda h, b: h.pop("t5"), "no tensor t5"),
    "half empty": (lambda h, b: h.pop("empty.t5"), "damaged"),
    "short": (lambda h, b: b.__delitem__(slice(100, None)), "damaged"),
    "nan": (lambda h, b: b.__setitem__(slice(0, 2), b"\xff\x7f"), "NaN"),
    "offsets": (lambda h, b: h["clip"].update(data_offsets=[0, 10**9]), "damaged"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_bank_is_one_sentence(tmp_path, name):
    path = tmp_path / "bank.safetensors"
    small_bank().save(path)
    change, sentence = HOSTILE[name]
    tampered(path, change)
    with pytest.raises(InputFileError, match=sentence) as caught:
        PromptBank.load(path)
    assert str(path) in caught.value.text and "\n" not in caught.value.text


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 a pickle", b"\xff" * 100])
def test_other_files_are_no_banks(tmp_path, content):
    path = tmp_path / "bank.safetensors"
    path.write_bytes(content)
    with pytest.raises(InputFileError, match="no safetensors"):
        PromptBank.load(path)
    with pytest.raises(InputFileError, match="does not exist"):
        PromptBank.load(tmp_path / "none")


@pytest.mark.parametrize("count", [1, 2, 8, 16, 32])
def test_projection_has_the_shapes_of_every_batch(count):
    bank = PromptBank.builtin()
    found = project(np.full((count, 34), 1 / 34), bank)
    assert found.clip.shape == (count, 768) and found.clip.dtype == np.float32
    assert found.t5.shape == (count, 17, 4096) and found.t5.dtype == np.float32
    assert found.t5_mask.shape == (count, 17)
    assert len(found) == count


def test_projection_is_the_closed_form():
    bank = small_bank(clip_tokens=True)
    sure = project(np.eye(3), bank)
    assert np.allclose(sure.clip, bank.clip_KE, atol=1e-5)
    assert np.allclose(sure.clip_tokens, bank.clip_tokens_KLE, atol=1e-5)
    assert np.array_equal(sure.t5_mask, bank.t5_mask_KL)
    weights = np.array([[0.5, 0.25, 0.25], [0.0, 0.0, 0.0]])
    found = project(weights, bank)
    assert np.allclose(found.clip[0], weights[0] @ bank.clip_KE, atol=1e-5)
    # Knowing nothing is the mean of everything.
    assert np.allclose(found.t5[1], bank.t5_KLE.astype(np.float32).mean(0), atol=1e-4)
    # Counts 5, 6, 7: only 5 tokens have more than half of the weight.
    assert found.t5_mask[0].sum() == 5
    assert found.empty is bank.empty


def test_ridge_onto_the_bank_is_ridge_onto_the_weights_times_the_bank():
    rng = np.random.default_rng(1)
    bank = small_bank()
    codes = rng.standard_normal((30, 5))
    labels = np.eye(3)[rng.integers(0, 3, 30)]
    codes -= codes.mean(0)
    solve = np.linalg.inv(codes.T @ codes + 0.1 * np.eye(5)) @ codes.T
    direct = codes @ solve @ (labels @ bank.clip_KE - (labels @ bank.clip_KE).mean(0))
    weights = codes @ solve @ (labels - labels.mean(0))
    # Weights of sum 0 are changes from the mean.
    assert np.allclose(project(weights, bank).clip - bank.clip_KE.mean(0), direct, atol=1e-4)


@pytest.mark.parametrize("weights", [np.ones(3), np.ones((2, 4)), np.full((1, 3), np.nan)])
def test_weights_that_do_not_fit_are_refused(weights):
    with pytest.raises(ValueError, match="weights"):
        project(weights, small_bank())


def test_z_scores_and_back():
    bank = PromptBank.builtin()
    scores = bank.clip_scale.z_scores(bank.clip_KE)
    assert np.allclose(scores.mean(0), 0, atol=1e-4)
    assert np.allclose(scores.std(0), 1, atol=1e-3)
    assert np.allclose(bank.clip_scale.restore(scores), bank.clip_KE, atol=1e-4)
    # The padding is the same in all prompts: nothing is divided by 0.
    tokens = bank.t5_scale.z_scores(bank.t5_KLE)
    assert tokens.shape == bank.t5_KLE.shape and np.abs(tokens[:, 16]).max() < 0.1
    assert np.allclose(bank.t5_scale.restore(tokens), bank.t5_KLE, atol=1e-3)


def test_rows_by_name():
    bank = PromptBank.builtin()
    part = bank.rows(SOUNDS[::-1])
    assert part.names == SOUNDS[::-1]
    assert np.array_equal(part.clip_KE, bank.clip_KE[9::-1])
    assert bank.rows(CONCEPTS) is bank
    with pytest.raises(InputFileError, match="no concept 'Tram'"):
        bank.rows(["Tram"])


@pytest.mark.parametrize(
    "changes",
    [
        {"clip_KE": np.zeros((3, 512), np.float32)},
        {"t5_KLE": np.zeros((3, 16, 4096), np.float16)},
        {"t5_counts_K": np.array([0, 1, 2])},
        {"prompts": ("a",)},
        {"names": ("a", "a", "b")},
        {"clip_tokens_KLE": np.zeros((3, 77, 768), np.float16)},
    ],
)
def test_parts_that_do_not_fit_are_no_bank(changes):
    bank = small_bank()
    parts = {name: getattr(bank, name) for name in bank.__dataclass_fields__}
    with pytest.raises(ValueError):
        PromptBank(**{**parts, **changes})


def test_show_tells_what_is_near(tmp_path):
    report = show_bank()
    assert report["bank"] == "builtin" and report["concepts"] == 34
    assert report["clip"] == [34, 768] and report["t5"] == [34, 17, 4096]
    assert report["missing"] == []
    music = [row for row in report["rows"] if row["name"].startswith("music")]
    assert all(row["nearest"].startswith("music") for row in music)
    json.dumps(report)
    small_bank().save(tmp_path / "b.safetensors")
    short = show_bank(tmp_path / "b.safetensors")
    assert len(short["missing"]) == 31 and short["rows"][0]["name"] == "Dog bark"
    small_bank(1).save(tmp_path / "one.safetensors")
    assert show_bank(tmp_path / "one.safetensors")["rows"][0]["nearest"] is None
