"""Everything that needs transformers or diffusers, in one module: importing them takes long."""

import socket
import string
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest

from partimento.core.errors import ConfigError, InputFileError
from partimento.tasks.audio2visual import bank_build
from partimento.tasks.audio2visual.bank import CLIP_WIDTH, Embedded, PromptBank, project
from partimento.tasks.audio2visual.bank_build import build_bank
from partimento.tasks.audio2visual.concepts import CONCEPTS, PROMPTS
from partimento.tasks.audio2visual.diffusion import diffuse, load_painter

if find_spec("diffusers") is None or find_spec("transformers") is None:
    pytest.skip("the extra images is not installed", allow_module_level=True)

import torch

SIZE = {"width": 16, "height": 24, "steps": 1}
KINDS = ("flux", "pixart", "chroma", "sd15")


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*_):
        raise AssertionError("something reached for the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def made_vae():
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(4, 4),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=4,
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        shift_factor=0.1,
        scaling_factor=0.5,
    )


def made_flux(**changes):
    """A FluxPipeline with every encoder None and random weights."""
    import diffusers

    sizes = {
        "in_channels": 16,
        "num_layers": 1,
        "num_single_layers": 1,
        "attention_head_dim": 16,
        "num_attention_heads": 2,
        "joint_attention_dim": 4096,
        "pooled_projection_dim": 768,
        "axes_dims_rope": (4, 4, 8),
        "guidance_embeds": True,
    }
    return diffusers.FluxPipeline(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(),
        vae=made_vae(),
        text_encoder=None,
        tokenizer=None,
        text_encoder_2=None,
        tokenizer_2=None,
        transformer=diffusers.FluxTransformer2DModel(**{**sizes, **changes}),
    )


def made_pixart():
    import diffusers

    network = diffusers.PixArtTransformer2DModel(
        num_attention_heads=2,
        attention_head_dim=8,
        in_channels=4,
        out_channels=8,
        num_layers=1,
        cross_attention_dim=16,
        sample_size=16,
        caption_channels=4096,
    )
    scheduler = diffusers.DPMSolverMultistepScheduler()
    return diffusers.PixArtSigmaPipeline(None, None, made_vae(), network, scheduler)


def made_chroma():
    import diffusers

    network = diffusers.ChromaTransformer2DModel(
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=4096,
        axes_dims_rope=(4, 4, 8),
        approximator_num_channels=16,
        approximator_hidden_dim=16,
        approximator_layers=1,
    )
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler()
    return diffusers.ChromaPipeline(scheduler, made_vae(), None, None, network)


def made_sd15(width=768):
    import diffusers

    network = diffusers.UNet2DConditionModel(
        sample_size=8,
        layers_per_block=1,
        block_out_channels=(4,),
        down_block_types=("CrossAttnDownBlock2D",),
        mid_block_type=None,
        up_block_types=("CrossAttnUpBlock2D",),
        cross_attention_dim=width,
        attention_head_dim=4,
        norm_num_groups=4,
    )
    scheduler = diffusers.PNDMScheduler(skip_prk_steps=True, steps_offset=1)
    return diffusers.StableDiffusionPipeline(
        made_vae(), None, None, network, scheduler, None, None, requires_safety_checker=False
    )


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """The folder with a tiny random model of each kind."""
    place = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    makers = (made_flux, made_pixart, made_chroma, made_sd15)
    for kind, make in zip(KINDS, makers, strict=True):
        make().save_pretrained(place / kind)
    return place


@pytest.fixture(scope="module")
def painters(saved):
    return {kind: load_painter(kind, saved / kind) for kind in KINDS}


@pytest.fixture(scope="module")
def sounds():
    """32 sounds, each of another concept."""
    return project(np.eye(34)[:32], PromptBank.builtin())


def part(embedded, rows):
    return replace(
        embedded, clip=embedded.clip[rows], t5=embedded.t5[rows], t5_mask=embedded.t5_mask[rows]
    )


@pytest.mark.parametrize("count", [1, 2, 8, 16, 32])
def test_flux_takes_every_batch(painters, sounds, count):
    few = part(sounds, slice(0, count))
    assert few.clip.shape == (count, 768) and few.t5.shape == (count, 17, 4096)
    pictures = painters["flux"].paint(few, seed=3, **SIZE)
    assert pictures.shape == (count, 24, 16, 3) and pictures.dtype == np.uint8
    # A sound's picture does not depend on the others of its batch (but for the last rounding).
    alone = painters["flux"].paint(part(sounds, slice(0, 1)), seed=3, **SIZE)
    assert np.abs(pictures[:1].astype(int) - alone).max() <= 1
    if count > 1:
        assert len({picture.tobytes() for picture in pictures}) > count // 2


@pytest.mark.parametrize("kind", KINDS)
def test_the_picture_changes_with_the_sound_and_the_seed_alone(saved, sounds, kind):
    dog, sea = part(sounds, slice(0, 1)), part(sounds, slice(3, 4))
    painter = load_painter(kind, saved / kind)
    first = painter.paint(dog, seed=5, **SIZE)
    assert first.std() > 1
    assert np.array_equal(painter.paint(dog, seed=5, **SIZE), first)
    assert not np.array_equal(painter.paint(sea, seed=5, **SIZE), first)
    assert not np.array_equal(painter.paint(dog, seed=6, **SIZE), first)
    # Loaded again from the same folder, the same bytes.
    assert np.array_equal(diffuse(dog, kind, saved / kind, seed=5, **SIZE), first[0])


@pytest.mark.parametrize("kind", ["pixart", "chroma", "sd15"])
def test_guidance_leads_away_from_the_empty_prompt(painters, sounds, kind):
    painter, dog = painters[kind], part(sounds, slice(0, 2))
    plain = painter.paint(dog, guidance=1.0, **SIZE)
    assert not np.array_equal(painter.paint(dog, guidance=8.0, **SIZE), plain)
    # Without the empty prompt there is nothing to lead away from.
    assert np.array_equal(painter.paint(replace(dog, empty=None), guidance=8.0, **SIZE), plain)


@pytest.mark.parametrize("kind", ["pixart", "chroma"])
def test_masked_tokens_do_not_matter(painters, sounds, kind):
    painter, dog = painters[kind], part(sounds, slice(0, 1))
    first = painter.paint(dog, guidance=1.0, **SIZE)
    other = dog.t5.copy()
    # Chroma sees one token of the padding.
    other[:, dog.t5_mask.sum() + 1 :] += 1.0
    changed = painter.paint(replace(dog, t5=other), guidance=1.0, **SIZE)
    assert np.array_equal(changed, first)
    full = np.ones_like(dog.t5_mask)
    seen = painter.paint(replace(dog, t5=other, t5_mask=full), guidance=1.0, **SIZE)
    assert not np.array_equal(seen, first)


def test_sd15_takes_clips_tokens_where_the_bank_has_them(painters, sounds):
    rng = np.random.default_rng(0)
    tokens = rng.standard_normal((1, 77, CLIP_WIDTH), dtype=np.float32)
    pooled = part(sounds, slice(0, 1))
    empty = replace(sounds.empty, clip_tokens=tokens[:, ::-1].copy())
    with_tokens = replace(pooled, clip_tokens=tokens, empty=empty)
    one, two = (painters["sd15"].paint(e, **SIZE) for e in (pooled, with_tokens))
    assert one.shape == two.shape == (1, 24, 16, 3)
    assert not np.array_equal(one, two)


def test_sizes_steps_and_progress(painters, sounds):
    dog = part(sounds, slice(0, 1))
    for painter in painters.values():
        seen = []

        def note(done, total, label, seen=seen):
            seen.append((done, label))

        picture = painter.paint(dog, width=32, height=16, steps=2, progress=note)
        assert picture.shape == (1, 16, 32, 3)
        assert seen[:3] == [(0, "painting"), (1, "painting"), (2, "painting")]
        for wrong in (0, 17, 8192, -16):
            with pytest.raises(ConfigError, match="pixels in steps of"):
                painter.paint(dog, width=wrong)
        with pytest.raises(ConfigError, match="steps must be"):
            painter.paint(dog, steps=0)
        with pytest.raises(ConfigError, match="guidance must be"):
            painter.paint(dog, guidance=float("nan"))
    # Without a size: what the network was made for.
    assert painters["sd15"].paint(dog, steps=1).shape == (1, 16, 16, 3)
    assert painters["pixart"].paint(dog, steps=1).shape == (1, 32, 32, 3)


def wrong_embeddings(good):
    """Name -> embedding with one fault, kinds that must refuse it, what they say."""
    spoilt = good.t5.copy()
    spoilt[0, 0, 0] = np.nan
    token = np.zeros((1, 77, 1024), np.float32)
    every = ("flux", "pixart", "chroma")
    return {
        "t5 narrow": (replace(good, t5=good.t5[..., :2048]), every, r"\(B, L, 4096\)"),
        "t5 flat": (replace(good, t5=good.t5[0]), every, r"\(B, L, 4096\)"),
        "t5 pooled": (replace(good, t5=good.clip), every, r"\(B, L, 4096\)"),
        "t5 none": (replace(good, t5=good.t5[:, :0]), every, r"\(B, L, 4096\)"),
        "t5 two": (replace(good, t5=np.repeat(good.t5, 2, 0)), every, "the same B"),
        "t5 long": (replace(good, t5=np.tile(good.t5, (1, 40, 1))), every, "L at most 512"),
        "nan": (replace(good, t5=spoilt), every, "NaN"),
        "clip flat": (replace(good, clip=good.clip[0]), ("flux", "sd15"), r"\(B, 768\)|\(B, L"),
        "clip wide": (replace(good, clip=np.zeros((1, 2048))), ("flux", "sd15"), r"\(B, 768\)"),
        "token": (replace(good, clip_tokens=token), ("sd15",), r"\(B, L, 768\)"),
        "mask": (replace(good, t5_mask=good.t5_mask[:, :5]), ("pixart", "chroma"), "mask"),
        "no token": (replace(good, t5_mask=~(good.t5_mask | True)), ("pixart",), "mask"),
    }


def test_wrong_shapes_give_our_sentence(painters, sounds):
    for name, (wrong, kinds, words) in wrong_embeddings(part(sounds, slice(0, 1))).items():
        for kind in kinds:
            with pytest.raises(InputFileError, match=words):
                painters[kind].paint(wrong, **SIZE)
                pytest.fail(f"{kind} took {name}")


def test_diffuse_is_for_one_sound(saved, sounds):
    with pytest.raises(ValueError, match="one sound"):
        diffuse(part(sounds, slice(0, 2)), "flux", saved / "flux")


def test_numbers_that_are_not_finite_are_no_picture(saved, sounds):
    painter = load_painter("flux", saved / "flux")
    with torch.no_grad():
        painter.pipeline.vae.decoder.conv_out.bias.fill_(float("nan"))
    with pytest.raises(InputFileError, match="not finite"):
        painter.paint(part(sounds, slice(0, 1)), **SIZE)


def test_the_pipeline_of_diffusers_reloads_without_encoders(saved):
    from diffusers import FluxPipeline

    encoders = dict.fromkeys(("text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2"))
    found = FluxPipeline.from_pretrained(saved / "flux", local_files_only=True, **encoders)
    assert found.text_encoder is found.text_encoder_2 is found.tokenizer is None
    ours = load_painter("flux", saved / "flux").pipeline
    pairs = zip(found.transformer.parameters(), ours.transformer.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def copied(source, target):
    import shutil

    shutil.copytree(source, target)
    return target


def test_damaged_weights_are_one_sentence(saved, tmp_path):
    short = copied(saved / "flux", tmp_path / "short")
    (file,) = (short / "transformer").glob("*.safetensors")
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(InputFileError, match=r"no usable FLUX\.1 model"):
        load_painter("flux", short)
    pickled = copied(saved / "flux", tmp_path / "pickled")
    (file,) = (pickled / "vae").glob("*.safetensors")
    file.rename(file.with_suffix(".bin"))
    with pytest.raises(InputFileError, match=r"safetensors"):
        load_painter("flux", pickled)
    scheduler = copied(saved / "flux", tmp_path / "scheduler")
    (scheduler / "scheduler" / "scheduler_config.json").write_text(
        '{"_class_name": "FluxPipeline"}'
    )
    with pytest.raises(InputFileError, match="no scheduler 'FluxPipeline'"):
        load_painter("flux", scheduler)


def test_weights_that_lack_tensors_are_refused(saved, tmp_path):
    from safetensors.torch import load_file, save_file

    folder = copied(saved / "sd15", tmp_path / "part")
    (file,) = (folder / "unet").glob("*.safetensors")
    tensors = load_file(file)
    tensors.pop("conv_in.weight")
    save_file(tensors, file)
    with pytest.raises(InputFileError, match=r"lack 1 tensors .* conv_in\.weight"):
        load_painter("sd15", folder)


def test_half_precision_weights_are_found(saved, tmp_path):
    folder = copied(saved / "sd15", tmp_path / "half")
    for file in folder.rglob("*.safetensors"):
        file.rename(file.with_suffix(".fp16.safetensors"))
    painter = load_painter("sd15", folder, precision="bfloat16")
    assert painter.pipeline.unet.dtype is torch.bfloat16
    bank = PromptBank.builtin()
    assert painter.paint(project(np.eye(34)[:1], bank), **SIZE).shape == (1, 24, 16, 3)


# The text encoders of `bank build`.


@pytest.fixture(scope="module")
def encoders(tmp_path_factory):
    """Folders of a tiny random CLIP and T5 of the right widths."""
    place = tmp_path_factory.mktemp("encoders")
    torch.manual_seed(1)
    save_clip(place / "clip", 768)
    save_t5(place / "t5", 4096)
    return place


def save_clip(folder, width):
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    letters = list(string.ascii_lowercase + ",")
    words = ["<|startoftext|>", *letters, *(c + "</w>" for c in letters), "<|endoftext|>"]
    end = len(words) - 1
    CLIPTokenizer({word: n for n, word in enumerate(words)}, []).save_pretrained(folder)
    config = CLIPTextConfig(
        vocab_size=len(words),
        hidden_size=width,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        bos_token_id=0,
        eos_token_id=end,
        pad_token_id=end,
    )
    CLIPTextModel(config).save_pretrained(folder)


def save_t5(folder, width):
    from transformers import T5Config, T5EncoderModel, T5Tokenizer

    words = sorted({f"▁{word.strip(',')}" for prompt in PROMPTS for word in prompt.split()})
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -3.0)]
    pieces += [(c, -9.0) for c in string.ascii_lowercase + ","] + [(w, -2.0) for w in words]
    T5Tokenizer(pieces, extra_ids=0).save_pretrained(folder)
    config = T5Config(
        vocab_size=len(pieces), d_model=width, d_kv=4, d_ff=8, num_layers=1, num_heads=2
    )
    T5EncoderModel(config).save_pretrained(folder)


@pytest.fixture(scope="module")
def built(encoders):
    return build_bank(encoders / "clip", encoders / "t5")


def test_a_bank_holds_what_the_encoders_say(encoders, built):
    from transformers import AutoTokenizer, CLIPTextModel, T5EncoderModel

    assert built.names == CONCEPTS and built.prompts == PROMPTS
    assert built.clip_KE.shape == (34, 768) and built.t5_KLE.shape == (34, 17, 4096)
    assert built.clip_tokens_KLE.shape == (34, 77, 768)
    # The same prompts one by one and unpadded: padding and batch must not matter.
    for k in (0, 4, 33):
        ids = AutoTokenizer.from_pretrained(encoders / "clip")(PROMPTS[k], return_tensors="pt")
        states = CLIPTextModel.from_pretrained(encoders / "clip")(ids.input_ids)[0][0].detach()
        assert np.allclose(built.clip_KE[k], states[-1], atol=5e-3)
        assert np.allclose(built.clip_tokens_KLE[k, : len(states)], states, atol=5e-3)
        ids = AutoTokenizer.from_pretrained(encoders / "t5")(PROMPTS[k], return_tensors="pt")
        states = T5EncoderModel.from_pretrained(encoders / "t5")(ids.input_ids)[0][0].detach()
        kept = min(len(states), 17)
        assert built.t5_counts_K[k] == kept
        if kept == len(states):
            assert np.allclose(built.t5_KLE[k, :kept], states, atol=5e-3)
    assert built.empty.t5_mask.sum() == 1
    assert built.meta["clip_encoder"] == "clip" and len(built.meta["t5_hash"]) == 64


def test_a_built_bank_saves_loads_and_paints(built, painters, tmp_path):
    built.save(tmp_path / "bank.safetensors")
    found = PromptBank.load(tmp_path / "bank.safetensors")
    assert found.hash == built.hash
    rain = project(np.eye(34)[2:3], found)
    assert rain.clip_tokens.shape == (1, 77, 768)
    for kind in ("flux", "sd15"):
        assert painters[kind].paint(rain, **SIZE).shape == (1, 24, 16, 3)


@pytest.fixture
def three(monkeypatch):
    """Three concepts instead of 34, which is quicker."""
    monkeypatch.setattr(bank_build, "CONCEPTS", CONCEPTS[:3])
    monkeypatch.setattr(bank_build, "PROMPTS", PROMPTS[:3])


def test_other_prompts_and_fewer_numbers(encoders, built, three, tmp_path):
    file = tmp_path / "prompts.txt"
    file.write_text("# mine\n\nRain = heavy rain on a roof\n", encoding="utf-8")
    found = build_bank(encoders / "clip", encoders / "t5", prompts=file, clip_tokens=False)
    rain = CONCEPTS.index("Rain")
    assert found.prompts[rain] == "heavy rain on a roof"
    assert found.clip_tokens_KLE is None and found.empty.clip_tokens is None
    same = [k for k in range(3) if np.allclose(found.clip_KE[k], built.clip_KE[k], atol=5e-3)]
    assert same == [0, 1] and rain == 2


def test_a_layout_of_diffusers_has_its_tokenizer_beside(encoders, three, tmp_path):
    for name, number in (("clip", ""), ("t5", "_2")):
        model = copied(encoders / name, tmp_path / f"text_encoder{number}")
        (tmp_path / f"tokenizer{number}").mkdir()
        for file in model.glob("tokenizer*.json"):
            file.rename(tmp_path / f"tokenizer{number}" / file.name)
    found = build_bank(tmp_path / "text_encoder", tmp_path / "text_encoder_2")
    assert found.meta["clip_encoder"] == "text_encoder"


@pytest.mark.parametrize("side", ["clip", "t5"])
def test_pickled_and_incomplete_encoders_are_refused(encoders, three, tmp_path, side):
    from safetensors.torch import load_file, save_file

    folder = copied(encoders / side, tmp_path / side)
    folders = {"clip": encoders / "clip", "t5": encoders / "t5", side: folder}
    file = folder / "model.safetensors"
    tensors = load_file(file)
    dropped = next(name for name in sorted(tensors) if "layer_norm" in name)
    tensors.pop(dropped)
    save_file(tensors, file, metadata={"format": "pt"})
    with pytest.raises(InputFileError, match="lack 1 tensors"):
        build_bank(**folders)
    file.rename(folder / "pytorch_model.bin")
    with pytest.raises(InputFileError, match="no usable text encoder"):
        build_bank(**folders)


def test_infinite_embeddings_are_refused(encoders, three, tmp_path):
    from safetensors.torch import load_file, save_file

    folder = copied(encoders / "clip", tmp_path / "clip")
    tensors = load_file(folder / "model.safetensors")
    name = next(name for name in tensors if "final_layer_norm.bias" in name)
    tensors[name] += 1e6
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputFileError, match="too large for float16"):
        build_bank(folder, encoders / "t5")


def test_models_leave_the_environment_alone(saved, monkeypatch):
    import os

    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    load_painter("sd15", saved / "sd15")
    assert "HF_HUB_OFFLINE" not in os.environ


def test_embedded_by_hand_is_painted(painters):
    rng = np.random.default_rng(0)
    by_hand = Embedded(
        rng.standard_normal((1, 768), dtype=np.float32),
        rng.standard_normal((1, 40, 4096), dtype=np.float32),
        np.ones((1, 40), dtype=bool),
    )
    assert painters["flux"].paint(by_hand, **SIZE).shape == (1, 24, 16, 3)
