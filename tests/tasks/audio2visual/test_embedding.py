import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

import partimento.tasks.audio2visual.embedding as embedding
from fake_sound_model import FakeSoundModel
from made_sounds import made_sound, write_wav
from partimento.core.errors import InputFileError
from partimento.tasks.audio2visual.bank import PromptBank
from partimento.tasks.audio2visual.concepts import CONCEPTS
from partimento.tasks.audio2visual.embedding import embed, embed_heard, read_embedded


@pytest.fixture(autouse=True)
def fake_model(monkeypatch):
    asked = []

    def load(weights):
        asked.append(weights)
        return FakeSoundModel()

    place = "partimento.tasks.audio2visual.loading"
    monkeypatch.setitem(sys.modules, place, SimpleNamespace(load_sound_model=load))
    return asked


@pytest.fixture
def dog(tmp_path):
    return write_wav(tmp_path / "dog.wav", made_sound("Dog bark").samples_N)


def test_a_sound_becomes_two_tensors(dog, tmp_path, fake_model):
    found = embed(dog, weights="mine")
    assert fake_model == ["mine"]
    found.save(tmp_path / "out.safetensors")
    tensors = load_file(tmp_path / "out.safetensors")
    assert {name: (t.shape, t.dtype) for name, t in tensors.items()} == {
        "clip": ((1, 768), np.float32),
        "t5": ((1, 17, 4096), np.float32),
    }
    with safe_open(tmp_path / "out.safetensors", "numpy") as file:
        story = json.loads(file.metadata()["partimento_embedding"])
    assert story["label"] == found.heard.label == "Dog bark"
    assert story["bank"] == "builtin" and "no trained" in story["clip_encoder"]
    assert story["bank_hash"] == PromptBank.builtin().hash
    # The embedding is nearest to the prompt of what was heard.
    bank = PromptBank.builtin()
    away = np.linalg.norm(bank.clip_KE - tensors["clip"], axis=1)
    assert bank.names[away.argmin()] == "Dog bark"


def test_the_same_sound_gives_the_same_bytes(dog, tmp_path):
    for name in "ab":
        embed(dog).save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_bank_of_ones_own_in_another_order(dog, tmp_path):
    bank = PromptBank.builtin()
    bank.rows(CONCEPTS[::-1]).save(tmp_path / "bank.safetensors")
    found = embed(dog, bank=tmp_path / "bank.safetensors")
    assert np.allclose(found.embedded.clip, embed(dog).embedded.clip, atol=1e-4)
    assert found.bank == "bank.safetensors" and found.bank_hash != bank.hash
    bank.rows(CONCEPTS[:5]).save(tmp_path / "short.safetensors")
    with pytest.raises(InputFileError, match=r"short\.safetensors: .*no concept 'Baby cry'"):
        embed(dog, bank=tmp_path / "short.safetensors")


def test_many_sounds_at_once():
    heard = FakeSoundModel().listen([made_sound("Rain"), made_sound("Clock tick")])
    found = embed_heard(heard, PromptBank.builtin())
    assert found.clip.shape == (2, 768) and found.t5.shape == (2, 17, 4096)


def test_an_embedding_is_read_again(dog, tmp_path):
    bank = PromptBank.builtin()
    found = embed(dog)
    found.save(tmp_path / "out.safetensors")
    again = read_embedded(tmp_path / "out.safetensors")
    assert np.array_equal(again.clip, found.embedded.clip)
    assert np.array_equal(again.t5, found.embedded.t5)
    assert np.array_equal(again.t5_mask, found.embedded.t5_mask)
    assert again.empty is None and len(again) == 1
    assert read_embedded(tmp_path / "out.safetensors", bank=bank).empty is bank.empty


def test_embeddings_of_other_tools_are_read(tmp_path):
    path = tmp_path / "out.safetensors"
    right = {"clip": np.ones((2, 768), np.float32), "t5": np.ones((2, 17, 4096), np.float32)}
    save_file(right, path)
    assert read_embedded(path).t5_mask.all()
    save_file(right, path, metadata={embedding.METADATA_KEY: "[" * 9000})
    assert len(read_embedded(path)) == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"clip": np.ones((1, 768), np.float32)},
        {"t5": np.ones((1, 17, 4096), np.float32)},
        {"clip": np.ones((1, 512), np.float32), "t5": np.ones((1, 17, 4096), np.float32)},
        {"clip": np.ones((2, 768), np.float32), "t5": np.ones((1, 17, 4096), np.float32)},
        {"clip": np.ones((1, 768), np.float16), "t5": np.ones((1, 17, 4096), np.float32)},
        {"clip": np.ones(768, np.float32), "t5": np.ones((17, 4096), np.float32)},
        {"clip": np.full((1, 768), np.nan, np.float32), "t5": np.ones((1, 17, 4096), np.float32)},
    ],
)
def test_other_tensors_are_no_embedding(tmp_path, wrong):
    save_file(wrong, tmp_path / "out.safetensors")
    with pytest.raises(InputFileError, match=r"no embedding|NaN"):
        read_embedded(tmp_path / "out.safetensors")
