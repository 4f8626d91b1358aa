"""listen and evaluate audio2visual: what they print and how they fail."""

import json

import pytest
import typer

import partimento
from fake_sound_model import load_fake
from made_sounds import made_sound, write_clips, write_wav
from partimento.cli import judge_sound, sound
from partimento.cli.batch import BatchError
from partimento.core.errors import InputFileError
from partimento.tasks.audio2visual.evaluate import evaluate_audio2visual
from partimento.tasks.audio2visual.listen import listen

FIGURES = {
    *("accuracy", "text_space_top1", "r2_vs_constant", "diversity"),
    *("swapped_audio_keeps_label", "n"),
}


@pytest.fixture(autouse=True)
def _model(monkeypatch):
    def with_fake(work):
        return lambda *words, weights, **rest: work(*words, weights=load_fake(weights), **rest)

    monkeypatch.setitem(vars(partimento), "listen", with_fake(listen))
    twin = with_fake(evaluate_audio2visual)
    monkeypatch.setitem(vars(partimento), "evaluate_audio2visual", twin)


def run(command, *words):
    app = typer.Typer()
    app.command()(command)
    app(list(map(str, words)), standalone_mode=False)


@pytest.fixture
def rain(tmp_path):
    return write_wav(tmp_path / "rain.wav", made_sound("Rain", 1, 1.0).samples_N)


def test_one_file_is_one_object(rain, capsys):
    run(sound.listen, rain, "--json")
    report = json.loads(capsys.readouterr().out)
    assert report["input"] == str(rain)
    assert {"label", "confidence", "top", "unknown", "unknown_score", "seconds"} <= set(report)
    assert report["label"] == "Rain" and len(report["top"]) == 3


def test_several_with_one_that_fails(rain, tmp_path, capsys):
    bad = tmp_path / "bad.wav"
    bad.write_text("a text")
    with pytest.raises(BatchError, match="1 of 3 inputs failed"):
        run(sound.listen, rain, bad, write_wav(tmp_path / "z.wav", [0.0] * 99), "--json")
    printed = capsys.readouterr()
    rows = json.loads(printed.out)
    assert [("error" in row) for row in rows] == [False, True, False]
    assert printed.err.count("\n") == 1 and "text file" in printed.err
    with pytest.raises(BatchError):
        run(sound.listen, rain, bad)
    text = capsys.readouterr().out
    assert "Rain" in text and "bad.wav" not in text and text.startswith("file")
    with pytest.raises(InputFileError, match="text file"):
        run(sound.listen, bad)


def test_what_is_strange_is_called_unknown(rain, capsys):
    row = {
        **{"input": "a.wav", "label": "Rain", "confidence": 0.5, "unknown": True},
        **{"top": [["Rain", 0.5]], "seconds": 1.0, "warnings": []},
    }
    assert sound.listen_text([row]).splitlines()[1].split()[:3] == ["a.wav", "unknown", "-"]


def test_evaluation(tmp_path, capsys):
    table, audio = write_clips(tmp_path / "known", ("Rain", "Rooster"), 2, 0.5)
    options = ("--csv", table, "--audio", audio)
    run(judge_sound.evaluate_audio2visual, *options, "--json")
    report = json.loads(capsys.readouterr().out)
    assert set(report) >= FIGURES and "unknown_auroc" not in report
    strange = write_clips(tmp_path / "strange", ("Music",), 2, 0.5)
    run(judge_sound.evaluate_audio2visual, *options, "--unknown", *strange, "--json")
    assert "unknown_auroc" in json.loads(capsys.readouterr().out)
    run(judge_sound.evaluate_audio2visual, *options, "--unknown", *strange)
    text = capsys.readouterr().out
    assert "swapped_audio_keeps_label" in text and "else taken for" in text
    assert "unknown_auroc" in text and " to " in text


def test_evaluation_of_a_missing_table(tmp_path):
    with pytest.raises(InputFileError, match="does not exist"):
        run(
            judge_sound.evaluate_audio2visual,
            *("--csv", tmp_path / "none.csv", "--audio", tmp_path),
        )
