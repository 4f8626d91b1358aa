import json

import numpy as np
import pytest

from partimento.chain.looking import ablate
from partimento.cli.main import main
from partimento.core.errors import ConfigError


@pytest.fixture(scope="module")
def chorales(tmp_path_factory):
    """Four made chorales in the canonical form of the data set."""
    rng = np.random.default_rng(0)
    pieces = []
    for _ in range(4):
        soprano = 67 + rng.integers(0, 8, 24).repeat(4)
        rows = [[int(s), int(s) - 5, int(s) - 9, int(s) - 21] for s in soprano]
        pieces.append(rows)
    path = tmp_path_factory.mktemp("look") / "chorales.json"
    path.write_text(json.dumps({"train": pieces[:2], "valid": pieces[2:]}))
    return path


def test_inspect_model_shows_heads_gradients_and_calibration(chorales, tmp_path, capsys):
    arguments = ["inspect", "model", "chorale-small", "--data", str(chorales)]
    assert main([*arguments, "-o", str(tmp_path / "page"), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["task"] == "chorale"
    assert all(0.0 <= head["entropy"] <= 1.0 for head in report["heads"])
    assert all(norm >= 0.0 for norm in report["gradients"]["by_depth"].values())
    shown = {*report, *report["not_done"]}
    assert {"heads", "gradients", "gradients_by_class", "calibration"} <= shown
    assert "Attention heads" in (tmp_path / "page" / "model.html").read_text()


def test_ablate_tells_what_each_part_is_worth(chorales, capsys):
    assert main(["ablate", "chorale-small", "--data", str(chorales), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["parts"]
    assert rows and all(row["low"] <= row["difference"] <= row["high"] for row in rows)


def test_what_does_not_fit_gives_one_sentence(chorales, capsys):
    assert main(["ablate", "chorale-small"]) == 2
    assert "--data" in capsys.readouterr().err
    assert main(["ablate", "chorale-small", "--data", str(chorales), "--drop", "nonsense"]) == 2
    assert "nonsense" in capsys.readouterr().err
    with pytest.raises(ConfigError, match="nothing to leave out"):
        ablate("recipes/chorale/small.yaml")


def test_a_recipe_is_trained_with_and_without(chorales, tmp_path, capsys):
    arguments = [
        "ablate", "recipes/chorale/whitepaper.yaml", "--without", "model.cross_channel=false",
        "--set", f"data.file={chorales}", "--set", "training.max_epochs=1",
        "--set", "model.width=8", "--seeds", "1", "-o", str(tmp_path / "runs"), "--json",
    ]  # fmt: skip
    assert main(arguments) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["settings"]["model.cross_channel"] == [True, False]
    assert len(report["runs"]) == 2 and len(report["differences"]) == 1
