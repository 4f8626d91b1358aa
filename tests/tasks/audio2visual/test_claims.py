"""The claim bench: rules, its experiments at their smallest, and (slowly) their orderings."""

import importlib.util
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from partimento.core.errors import DataError
from partimento.tasks.audio2visual import claims_arithmetic as arithmetic
from partimento.tasks.audio2visual import claims_verdicts as verdicts
from partimento.tasks.audio2visual.bank import PromptBank
from partimento.tasks.audio2visual.claims import CLAIMS, bench_claims, claims_markdown
from partimento.tasks.audio2visual.claims_esc import esc_task
from partimento.tasks.audio2visual.claims_synthetic import synthetic_bank, synthetic_task
from partimento.tasks.audio2visual.claims_training import LIGHT, ClaimRecipe, run, with_batch

ROOT = Path(__file__).resolve().parents[3]
slow = pytest.mark.skipif(
    os.environ.get("PARTIMENTO_SLOW") != "1", reason="minutes long; set PARTIMENTO_SLOW=1"
)


@pytest.fixture(scope="module")
def tiny():
    return synthetic_task(0, per_class=4, test_per_class=2)


# -- rules ----------------------------------------------------------------------------------------


def test_every_verdict_can_be_reached():
    wide, narrow = (
        verdicts.compared([0.9, 0.1], [0.1, 0.2]),
        verdicts.compared([0.9] * 3, [0.8] * 3),
    )
    reached = {
        "batches": [verdicts.large_batches(*g)[0] for g in ((0.5, 0.0), (0.01, 0.0), (-0.2, 0.0))],
        "pure": [verdicts.pure_batches(0.8, p)[0] for p in ([0.9, 0.8], [0.82, 0.8], [0.9, 0.2])],
        "scale": [verdicts.loss_scale(*r)[0] for r in ((14.0, 1.4), (3.0, 1.0), (14.0, 0.996))],
        "help": [
            verdicts.helps(d)[0] for d in (narrow, wide, verdicts.Compared(-0.1, -0.2, -0.05))
        ],
        "norm": [verdicts.normalisation(*v)[0] for v in ((1e-3, 0.0, 3.0), (0.0, 0.0, 3.0))],
        "loss": [verdicts.good_loss({"CLIP": c})[0] for c in (0.3, 0.14)],
        "gradients": [
            verdicts.gradients((deaf, -0.11), (-0.1, near), -1 / 9, harmed, top1)[0]
            for deaf, near, harmed, top1 in (
                (0.3, -0.1, 0.0, 0.9),
                (-0.11, 0.2, 0.0, 0.9),
                (-0.11, -0.1, 0.5, 0.9),
                (-0.11, -0.1, 0.0, 0.2),
                (-0.11, -0.1, 0.0, 0.9),
            )
        ],
        "light": [
            verdicts.light_recipe([0.9, 0.3], light)[0] for light in ([0.9, 0.85], [0.9, 0.5])
        ],
    }
    assert reached == {
        "batches": ["true", "no effect", "false"],
        "pure": ["true", "no effect", "false"],
        "scale": ["true", "no effect", "artefact"],
        "help": ["true", "no effect", "false"],
        "norm": ["true", "false"],
        "loss": ["true", "false"],
        "gradients": ["true", "true", "true", "true", "false"],
        "light": ["true", "false"],
    }


def test_the_reason_for_large_batches_is_read_from_equal_steps():
    assert "because of fewer steps" in verdicts.large_batches(0.5, 0.02)[1]
    assert "not only" in verdicts.large_batches(0.5, 0.4)[1]


def test_intervals_are_students():
    found = verdicts.compared([1.0, 2.0, 3.0], [0.0, 0.0, 0.0])
    assert found.mean == 2.0
    assert found.high - found.mean == pytest.approx(4.303 / 3**0.5, rel=1e-3)
    assert verdicts.helps(verdicts.compared([1.0], [0.0]))[0] == "no effect"
    with pytest.raises(ValueError):
        verdicts.compared([1.0], [])


# -- trainings ------------------------------------------------------------------------------------


def test_a_run_is_the_same_twice_and_differs_by_seed(tiny):
    recipe = ClaimRecipe(epochs=2)
    first = run(tiny, recipe, 0)
    assert first == run(tiny, recipe, 0)
    assert first != run(tiny, recipe, 1)
    assert first.steps == 10


def test_steps_instead_of_epochs_and_the_rate_of_the_light_recipe(tiny):
    assert run(tiny, with_batch(ClaimRecipe(), 16, 3), 0).steps == 3
    assert with_batch(LIGHT, 32).rate == pytest.approx(2 * LIGHT.rate)
    assert with_batch(ClaimRecipe(), 32).rate == ClaimRecipe().rate


def test_batches_of_a_class_follow_each_other(tiny):
    pure = run(tiny, ClaimRecipe(batch=2, epochs=1, batching="class after class"), 0)
    mixed = run(tiny, ClaimRecipe(batch=2, epochs=1), 0)
    assert pure.entropy == 0.0
    assert mixed.entropy > 0.7


def test_the_light_recipe_learns_more_than_a_constant():
    task = synthetic_task(1, per_class=8, test_per_class=4)
    found = run(task, replace(LIGHT, epochs=10), 0)
    assert found.r2 > 0.2
    assert found.top1 > 0.5
    assert found.train_loss < 0.5 * found.train_constant


def test_synthetic_targets_have_the_wanted_cosine():
    bank = synthetic_bank(np.random.default_rng(0), width=4096)
    unit = bank / np.linalg.norm(bank, axis=1, keepdims=True)
    cosine = (unit @ unit.T)[np.triu_indices(10, 1)]
    assert cosine.mean() == pytest.approx(0.7, abs=0.02)
    np.testing.assert_allclose((bank**2).mean(1), 1.0, rtol=1e-5)


# -- claims without training ----------------------------------------------------------------------


def test_the_fourteen_fold_loss_is_the_scale(tiny):
    figures, verdict, _ = arithmetic.loss_scales(tiny, 40)
    assert verdict == "artefact"
    assert figures["ratio_scaled"] == pytest.approx(13.25, rel=0.1)  # (1 + 25.5) / (1 + 1)
    assert figures["ratio_equal"] == pytest.approx(1.0, rel=0.1)


def test_only_batch_norm_depends_on_the_batch():
    figures, verdict, _ = arithmetic.normalisation(synthetic_task(0, test_per_class=1), 0)
    assert verdict == "false"
    assert figures["layer_alone"]["layer"] == figures["layer_alone"]["group"] == 0.0
    assert figures["layer_alone"]["batch"] > 1.0
    assert figures["whole_network"]["layer"] < 1e-5 < 0.1 < figures["whole_network"]["batch"]


def test_a_constant_beats_the_good_loss_on_tokens():
    figures, verdict, _ = arithmetic.constants(PromptBank.builtin())
    assert verdict == "false"
    assert figures["constant"]["T5"] < verdicts.BAND[0]
    assert figures["constant_of_unit_targets"]["mean_cosine_0.85"] == pytest.approx(0.135, abs=0.01)


# -- the table ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def quick_table():
    return bench_claims(quick=True)


def test_every_claim_is_in_the_table(quick_table):
    assert {row.claim.key for row in quick_table.rows} == set(CLAIMS)
    measured = [row for row in quick_table.rows if row.verdict]
    assert {row.claim.key for row in measured} == set(CLAIMS)
    skipped = [row for row in quick_table.rows if row.verdict is None]
    assert len(skipped) == len(CLAIMS) - 1
    assert all("--data" in row.says for row in skipped)
    found = json.loads(json.dumps(quick_table.to_dict(), allow_nan=False))
    assert all(row["figures"] for row in found["claims"] if row["verdict"])
    text = claims_markdown(found["claims"])
    assert text.count("\n") == 2 + len(found["claims"])
    assert all(claim.claim in quick_table.text() for claim in CLAIMS.values())


def test_the_command_prints_the_table(quick_table, monkeypatch):
    typer = pytest.importorskip("typer")
    import partimento
    from partimento.cli.bench_sound import bench_audio2visual_claims

    monkeypatch.setattr(partimento, "bench_claims", lambda **given: quick_table, raising=False)
    app = typer.Typer()
    app.command()(bench_audio2visual_claims)
    result = CliRunner().invoke(app, ["--json", "--quick"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.output)["claims"] == quick_table.to_dict()["claims"]
    assert "no folder with esc10.csv" in CliRunner().invoke(app, []).output


def test_the_page_is_current():
    path = ROOT / "docs" / "generate_audio2visual_claims.py"
    spec = importlib.util.spec_from_file_location("generate_audio2visual_claims", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.TARGET.read_text(encoding="utf-8") == module.page_text(), "run `make docs`"


# -- real clips -----------------------------------------------------------------------------------


def test_a_folder_without_some_class_is_refused(tmp_path):
    (tmp_path / "audio").mkdir()
    (tmp_path / "audio" / "a.wav").write_bytes(b"RIFF")
    (tmp_path / "esc10.csv").write_text("filename,fold,category\na.wav,4,Rooster\n")
    with pytest.raises(DataError, match="Dog bark"):
        esc_task(tmp_path, PromptBank.builtin())
    (tmp_path / "esc10.csv").write_text("filename,fold,category\na.wav,4,Trumpet\n")
    with pytest.raises(DataError, match="Trumpet"):
        esc_task(tmp_path, PromptBank.builtin())


@slow
def test_orderings(data_dir):
    folder = ROOT / ".data" / "esc10"
    if not (folder / "audio").is_dir():
        pytest.skip("ESC-10 is not unpacked in .data/esc10")
    table = bench_claims(data=folder)
    assert table.seconds < 300
    rows = {(row.claim.key, row.place): row for row in table.rows}
    for place in ("synthetic", "ESC-10"):
        sizes = rows["batch-sizes", place]
        by_epochs = sizes.figures["top1_at_equal_epochs"]
        assert sizes.verdict == "true"
        assert max(by_epochs["batch_1"], by_epochs["batch_8"]) > by_epochs["batch_32"] + 0.05
        assert sizes.figures["top1_at_equal_steps"]["batch_32"] > by_epochs["batch_32"] + 0.05
        pure = rows["pure-batches", place].figures
        assert pure["shuffled"]["top1"] > pure["pure_in_random_order"]["top1"]
        assert pure["pure_in_random_order"]["top1"] > pure["pure_class_after_class"]["top1"]
        assert rows["pure-batches", place].verdict == "false"
        assert rows["gradients", place].verdict == "false"
        assert rows["loss-scale", place].verdict == "artefact"
        assert rows["normalisation", place].verdict == "false"
        assert rows["per-class-loss", place].verdict == "no effect"
        assert rows["light-recipe", place].verdict == "true"
        help_ = rows["modest-help", place].figures["all_three"]
        assert -0.02 < help_["r2"] < 0.2
    assert rows["good-loss", "prompt bank"].verdict == "false"
