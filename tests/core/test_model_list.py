import pytest
import torch

from partimento.core.checkpoint import Card, CheckpointMeta, save_checkpoint
from partimento.core.errors import InputFileError
from partimento.core.models import list_models, show_model


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    path = tmp_path / "chorale-tiny.safetensors"
    card = Card(
        name="chorale-tiny",
        task="chorale",
        summary="Very small.",
        licence="Apache-2.0",
        trained_on=["own pieces"],
        recipe="recipes/chorale/tiny.yaml",
        parameters=4,
        metrics={"valid_nats_per_frame": 2.0},
    )
    meta = CheckpointMeta(model_class="m:C", config={"width": 2}, data_hash="ab", card=card)
    save_checkpoint(path, {"w": torch.zeros(4)}, meta)
    for module in ("checkpoint", "models"):
        monkeypatch.setattr(
            f"partimento.core.{module}.shipped_weights", lambda: {"chorale-tiny": path}
        )
    return path


def test_list_models(shipped):
    (row,) = list_models()
    assert row["name"] == "chorale-tiny"
    assert row["parameters"] == 4
    assert row["size_bytes"] == shipped.stat().st_size


def test_show_model_by_name_and_by_file(shipped):
    shown = show_model("chorale-tiny")
    assert shown["trained_on"] == ["own pieces"]
    assert shown["metrics"] == {"valid_nats_per_frame": 2.0}
    assert shown["config"] == {"width": 2}
    assert show_model(str(shipped)) == shown


def test_show_model_without_such_weights(shipped):
    with pytest.raises(InputFileError, match=r"did you mean chorale-tiny\?"):
        show_model("chorale-tony")


def test_the_package_lists_what_it_ships():
    names = [row["name"] for row in list_models()]
    assert names == sorted(names)
    assert "chorale-strong" in names
