import json
import pickle
import random
import struct
import subprocess
import sys

import pytest
import torch

from partimento.core.checkpoint import (
    FORMAT_VERSION,
    Card,
    CheckpointMeta,
    load_arrays,
    load_checkpoint,
    read_meta,
    resolve_weights,
    save_checkpoint,
    shipped_weights,
)
from partimento.core.errors import InputFileError


def make_meta(**changes):
    card = Card(
        name="tiny",
        task="chorale",
        summary="A test.",
        licence="CC0-1.0",
        trained_on=["nothing"],
        recipe="recipes/none.yaml",
        parameters=6,
        metrics={"valid_nats_per_frame": 1.25},
    )
    values = {"model_class": "a:B", "config": {"width": 2, "mode": "off"}, "card": card}
    return CheckpointMeta(**{**values, **changes})


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "tiny.safetensors"
    weight = torch.arange(6.0).reshape(2, 3)
    save_checkpoint(path, {"w": weight, "tied": weight, "t": weight.T}, make_meta())
    return path


def test_round_trip_with_tied_and_transposed_tensors(saved):
    tensors, meta = load_checkpoint(saved)
    assert torch.equal(tensors["w"], torch.arange(6.0).reshape(2, 3))
    assert torch.equal(tensors["tied"], tensors["w"])
    assert torch.equal(tensors["t"], tensors["w"].T)
    assert meta == make_meta()


def test_read_meta_needs_no_torch(saved):
    code = (
        "import sys; from partimento.core.checkpoint import read_meta;"
        f"print(read_meta({str(saved)!r}).card.name, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["tiny", "False"]


def test_a_failed_write_leaves_the_old_checkpoint(saved):
    class Broken:
        def detach(self):
            raise OSError("disk full")

    before = saved.read_bytes()
    with pytest.raises(OSError, match="disk full"):
        save_checkpoint(saved, {"w": Broken()}, make_meta())
    assert saved.read_bytes() == before


class Bomb:
    def __reduce__(self):
        return (exec, ("raise SystemExit('a pickle ran')",))


def test_pickles_are_never_opened(tmp_path):
    torch.save({"a": Bomb()}, tmp_path / "a.safetensors")
    (tmp_path / "b.safetensors").write_bytes(pickle.dumps(Bomb()))
    for name in ("a", "b"):
        with pytest.raises(InputFileError, match="no safetensors checkpoint"):
            load_checkpoint(tmp_path / f"{name}.safetensors")
    with pytest.raises(InputFileError, match="can run code"):
        load_checkpoint(tmp_path / "a.safetensors")


def test_foreign_and_newer_files_are_refused_in_words(tmp_path):
    from safetensors.torch import save_file

    foreign = tmp_path / "f.safetensors"
    save_file({"w": torch.zeros(2)}, foreign)
    with pytest.raises(InputFileError, match="no card"):
        read_meta(foreign)
    save_file({"w": torch.zeros(2)}, foreign, metadata={"partimento": '{"config": {}}'})
    with pytest.raises(InputFileError, match="metadata"):
        read_meta(foreign)
    newer = tmp_path / "n.safetensors"
    save_checkpoint(newer, {}, make_meta(format_version=FORMAT_VERSION + 1))
    with pytest.raises(InputFileError, match="Update partimento"):
        read_meta(newer)


@pytest.mark.parametrize("claim", [0, 1, 2**40, 2**63])
def test_a_lying_header_length_is_refused(tmp_path, claim):
    path = tmp_path / "a.safetensors"
    path.write_bytes(struct.pack("<Q", claim) + b"{}" * 10)
    with pytest.raises(InputFileError):
        load_checkpoint(path)


def test_deeply_nested_header_is_refused(tmp_path):
    path = tmp_path / "a.safetensors"
    text = b'{"a":' + b"[" * 200_000
    path.write_bytes(struct.pack("<Q", len(text)) + text)
    with pytest.raises(InputFileError):
        load_checkpoint(path)


def test_mutated_files_load_or_are_refused(saved):
    generator = random.Random(0)
    data = saved.read_bytes()
    refused = 0
    for _ in range(150):
        mutant = bytearray(data)
        for _ in range(generator.randint(1, 4)):
            mutant[generator.randrange(len(mutant))] = generator.randrange(256)
        del mutant[generator.choice([len(mutant), generator.randrange(len(mutant))]) :]
        saved.write_bytes(bytes(mutant))
        try:
            load_checkpoint(saved)
        except InputFileError as error:
            assert saved.name in str(error)
            refused += 1
    assert refused > 50


def test_resolve_weights(saved, tmp_path, monkeypatch):
    assert resolve_weights(saved) == saved
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(saved.read_bytes())
    assert resolve_weights(folder) == folder / "model.safetensors"
    monkeypatch.setattr(
        "partimento.core.checkpoint.shipped_weights", lambda: {"chorale-strong": saved}
    )
    assert resolve_weights("chorale-strong") == saved
    with pytest.raises(InputFileError, match=r"did you mean chorale-strong\?"):
        resolve_weights("choral-strong")
    with pytest.raises(InputFileError, match=r"model\.safetensors"):
        resolve_weights(tmp_path / "empty")


def test_every_shipped_checkpoint_has_a_full_card():
    for name, path in shipped_weights().items():
        meta = read_meta(path)
        assert meta.card.name == name
        assert meta.card.trained_on
        assert meta.card.licence
        assert meta.card.parameters > 0
        json.dumps(meta.model_dump(mode="json"), allow_nan=False)


def test_arrays_are_the_tensors_and_other_numbers_are_refused(tmp_path):
    path = tmp_path / "a.safetensors"
    tensors = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(2, dtype=torch.float64)}
    save_checkpoint(path, tensors, make_meta())
    arrays, meta = load_arrays(path)
    assert meta == make_meta()
    assert all((arrays[name] == tensors[name].numpy()).all() for name in tensors)
    save_checkpoint(path, {"a": torch.ones(2, dtype=torch.bfloat16)}, make_meta())
    with pytest.raises(InputFileError, match="damaged"):
        load_arrays(path)


def test_the_same_content_gives_the_same_bytes(tmp_path):
    files = [tmp_path / f"{k}.safetensors" for k in range(12)]
    for path in files:
        save_checkpoint(path, {"a": torch.ones(2), "b": torch.zeros(3)}, make_meta())
    assert len({path.read_bytes() for path in files}) == 1
