import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

import partimento
from fake_sound_model import FakeSoundModel, load_fake
from made_pieces import made_piece
from made_sounds import made_sound, write_wav
from partimento.cli.cover import cover as command
from partimento.core.errors import ConfigError, InputFileError, PartimentoError
from partimento.music.audio import SAMPLE_RATE, Sound
from partimento.music.barpiece import bar_piece
from partimento.music.barpiece_write import midi_bytes_of
from partimento.render.png import png_size, read_text
from partimento.tasks.audio2visual import cover as module
from partimento.tasks.audio2visual.bank import Embedded
from partimento.tasks.audio2visual.concepts import CONCEPTS, music_concept
from partimento.tasks.audio2visual.cover import BACKENDS, cover
from partimento.tasks.audio2visual.diffusion_kinds import KINDS

MODEL = FakeSoundModel()
BARK = made_sound("Dog bark", seconds=2.0)


@pytest.fixture
def tune(tmp_path):
    path = tmp_path / "tune.mid"
    path.write_bytes(midi_bytes_of(made_piece()))
    return path


def test_a_sound_becomes_a_picture_of_its_label(tmp_path):
    made = cover(BARK, tmp_path / "bark.png", model=MODEL, size=128)
    assert made.heard.label == "Dog bark"
    png = (tmp_path / "bark.png").read_bytes()
    assert png == made.png
    assert png_size(png) == (128, 128)
    facts = json.loads(read_text(png)["partimento"])
    assert facts["label"] == "Dog bark"
    assert facts["backend"] == "draw"
    assert facts["diffusion"] is False
    assert "not diffusion" in read_text(png)["Comment"]
    assert made.to_dict()["files"] == [str(tmp_path / "bark.png")]


def test_the_same_sound_and_seed_give_the_same_bytes():
    first, second = (cover(BARK, model=MODEL, size=96, seed=4) for _ in "ab")
    assert first.png == second.png
    other = cover(BARK, model=MODEL, size=96, seed=5)
    assert other.svg != first.svg


def test_other_processes_make_the_same_bytes(tmp_path):
    code = (
        "import sys; from fake_sound_model import FakeSoundModel; "
        "from made_sounds import made_sound; "
        "from partimento.tasks.audio2visual.cover import cover; "
        "made = cover(made_sound('Dog bark', seconds=2.0), model=FakeSoundModel(), size=96); "
        "assert 'torch' not in sys.modules and 'diffusers' not in sys.modules; "
        "sys.stdout.buffer.write(made.png)"
    )
    tests = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": tests, "PYTHONHASHSEED": "7"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, check=True, timeout=60
    )
    assert done.stdout == cover(BARK, model=MODEL, size=96).png


def test_a_sound_file_is_read(tmp_path):
    write_wav(tmp_path / "bark.wav", BARK.samples_N)
    made = cover(tmp_path / "bark.wav", model=MODEL, size=64)
    assert made.heard.label == "Dog bark"
    assert made.to_dict()["input"].endswith("bark.wav")


def test_svg_is_written_as_svg(tmp_path):
    made = cover(BARK, tmp_path / "a.svg", model=MODEL)
    assert (tmp_path / "a.svg").read_text() == made.svg
    assert 'width="1024"' in made.svg


def test_midi_is_read_exactly_and_needs_no_model(tune, tmp_path):
    made = cover(tune, tmp_path / "c.png", model="there is no such model", size=96, title="Tune")
    assert made.heard.label == "Music"
    assert made.heard.confidence == 1.0
    assert made.music.exact
    assert ">Tune</text>" in made.svg
    place = int(made.heard.weights_K.argmax())
    from partimento.music.attributes import measure

    assert CONCEPTS[place] == music_concept(measure(made_piece())).name


def test_one_note_is_enough(tmp_path):
    one = bar_piece(*(np.array([v]) for v in (0, 24, 60, 80, 0)), meter="4/4")
    (tmp_path / "one.mid").write_bytes(midi_bytes_of(one))
    made = cover(tmp_path / "one.mid", size=96)
    assert made.music.to_dict()["onsets"] == 1


def test_drums_alone_give_a_clear_error(tmp_path):
    track = b"\x00\x99\x26\x64\x60\x89\x26\x00" * 8 + b"\x00\xff\x2f\x00"
    head = b"MThd\x00\x00\x00\x06\x00\x00\x00\x01\x00\x60MTrk"
    (tmp_path / "drums.mid").write_bytes(head + len(track).to_bytes(4, "big") + track)
    with pytest.raises(PartimentoError, match=r"pitched|percussion"):
        cover(tmp_path / "drums.mid", size=96)


def test_other_scores_are_music_too(tmp_path):
    (tmp_path / "a.abc").write_text("X:1\nT:A\nM:4/4\nL:1/4\nK:Am\nA c e a|e c A2|\n")
    made = cover(tmp_path / "a.abc", size=96)
    assert made.heard.label == "Music"
    assert made.music.mode == "minor"


def test_music_that_is_heard_has_measured_features():
    made = cover(made_sound("Music", seconds=3.0), model=MODEL, size=96)
    assert made.heard.label == "Music"
    assert made.music is not None
    assert not made.music.exact


def test_silence_gives_a_picture():
    made = cover(Sound(np.zeros(SAMPLE_RATE, dtype=np.float32)), model=MODEL, size=96)
    assert png_size(made.png) == (96, 96)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"backend": "crayon"}, "unknown backend"),
        ({"weights": "somewhere"}, "takes no weights"),
        ({"steps": 4}, "no steps"),
        ({"backend": "flux"}, "folder of your own model"),
        ({"seed": -1}, "seed"),
        ({"size": 9}, "pixels"),
        ({"size": 9000}, "pixels"),
        ({"out": "a.jpg"}, "ends in"),
        ({"out": "a"}, "ends in"),
        ({"out": "a.svg", "backend": "flux", "weights": "w"}, "pixels, not an SVG"),
    ],
)
def test_impossible_options_are_refused(changes, what):
    with pytest.raises(ConfigError, match=what):
        cover(BARK, **{"model": MODEL, **changes})


def test_a_missing_file_and_a_text_are_refused(tmp_path):
    with pytest.raises(InputFileError):
        cover(tmp_path / "none.wav", model=MODEL)
    (tmp_path / "text.wav").write_text("hello")
    with pytest.raises(InputFileError):
        cover(tmp_path / "text.wav", model=MODEL)


def test_backends_are_those_of_the_diffusion_models():
    assert set(BACKENDS) == {"draw", *KINDS}


def test_a_diffusion_model_is_given_the_embedding(tmp_path, monkeypatch):
    seen = {}

    def painted(embedded, backend, weights, **options):
        seen.update(options, embedded=embedded, backend=backend, weights=weights)
        return np.full((8, 8, 3), 7, dtype=np.uint8)

    monkeypatch.setattr("partimento.tasks.audio2visual.diffusion.diffuse", painted)
    made = cover(
        BARK, tmp_path / "p.png", backend="flux", weights="here", model=MODEL, seed=3, steps=2
    )
    assert isinstance(seen["embedded"], Embedded)
    assert seen["embedded"].clip.shape == (1, 768)
    assert seen["embedded"].t5.shape == (1, 17, 4096)
    assert (seen["backend"], seen["weights"], seen["seed"], seen["steps"]) == ("flux", "here", 3, 2)
    facts = json.loads(read_text((tmp_path / "p.png").read_bytes())["partimento"])
    assert facts["diffusion"] is True
    assert "not diffusion" not in facts["note"]
    assert made.svg is None


def test_an_unknown_sound_says_so():
    class Puzzled(FakeSoundModel):
        def listen(self, sounds):
            return [replace(heard, unknown=True) for heard in super().listen(sounds)]

    made = cover(BARK, model=Puzzled(), size=96)
    assert read_text(made.png)["Title"] == "unknown sound"
    assert made.svg != cover(BARK, model=MODEL, size=96).svg


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setattr(partimento, "cover", cover, raising=False)
    monkeypatch.setattr(module, "_model", lambda model: load_fake())
    app = typer.Typer()
    app.command()(command)
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


def test_the_command_prints_json(run, tmp_path):
    write_wav(tmp_path / "bark.wav", BARK.samples_N)
    done = run(tmp_path / "bark.wav", "-o", tmp_path / "o.png", "--size", 64, "--json")
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert answer["label"] == "Dog bark"
    assert answer["backend"] == "draw"
    assert answer["diffusion"] is False
    assert (tmp_path / "o.png").is_file()


def test_the_command_speaks_to_people(run, tune, tmp_path):
    done = run(tune, "-o", tmp_path / "o.png", "--size", 64)
    assert done.exit_code == 0, done.output
    assert "Music (100%)" in done.stdout
    assert "beats a minute" in done.stdout
    assert "not diffusion" in done.stdout
    assert f"wrote {tmp_path / 'o.png'}" in done.stdout
