import json

import partimento
from partimento.cli.main import main
from partimento.core.errors import ConfigError

GAIN = {"mean": 9.5, "low": 8.0, "high": 11.0, "n": 4, "unit": "bits per excerpt"}
TOP = {"value": 0.5, "low": 0.2, "high": 0.8, "chance": 0.25, "prompts": 4}
FIGURES = {
    **{"nats_per_note": 2.5, "nats_per_note_shuffled": 2.7, "nats_per_note_unconditional": 2.6},
    **{"bits_gain_own_vs_shuffled": GAIN, "bits_gain_same_meter": None, "top1_of_50": TOP},
}
REPORT = {
    **FIGURES,
    **{"weights": "fake", "n_pieces": 4, "n_excerpts": 4, "limits": {"excerpts": 4}},
    **{"sem_only": FIGURES, "attributes_only": FIGURES, "attributes_measured": None},
    **{"per_attribute": {}, "by_source": {}},
}


def run(monkeypatch, capsys, *words):
    seen = {}

    def evaluate(data, **options):
        seen.update(options, data=data)
        return REPORT

    monkeypatch.setattr(partimento, "evaluate_text2midi", evaluate, raising=False)
    code = main(["evaluate", "text2midi", *words])
    return code, seen, capsys.readouterr().out


def test_defaults_and_json(monkeypatch, capsys):
    code, seen, out = run(monkeypatch, capsys, "--data", "tunes", "--json")
    assert code == 0
    assert str(seen["data"]) == "tunes"
    assert (seen["weights"], seen["generate"], seen["bars"]) == ("text2midi-strong", None, 16)
    assert (seen["guidance"], seen["limit"], seen["part"], seen["seed"]) == (1.5, None, None, 0)
    assert json.loads(out)["bits_gain_own_vs_shuffled"]["mean"] == 9.5


def test_a_table_for_people(monkeypatch, capsys):
    code, seen, out = run(
        monkeypatch, capsys, "--generate", "100", "--bars", "8", "--guidance", "2", "--seed", "3"
    )
    assert code == 0
    assert (seen["data"], seen["generate"], seen["bars"]) == (None, 100, 8)
    assert (seen["guidance"], seen["seed"]) == (2.0, 3)
    assert "semantic token alone" in out
    assert "attributes measured" not in out
    assert "8 to 11" in out


def test_a_mistake_is_told_in_one_paragraph(monkeypatch, capsys):
    def evaluate(data, **options):
        raise ConfigError("there is nothing to measure on", where="--data", fix="Give --data")

    monkeypatch.setattr(partimento, "evaluate_text2midi", evaluate, raising=False)
    assert main(["evaluate", "text2midi"]) == 2
    assert "--data: there is nothing to measure on. Give --data." in capsys.readouterr().err
