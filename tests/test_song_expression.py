"""Songs played by pianists or by rules, and the report that tells which is better."""

import json

import pytest

from made_expression import write_asap
from partimento.chain import expression_report
from partimento.chain.expression_report import TEXTS, evaluate_expression
from partimento.chain.song import song
from partimento.cli.judge_expression import expression_text
from partimento.core.errors import ConfigError

TEXT = "a calm piece in F major for piano"


def test_the_way_of_playing_is_chosen_and_told(tmp_path, monkeypatch):
    few = {"bars": 4, "candidates": 1, "players": 1, "seed": 2}
    with monkeypatch.context() as without:
        without.setattr("partimento.chain.song.play", None)
        learnt = song(TEXT, tmp_path / "learnt", **few)
    with monkeypatch.context() as without:
        without.setattr("partimento.chain.song.play_learnt", None)
        rules = song(TEXT, tmp_path / "rules", expression="rules", **few)
    assert learnt.report()["expression"] == "learnt" and rules.report()["expression"] == "rules"
    one, two = learnt.best.played, rules.best.played
    # The same piece, another player.
    assert one.piece.pitch.tolist() == two.piece.pitch.tolist()
    assert one.velocity.tolist() != two.velocity.tolist()
    pages = [(tmp_path / name / "index.html").read_text() for name in ("learnt", "rules")]
    assert "learnt from pianists" in pages[0] and "by rules of expression" in pages[1]
    assert json.loads((tmp_path / "rules" / "report.json").read_text())["expression"] == "rules"


def test_another_way_of_playing_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="'random' is not learnt or rules"):
        song(TEXT, tmp_path / "song", expression="random")


@pytest.fixture
def short_report(tmp_path):
    write_asap(tmp_path / "asap", works=2)
    return evaluate_expression(tmp_path / "asap", players=2, pieces=2, bars=4)


def test_the_report_has_both_measures_and_the_critic(short_report):
    assert short_report["works"] == 1 and short_report["performances"] == 2
    critic = short_report["critic"]
    assert set(critic["ways"]) == {"deadpan", "rules", "learnt"}
    gap = critic["ways"]["learnt"]["mean"] - critic["ways"]["rules"]["mean"]
    assert critic["learnt_less_rules"]["mean"] == pytest.approx(gap, abs=2e-4)
    text = expression_text(short_report)
    assert "mean of other pianists" in text and "share explained" in text
    assert "2 composed pieces of 4 bars" in text


def test_counts_that_cannot_be_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="not between 0 and 12"):
        evaluate_expression(tmp_path, pieces=13)
    with pytest.raises(ConfigError, match="not between 1 and 16"):
        evaluate_expression(tmp_path, players=0)
    with pytest.raises(ConfigError, match="not between 2 and 64"):
        evaluate_expression(tmp_path, bars=65)
    assert len(set(TEXTS)) == 12 and expression_report.CRITIC == "critique-strong"
