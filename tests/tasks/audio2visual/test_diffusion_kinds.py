import json
import sys

import pytest

from partimento.core.errors import ConfigError, InputFileError, MissingExtraError
from partimento.tasks.audio2visual.bank_build import build_bank, read_prompts
from partimento.tasks.audio2visual.diffusion import load_painter
from partimento.tasks.audio2visual.diffusion_kinds import KINDS, check_folder
from partimento.tasks.audio2visual.local_models import hash_of_folder, optional


def made(folder, pipeline, config=None, where="transformer"):
    """A folder with the two small files that are read before any weights."""
    (folder / where).mkdir(parents=True)
    (folder / "model_index.json").write_text(json.dumps({"_class_name": pipeline}))
    (folder / where / "config.json").write_text(json.dumps(config or {}))
    return folder


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_fitting_folder_is_taken(tmp_path, kind):
    folder = made(tmp_path, kind.pipeline, dict(kind.widths), kind.folder)
    assert check_folder(folder, kind.name) is kind


@pytest.mark.parametrize(
    ("pipeline", "words"),
    [
        ("StableDiffusion3Pipeline", "pooled embedding of width 2048"),
        ("StableDiffusionXLPipeline", "token embeddings of width 2048"),
        ("Flux2Pipeline", r"FLUX\.2 reads texts with a language model and no T5"),
        ("Flux2KleinPipeline", "no T5"),
        ("ZImagePipeline", "Z-Image reads .* no T5"),
        ("StableDiffusionPipeline", r"Stable Diffusion 1\.5, not FLUX\.1\. Use --backend sd15"),
        ("SanaPipeline", "'SanaPipeline', which our embeddings"),
        (["pipeline.py", "Own"], "which our embeddings"),
        (None, "which our embeddings"),
    ],
)
def test_other_models_are_refused_before_loading(tmp_path, monkeypatch, pipeline, words):
    # Nothing heavy is imported to say so.
    monkeypatch.setitem(sys.modules, "diffusers", None)
    folder = made(tmp_path, pipeline)
    with pytest.raises(InputFileError, match=words) as caught:
        load_painter("flux", folder)
    assert str(folder) in caught.value.text


@pytest.mark.parametrize(
    ("backend", "config", "words"),
    [
        ("flux", {"pooled_projection_dim": 2048}, r"width 2048 \(pooled_projection_dim\)"),
        ("flux", {"joint_attention_dim": 7680}, "width 7680"),
        ("pixart", {"caption_channels": 2304}, "width 2304"),
        ("chroma", {"joint_attention_dim": "wide"}, "width 'wide'"),
        ("sd15", {"cross_attention_dim": 1024}, "but a bank holds 768"),
    ],
)
def test_other_widths_are_refused_before_loading(tmp_path, backend, config, words):
    kind = KINDS[backend]
    folder = made(tmp_path, kind.pipeline, config, kind.folder)
    with pytest.raises(InputFileError, match=words):
        check_folder(folder, backend)


def test_what_is_no_model_is_one_sentence(tmp_path):
    with pytest.raises(ConfigError, match=r"no image model 'fluks'.*flux"):
        check_folder(tmp_path, "fluks")
    with pytest.raises(InputFileError, match="none is downloaded"):
        check_folder(tmp_path / "owner" / "model", "flux")
    with pytest.raises(InputFileError, match=r"no model_index\.json"):
        check_folder(tmp_path, "flux")
    (tmp_path / "model_index.json").write_text("[1]")
    with pytest.raises(InputFileError, match="no JSON object"):
        check_folder(tmp_path, "flux")
    (tmp_path / "model_index.json").write_bytes(b"[" * 100_000)
    with pytest.raises(InputFileError, match="no JSON object"):
        check_folder(tmp_path, "flux")
    (tmp_path / "model_index.json").write_text('{"_class_name": "FluxPipeline"}')
    with pytest.raises(InputFileError, match=r"config\.json: this file does not exist"):
        check_folder(tmp_path, "flux")


def test_a_missing_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(MissingExtraError, match=r"pip install partimento\[images\]"):
        load_painter("flux", made(tmp_path, "FluxPipeline"))
    with pytest.raises(MissingExtraError):
        optional("diffusers")


def encoder(folder, **config):
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    return folder


CLIP = {"model_type": "clip_text_model", "hidden_size": 768}
T5 = {"model_type": "t5", "d_model": 4096}


@pytest.mark.parametrize(
    ("clip", "t5", "words"),
    [
        ({**CLIP, "hidden_size": 1280}, T5, "CLIP has text embeddings of width 1280"),
        ({"model_type": "clip", "text_config": {"hidden_size": 512}}, T5, "width 512"),
        ({"model_type": "clip", "text_config": 7}, T5, "width None"),
        ({"model_type": "siglip"}, T5, "type 'siglip', not CLIP"),
        (CLIP, {**T5, "d_model": 1024}, "T5 has embeddings of width 1024"),
        (CLIP, {"model_type": "umt5", "d_model": 4096}, "type 'umt5', not T5"),
        (T5, CLIP, "not CLIP"),
    ],
)
def test_encoders_of_other_widths_are_refused_before_loading(tmp_path, clip, t5, words):
    folders = encoder(tmp_path / "a", **clip), encoder(tmp_path / "b", **t5)
    with pytest.raises(InputFileError, match=words):
        build_bank(*folders)


def test_encoders_are_folders_on_this_machine(tmp_path):
    with pytest.raises(InputFileError, match="none is downloaded"):
        build_bank("openai/clip-vit-large-patch14", tmp_path)
    with pytest.raises(InputFileError, match=r"config\.json: this file does not exist"):
        build_bank(tmp_path, tmp_path)


def test_prompts_are_lines_or_json(tmp_path):
    file = tmp_path / "prompts"
    file.write_text("\ufeff# a comment\n\nRain = rain = water\nDog bark=a hound\n", "utf-8")
    assert read_prompts(file) == {"Rain": "rain = water", "Dog bark": "a hound"}
    file.write_text('{"Rain": "drops"}')
    assert read_prompts(file) == {"Rain": "drops"}


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        ("Rian = drops", ConfigError, "no concept 'Rian'.*Rain"),
        ("Rain drops", InputFileError, "no sign ="),
        ("Rain =", ConfigError, "must be a sentence"),
        ('{"Rain": 3}', ConfigError, "must be a sentence"),
        ('{"Rain": ', InputFileError, "no valid JSON"),
        ("Rain = " + "x" * 2000, ConfigError, "at most 1000"),
    ],
)
def test_wrong_prompts_are_one_sentence(tmp_path, content, error, words):
    file = tmp_path / "prompts"
    file.write_text(content)
    with pytest.raises(error, match=words):
        read_prompts(file)


def test_the_hash_of_a_folder_is_that_of_its_model(tmp_path):
    folder = encoder(tmp_path / "a", **CLIP)
    (folder / "model.safetensors").write_bytes(b"weights")
    first = hash_of_folder(folder)
    (folder / "README.md").write_text("words")
    assert hash_of_folder(folder) == first
    (folder / "model.safetensors").write_bytes(b"weighty")
    assert hash_of_folder(folder) != first
