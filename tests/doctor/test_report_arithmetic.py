"""Reports that contradict themselves, in every form in which they are written."""

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_tokens import Tiny, case, codes, good, pieces, probe

from partimento.core.errors import ConfigError, InputFileError
from partimento.doctor.case import Case
from partimento.doctor.examine import examine
from partimento.doctor.report_arithmetic import (
    CHECKS,
    highest_loss,
    lowest_loss,
    padding_needed,
)
from partimento.doctor.report_measured import measured_hits
from partimento.doctor.report_names import canonical, value_of
from partimento.doctor.report_reader import read_report, records_of
from partimento.doctor.units import mean_loss


def found(report, **more):
    return examine(Case(report=report, **more), CHECKS).findings


# -- names and forms ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "want"),
    [
        ("Valid Loss", ("valid", "loss", "")),
        ("val_ppl", ("valid", "perplexity", "")),
        ("eval accuracy", ("valid", "accuracy", "")),
        ("training steps", ("", "steps", "")),
        ("eval_steps", ("", "evaluate_every", "")),
        ("valid_nats_per_token", ("valid", "loss", "nats per token")),
        ("valid_perplexity_per_note", ("valid", "loss", "perplexity per note")),
        ("Loss (nats/token)", ("", "loss", "nats per token")),
        ("favourite colour", None),
    ],
)
def test_names(written, want):
    assert canonical(written) == want


def test_values_with_their_units():
    assert value_of("accuracy", "78.5 %") == pytest.approx(0.785)
    assert value_of("accuracy", 78.5) == pytest.approx(0.785)
    assert value_of("parameters", "2.97 M") == pytest.approx(2.97e6)
    assert value_of("samples", "3,400") == 3400
    assert value_of("size_bytes", "11.9 MB") == pytest.approx(11.9e6)
    assert value_of("size_bytes", "2 MiB") == 2 * 2**20
    assert value_of("seconds", "1 h 20 min") == 4800
    assert value_of("seconds", "1:02:05") == 3725
    assert value_of("voices", "four") == 4
    assert value_of("loss", "about 4.6") == 4.6
    assert value_of("loss", "good") is None
    assert value_of("loss", True) is None


TEXT = """# Results
Four voices and 512 tokens; see below.

- **Validation loss**: 2.12
- val accuracy: 78.5 %

Vocabulary = 512

| model | params | file size |
|---|---:|---:|
| original | 2.97 M | 11.9 MB |
| enhanced | 15.55 M | 11.9 MB |

| setting | value |
|---|---|
| batch size | 32 |
| epochs | 10 |
| samples | 3,400 |
| steps | 1,070 |
| warm-up steps | 1000 |
"""


def test_text_with_pairs_and_tables(tmp_path):
    file = tmp_path / "report.md"
    file.write_text(TEXT)
    report = read_report(file)
    records = {(r.row, r.scope): r for r in records_of(report)}
    assert records["", "valid"].number("accuracy") == pytest.approx(0.785)
    assert records["", "valid"].number("batch") == 32
    assert records["enhanced", ""].number("parameters") == pytest.approx(15.55e6)
    assert records["", "valid"].number("parameters") is None
    assert sorted(codes(found(report))) == [
        "U2.accuracy-against-loss",
        "U2.size",
        "U2.warm-up-share",
    ]
    size = next(f for f in found(report) if f.code == "U2.size")
    assert "enhanced" in size.claim and "62.2 MB" in size.claim


def test_json_with_parts_and_a_list_of_models(tmp_path):
    file = tmp_path / "report.json"
    file.write_text(
        json.dumps(
            {
                "validation": {"loss": 2.0, "ppl": math.exp(2.0)},
                "training": {"loss": 1.5, "perplexity": 9.0, "steps": 100},
                "models": [{"name": "a", "params": 1e6, "size": "4 MB"}],
            }
        )
    )
    findings = found(read_report(file))
    assert codes(findings) == ["U2.perplexity"]
    assert "(train)" in findings[0].claim and findings[0].threshold == pytest.approx(math.exp(1.5))


def test_yaml_metrics_and_unreadable_files(tmp_path):
    file = tmp_path / "report.yaml"
    file.write_text("loss: 1.04\nperplexity: 2.05\n")
    assert codes(found(read_report(file))) == ["U2.perplexity"]
    rows = tmp_path / "metrics.jsonl"
    rows.write_text('{"kind": "train", "loss": 3.0}\n{"kind": "epoch", "valid_loss": 1.0}\nhalf')
    assert {r.scope: r.number("loss") for r in records_of(read_report(rows))} == {
        "train": 3.0,
        "valid": 1.0,
    }
    (tmp_path / "empty.md").write_text("nothing here\n")
    with pytest.raises(ConfigError, match="no figure"):
        read_report(tmp_path / "empty.md")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(ConfigError, match="JSON"):
        read_report(tmp_path / "bad.json")
    (tmp_path / "bytes.md").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputFileError):
        read_report(tmp_path / "bytes.md")
    with pytest.raises(InputFileError):
        read_report(tmp_path / "absent.md")


# -- arithmetic --------------------------------------------------------------------------------


def test_perplexity_allows_for_the_digits_that_are_written():
    assert codes(found({"loss": 2.12, "perplexity": 8.3})) == []
    assert codes(found({"loss": 2.1, "perplexity": 8.3})) == []
    sick = found({"loss": 2.12, "perplexity": 4.35})
    assert codes(sick) == ["U2.perplexity"] and "in bits" in sick[0].claim
    summed = found({"loss": 2.8, "perplexity": 2.01, "voices": 4})
    assert "sum over 4 voices" in summed[0].claim


@settings(max_examples=25, deadline=None)
@given(st.floats(0.02, 0.98), st.integers(3, 60), st.integers(0, 10_000))
def test_the_bounds_of_the_loss_hold(accuracy, tokens, seed):
    """A calibrated answer stays below the upper bound, and any answer above the lower one."""
    rng = np.random.default_rng(seed)
    chances = rng.dirichlet(np.full(tokens, 0.5), 100)
    top = chances.max(1)
    loss = float(-(chances * np.log(np.maximum(chances, 1e-300))).sum(1).mean())
    assert lowest_loss(float(top.mean())) - 1e-9 <= loss
    assert loss <= highest_loss(float(top.mean()), float(tokens)) + 1e-9
    assert highest_loss(accuracy, float(tokens)) <= math.log(tokens) + 1e-9


def test_the_rule_of_the_upper_bound_reaches_it():
    accuracy, tokens = 0.6, 10.0
    loss = -0.6 * math.log(0.6) - 0.4 * math.log(0.4 / 9)
    assert highest_loss(accuracy, tokens) == pytest.approx(loss)
    with pytest.raises(ValueError):
        highest_loss(1.5, 10.0)


def test_the_accuracy_of_the_text_diary():
    report = {"accuracy": "78.5 %", "perplexity": 8.3, "vocabulary": 512}
    sick = found(report)
    assert codes(sick) == ["U2.accuracy-against-loss"]
    assert "unless padding is counted" in sick[0].claim
    assert sick[0].threshold == pytest.approx(1.861, abs=0.002)
    share = sick[0].evidence["padding_share_needed"]
    assert highest_loss((0.785 - share) / (1 - share), 512.0) >= math.log(8.3)
    assert padding_needed(0.785, 1.5, 512.0) == 0.0
    assert codes(found({**report, "perplexity": 4.0})) == []
    impossible = found({"accuracy": 0.4, "loss": 0.1, "vocabulary": 512})
    assert codes(impossible) == ["U2.accuracy-against-loss"]
    assert impossible[0].threshold == pytest.approx(0.6 * math.log(2))


def test_steps_from_samples_batch_and_epochs():
    report = {"samples": 1000, "batch_size": 32, "epochs": 10, "steps": 320}
    assert codes(found(report)) == []
    assert codes(found({**report, "steps": 310})) == []  # the last batch dropped
    sick = found({**report, "steps": 3200})
    assert codes(sick) == ["U2.steps"] and sick[0].threshold == 320
    assert codes(found({**report, "steps": 80, "accumulate": 4})) == []


def test_steps_and_time():
    report = {"steps": 1000, "batch_size": 8, "seconds": 100.0, "samples_per_second": 80.0}
    assert codes(found(report)) == []
    assert codes(found({**report, "samples_per_second": 800.0})) == ["U2.steps"]
    rows = [{"kind": "stop", "step": 1000}]
    assert codes(found({"steps": 1000}, rows=rows)) == []
    assert codes(found({"steps": 10_000}, rows=rows)) == ["U2.steps"]


def test_size_of_the_file():
    report = {"parameters": 2.97e6, "size": "11.9 MB"}
    assert codes(found(report)) == []
    assert codes(found({**report, "size": "5.9 MB"})) == []  # 16 bits
    assert codes(found({**report, "size": "5.9 MB", "precision": "float32"})) == ["U2.size"]
    sick = found({**report, "size": "24 MB"})
    assert codes(sick) == ["U2.size"] and sick[0].measured == pytest.approx(8.08, abs=0.01)


def test_warm_up_and_evaluations():
    report = {"steps": 2000, "warmup_steps": 100, "eval_steps": 200}
    assert codes(found(report)) == []
    sick = found({**report, "warmup_steps": 1000})
    assert codes(sick) == ["U2.warm-up-share"] and sick[0].severity == "warning"
    assert found({**report, "warmup_steps": 2500})[0].severity == "severe"
    few = found({**report, "eval_steps": 1000})
    assert codes(few) == ["U2.evaluations"] and few[0].measured == 2
    assert codes(found({**report, "evaluations": 10})) == []
    assert codes(found({**report, "evaluations": 100})) == ["U2.evaluations"]


def test_accuracy_is_measured_where_the_model_is_at_hand():
    model, rows = good(Tiny()), pieces(20, 1)
    hits = measured_hits(probe(model, rows))
    assert 0.75 < hits.accuracy < 0.9 and hits.padding == 0
    loss = mean_loss(probe(model, rows))
    honest = case(model, report={"loss": loss, "accuracy": hits.accuracy})
    assert codes(examine(honest, CHECKS).findings) == []
    sick = case(model, report={"loss": loss, "accuracy": 0.5 + 0.5 * hits.accuracy})
    assert codes(examine(sick, CHECKS).findings) == ["U2.accuracy-against-loss"]
    other = case(model, report={"loss": 3 * loss, "accuracy": 0.3})
    assert codes(examine(other, CHECKS).findings) == []  # of other examples


def test_padding_counted_as_right_is_named():
    model, rows = good(Tiny()), pieces(20, 1)

    def mask(batch):
        keep = torch.ones_like(batch[:, 1:], dtype=torch.bool)
        keep[:, 8:] = False
        return keep

    patient = probe(model, rows, mask=mask)
    hits = measured_hits(patient)
    assert hits.padding == 20 * 7 * 4
    report = {"loss": mean_loss(patient), "accuracy": hits.with_padding[1]}
    finding = examine(case(model, probe=patient, report=report), CHECKS).findings[0]
    assert finding.code == "U2.accuracy-against-loss" and "padding" in finding.claim
