import json
import sys
from types import SimpleNamespace

import pytest
import typer
from safetensors.numpy import load_file
from typer.testing import CliRunner

import partimento
from fake_sound_model import FakeSoundModel
from made_sounds import made_sound, write_wav
from partimento.cli import bank as commands
from partimento.core.errors import InputFileError
from partimento.tasks.audio2visual.bank import PromptBank

PLACE = "partimento.tasks.audio2visual"


@pytest.fixture
def app(monkeypatch):
    twins = {
        "build_bank": f"{PLACE}.bank_build:build_bank",
        "show_bank": f"{PLACE}.bank_show:show_bank",
        "embed": f"{PLACE}.embedding:embed",
    }
    for name, target in twins.items():
        monkeypatch.setitem(partimento.TWINS, name, target)
    model = SimpleNamespace(load_sound_model=lambda weights: FakeSoundModel())
    monkeypatch.setitem(sys.modules, f"{PLACE}.loading", model)
    app = typer.Typer()
    app.add_typer(commands.bank, name="bank")
    app.command("embed")(commands.embed)
    return app


def run(app, *words):
    return CliRunner().invoke(app, [str(word) for word in words])


def test_bank_show(app):
    result = run(app, "bank", "show", "builtin", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["concepts"] == 34
    words = run(app, "bank", "show").stdout
    assert "no trained text encoder" in words and "a dog barking in a garden" in words


def test_bank_build_writes_and_shows(app, tmp_path, monkeypatch):
    asked = {}

    def build(clip, t5, **options):
        asked.update(clip=clip, t5=t5, **options)
        return PromptBank.builtin()

    monkeypatch.setitem(partimento.__dict__, "build_bank", build)
    out = tmp_path / "bank.safetensors"
    words = ("--clip", tmp_path, "--t5", tmp_path, "-o", out, "--pooled-only", "--json")
    result = run(app, "bank", "build", *words)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["bank"] == "bank.safetensors"
    assert asked["clip_tokens"] is False and asked["prompts"] is None
    assert PromptBank.load(out).hash == PromptBank.builtin().hash


def test_a_folder_without_a_model_is_the_users_mistake(app, tmp_path):
    words = ("--clip", tmp_path, "--t5", tmp_path, "-o", tmp_path / "bank.safetensors")
    result = run(app, "bank", "build", *words)
    assert isinstance(result.exception, InputFileError)
    assert not (tmp_path / "bank.safetensors").exists()


def test_embed_writes_the_tensors(app, tmp_path):
    sound = write_wav(tmp_path / "rain.wav", made_sound("Rain").samples_N)
    out = tmp_path / "out.safetensors"
    result = run(app, "embed", sound, "-o", out, "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["label"] == "Rain" and report["file"] == str(out)
    assert report["shapes"] == {"clip": [1, 768], "t5": [1, 17, 4096]}
    assert {name: t.shape for name, t in load_file(out).items()} == {
        "clip": (1, 768),
        "t5": (1, 17, 4096),
    }
