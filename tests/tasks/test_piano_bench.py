"""The benchmark runs from end to end, with and without its rivals, and compares like with like."""

import json
import sys

import numpy as np
import pytest
import torch

from partimento.cli.main import main
from partimento.core.errors import DataError
from partimento.nn.decoder import Decoder
from partimento.tasks.piano.bench import rivals, run
from partimento.tasks.piano.bench.files import measure_files, midi_files, synthetic_performance
from partimento.tasks.piano.bench.timing import Times, interleaved

RIVALS = ("transformers", "x_transformers", "miditok", "mido", "pretty_midi")
SHAPE = rivals.Shape(width=32, layers=2, heads=2, feedforward=48, context=64)


@pytest.fixture
def no_rivals(monkeypatch):
    for name in RIVALS:
        monkeypatch.setitem(sys.modules, name, None)


def test_it_runs_without_the_other_libraries(no_rivals, tmp_path, capsys):
    assert main(["bench", "piano", "--quick", "--json", "-o", str(tmp_path)]) == 0
    report = json.loads(capsys.readouterr().out)
    paths = report["shipped"]["full"]["paths"]
    assert paths["transformers"]["tokens_per_second"] is None
    assert "bench" in paths["transformers"]["reason"]
    assert paths["torch int8"]["tokens_per_second"] > 0
    assert paths["torch int8"]["times_transformers"] is None
    assert 0 < paths["torch fp32"]["share_of_limit"] < 1.5
    assert report["training"]["models"]["partimento"]["tokens_per_second"] > 0
    assert report["training"]["models"]["x-transformers"]["tokens_per_second"] is None
    assert report["files"]["tokenise"]["miditok"]["files_per_second"] is None
    assert report["relative_attention"]["skewed_is_times_faster"] > 0
    assert len(report["machine"]["load_average"]) == 3
    names = {file.name for file in tmp_path.iterdir()}
    assert names == {"bench.json", "bench.md", "by_length.svg", "by_batch.svg", "by_threads.svg"}
    assert "| torch int8 |" in (tmp_path / "bench.md").read_text()


def test_a_folder_without_midi_is_said(tmp_path):
    with pytest.raises(DataError, match="no MIDI"):
        run._files(tmp_path, True, 0, 1)


def test_ratios_are_taken_within_rounds():
    times = Times({"a": [1.0, 10.0, 2.0], "b": [3.0, 30.0, 6.0]}, {"c": "missing"})
    assert times.faster("a", "b") == 3.0
    assert times.median("a") == 2.0
    assert times.best_rate("b") == pytest.approx(1 / 3)
    assert times.rate("c") is None
    assert times.faster("a", "c") is None


def test_the_first_round_does_not_count():
    runs = iter([9.0, 1.0, 2.0])
    assert interleaved({"job": lambda: next(runs)}, 2).seconds == {"job": [1.0, 2.0]}


def test_drawn_files_are_read_back(tmp_path):
    files = midi_files(None, tmp_path, 2, 80, np.random.default_rng(0))
    report = measure_files(files, 1)
    assert report["files"] == 2
    assert 120 < report["notes"] <= 160
    assert report["tokenise"]["partimento"]["files_per_second"] > 0
    assert len(synthetic_performance(50, np.random.default_rng(1))) == 50


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_transformers_with_our_weights_plays_the_same(kind):
    pytest.importorskip("transformers")
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    if kind == "gpt2":
        language = rivals.gpt2_language(SHAPE, generator)
    else:
        decoder = Decoder(width=32, layers=2, heads=2, feedforward=48, max_length=64)
        language = rivals.llama_language(decoder, SHAPE, generator)
    prompt = torch.randint(SHAPE.vocabulary, (1, 10), generator=generator)
    tokens, seconds = rivals.generate(rivals.hugging_face(language), prompt, 30, cached=True)
    loop = rivals.OwnLoop(language, "fp32")
    first = loop.read(prompt)
    assert torch.equal(torch.cat([first[:, None], loop.go_on(first, 29)], 1), tokens)
    assert seconds > 0
