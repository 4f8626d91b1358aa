"""Checkpoints against themselves, pickles, and configurations against references."""

import pickle
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import save_file
from tiny_tokens import TOKENS, Tiny, case, codes

from partimento.core.checkpoint import shipped_weights
from partimento.core.config import load_yaml
from partimento.core.errors import ConfigError, InputFileError
from partimento.doctor.case import Case, DataFacts
from partimento.doctor.checkpoint_facts import (
    checkpoint_facts,
    is_pickle,
    pickled_names,
    suspicious,
)
from partimento.doctor.configuration import CHECKS
from partimento.doctor.examine import examine
from partimento.doctor.files import config_rows, examine_config, reference_config
from partimento.doctor.references import alike, compare_rows, references

RECIPES = Path(__file__).parents[2] / "recipes"


def facts(**changes):
    model = Tiny()
    base = {
        "path": "best.safetensors",
        "model_class": f"{Tiny.__module__}:Tiny",
        "parameters": TOKENS * TOKENS,
        "config": {"width": TOKENS},
        "vocabulary": {"size": TOKENS},
        "tensors": {name: list(t.shape) for name, t in model.state_dict().items()},
    }
    return {**base, **changes}


def found(told, **more):
    return examine(case(Tiny(), checkpoint=told, **more), CHECKS).findings


def test_a_checkpoint_that_fits():
    assert codes(found(facts(), config={"model": {"width": TOKENS}})) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"model_class": "elsewhere:OtherNetwork"},
        {"parameters": 10_000},
        {"config": {"width": 7}},
        {"config": {"layers": 3}, "tensors": {"blocks.0.w": [12, 12], "blocks.1.w": [12, 12]}},
        {"vocabulary": 99},
        {"tensors": {"table.weight": [TOKENS, 24]}},
        {"tensors": {"table.weight": [TOKENS, TOKENS]}, "told_bytes": 100, "data_bytes": 50},
    ],
)
def test_a_checkpoint_that_contradicts_itself_or_its_model(changes):
    sick = found(facts(**changes))
    assert codes(sick) == ["C1.mismatch"] and sick[0].evidence["problems"]


def test_a_checkpoint_for_another_recipe_or_other_data():
    recipe = {"model": {"width": 2 * TOKENS, "dropout": 0.3}}
    assert codes(found(facts(), config=recipe)) == ["C1.mismatch"]
    data = DataFacts(inputs=[], vocabulary=99)
    assert codes(found(facts(), data=data)) == ["C1.mismatch"]


@pytest.mark.parametrize("name", sorted(shipped_weights()))
def test_shipped_weights_fit(name):
    assert codes(examine_config(name).findings) == []


class Hostile:
    def __reduce__(self):
        return print, ("run",)


def test_a_length_that_looks_like_a_pickle_is_none(tmp_path):
    header = b"{" + b" " * (0x0480 - 2) + b"}"
    file = tmp_path / "model.safetensors"
    file.write_bytes(len(header).to_bytes(8, "little") + header)
    assert file.read_bytes()[:2] == b"\x80\x04"
    assert not is_pickle(file)
    for protocol in range(2, 6):
        file.write_bytes(pickle.dumps({"weights": [1.0] * 9}, protocol))
        assert is_pickle(file)


def test_pickles_are_read_and_never_run(tmp_path, capsys):
    plain, bad = tmp_path / "plain.pt", tmp_path / "bad.ckpt"
    torch.save(Tiny().state_dict(), plain)
    bad.write_bytes(pickle.dumps({"w": Hostile()}))
    assert suspicious(pickled_names(plain)) == []
    assert suspicious(pickled_names(bad)) == ["builtins.print"]
    first = examine_config(plain).findings
    assert codes(first) == ["C2.unsafe"] and first[0].severity == "warning"
    second = examine_config(bad)
    assert second.findings[0].severity == "severe" and second.exit_code == 1
    assert capsys.readouterr().out == ""
    named = examine(Case(checkpoint={"path": "gone.ckpt"}), CHECKS)
    assert codes(named.findings) == ["C2.unsafe"]
    assert codes(examine(Case(checkpoint={"path": "gone.safetensors"}), CHECKS).findings) == []


def test_foreign_safetensors_and_damaged_ones(tmp_path):
    file = tmp_path / "model.safetensors"
    save_file({"h.0.w": torch.zeros(4, 4)}, file, metadata={"config": '{"x": 1}'})
    assert checkpoint_facts(file)["tensor_bytes"] == 64
    assert codes(examine_config(tmp_path).findings) == []
    file.write_bytes(file.read_bytes()[:-8])
    assert codes(examine_config(file).findings) == ["C1.mismatch"]
    file.write_bytes(b"nothing of the kind")
    with pytest.raises(InputFileError):
        examine_config(file)


def test_values_that_mean_the_same():
    assert alike("1e-4", 1e-4) and alike("AdamW", "adamw") and alike([1], [1])
    assert not alike(True, 1) and not alike(None, 0) and not alike(1e-4, 1.1e-4)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("chorale/whitepaper", "whitepaper"),
        ("chorale/diary", "diary"),
        ("piano/original", "original"),
        ("piano/enhanced", "enhanced"),
        ("critique/han", "percepiano"),
        ("critique/bilstm", "percepiano-bilstm"),
        ("text2midi/seed", "seed"),
        ("audio2visual/source-bs1", "audio2visual-bs1"),
        ("audio2visual/source-bs16", "audio2visual-bs16"),
    ],
)
def test_our_recipes_are_what_they_are_called(file, name):
    config = load_yaml(RECIPES / f"{file}.yaml")
    rows = compare_rows(config, references()[name].config)
    assert len(rows) >= 7
    assert {row.setting: row.state for row in rows if row.state != "same"} == {}


def test_the_chorale_diary_beside_the_white_paper():
    findings = examine_config(RECIPES / "chorale/diary.yaml", "whitepaper").findings
    assert codes(findings) == ["R8.no-curriculum", "C3.differs"]
    change = findings[1].evidence["change"]
    assert change["training.optimizer.lr"] == 1e-4 and change["training.curriculum.on"] is True
    assert codes(examine_config(RECIPES / "chorale/whitepaper.yaml", "whitepaper").findings) == []


def test_the_piano_diary_beside_its_reference(tmp_path):
    config = load_yaml(RECIPES / "piano/enhanced.yaml")
    config["training"]["optimizer"]["lr"] = 2 * 384**-0.5
    file = tmp_path / "slip.yaml"
    file.write_text(yaml.safe_dump(config))
    assert codes(examine_config(file, "enhanced").findings) == ["R7.peak-too-high", "C3.differs"]


def test_foreign_names_are_compared_too(tmp_path):
    file = tmp_path / "foreign.json"
    file.write_text('{"d_model": 256, "learning_rate": "2.5e-5", "train_batch_size": 4}')
    rows = {r["setting"]: r["state"] for r in config_rows(file, "percepiano")}
    assert rows["d_model"] == rows["learning_rate"] == "same"
    assert rows["train_batch_size"] == "differs" and rows["model.heads"] == "missing"


def test_names_of_references(tmp_path):
    assert reference_config("strong", "piano")["model"]["width"] == 256
    assert reference_config(RECIPES / "chorale/small.yaml")["model"]["width"] == 96
    with pytest.raises(ConfigError, match="whitepaper"):
        reference_config("whitepapr")
    with pytest.raises(ConfigError, match="chorale"):
        reference_config("whitepaper", "piano")
    (tmp_path / "list.json").write_text("[1]")
    with pytest.raises(ConfigError, match="object"):
        examine_config(tmp_path / "list.json")
    with pytest.raises(InputFileError):
        examine_config(tmp_path / "absent.yaml")
