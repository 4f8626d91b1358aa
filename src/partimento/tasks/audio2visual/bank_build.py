"""Fill a prompt bank with the user's own CLIP and T5, from local folders; nothing is downloaded.

Shape suffixes: N prompts (the last one empty), K concepts, L tokens, E dimensions.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from partimento.core.config import close_matches
from partimento.core.errors import ConfigError, InputFileError
from partimento.core.limits import CONFIG_BYTES, read_limited
from partimento.core.progress import Progress
from partimento.tasks.audio2visual.bank import (
    CLIP_LENGTH,
    CLIP_WIDTH,
    T5_LENGTH,
    T5_WIDTH,
    Embedded,
    PromptBank,
)
from partimento.tasks.audio2visual.concepts import CONCEPTS, PROMPTS
from partimento.tasks.audio2visual.local_models import (
    hash_of_folder,
    loading,
    offline,
    optional,
    pretrained,
    read_json,
    short,
)

Dtype = Literal["float32", "bfloat16"]
AT_ONCE = 8
"""Prompts encoded together."""
LONGEST_PROMPT = 1000
"""Characters; CLIP keeps 77 tokens of a prompt and T5 17."""


def build_bank(
    clip: str | Path,
    t5: str | Path,
    *,
    prompts: str | Path | Mapping[str, str] | None = None,
    clip_tokens: bool = True,
    device: str = "cpu",
    dtype: Dtype = "float32",
    progress: Progress | None = None,
) -> PromptBank:
    """Encode every concept's prompt, and the empty one, with CLIP's and T5's text encoders.

    clip, t5: folders of transformers models (``config.json``, weights as .safetensors, tokenizer),
    as ``text_encoder`` and ``text_encoder_2`` of a FLUX.1 folder are; the tokenizer may lie in the
    sibling folder ``tokenizer`` or ``tokenizer_2``.  prompts: other sentences for some concepts, as
    a mapping or the file that :func:`read_prompts` reads.  clip_tokens: keep CLIP's 77 tokens too,
    which Stable Diffusion 1.5 takes.  dtype: of T5-XXL's weights in memory (19 GB in float32).

    CLIP's pooled vector is the one at the end-of-text token after the last layer norm, width 768;
    T5's are the encoder's last hidden states, padded or cut to 17 tokens, the padding masked, width
    4096.

    Raises InputFileError for a folder that is no such model, has another width or only pickled
    weights; ConfigError for unknown concepts; MissingExtraError without transformers.
    """
    sentences = dict(zip(CONCEPTS, PROMPTS, strict=True))
    sentences |= _checked(prompts, "prompts") if isinstance(prompts, Mapping) else {}
    sentences |= read_prompts(prompts) if isinstance(prompts, str | Path) else {}
    clip_dir, t5_dir = Path(clip), Path(t5)
    _check_config(clip_dir, "--clip", _clip_fault)
    _check_config(t5_dir, "--t5", _t5_fault)
    texts = [*sentences.values(), ""]
    pooled_NE, words_NLE = _encode_clip(clip_dir, texts, device, progress)
    t5_NLE, mask_NL = _encode_t5(t5_dir, texts, device, dtype, progress)
    kept_NLE = words_NLE if clip_tokens else None
    meta = {
        "clip_encoder": clip_dir.resolve().name,
        "clip_hash": hash_of_folder(clip_dir),
        "t5_encoder": t5_dir.resolve().name,
        "t5_hash": hash_of_folder(t5_dir),
        "t5_dtype": dtype,
    }
    return PromptBank(
        tuple(sentences),
        tuple(sentences.values()),
        pooled_NE[:-1].astype(np.float32),
        t5_NLE[:-1],
        mask_NL[:-1].sum(axis=1),
        None if kept_NLE is None else kept_NLE[:-1],
        Embedded(
            pooled_NE[-1:].astype(np.float32),
            t5_NLE[-1:].astype(np.float32),
            mask_NL[-1:],
            None if kept_NLE is None else kept_NLE[-1:].astype(np.float32),
        ),
        meta,
    )


def read_prompts(path: str | Path) -> dict[str, str]:
    """Other sentences for some concepts: a JSON object, or lines ``name = sentence``.

    Empty lines and lines that begin with # do not count.

    Raises InputFileError for another layout, ConfigError for a name that is no concept.
    """
    text = read_limited(path, CONFIG_BYTES).decode("utf-8", errors="replace").lstrip("\ufeff")
    if text.lstrip().startswith("{"):
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputFileError(
                f"these prompts are no valid JSON ({short(error)})", where=str(path)
            ) from None
        return _checked(found, str(path))
    lines = [line.strip() for line in text.splitlines()]
    pairs = [line.partition("=") for line in lines if line and not line.startswith("#")]
    for name, sign, _ in pairs:
        if not sign:
            raise InputFileError(
                f"the line {name[:60]!r} has no sign =",
                where=str(path),
                fix="Write one line for each concept: name = sentence",
            )
    return _checked({name.strip(): prompt.strip() for name, _, prompt in pairs}, str(path))


def _checked(prompts: Mapping[Any, Any], where: str) -> dict[str, str]:
    """Raise ConfigError unless concepts are mapped to sentences."""
    for name, prompt in prompts.items():
        if name not in CONCEPTS:
            raise ConfigError(
                f"there is no concept {str(name)[:60]!r}: {close_matches(str(name), CONCEPTS)}",
                where=where,
                fix="`partimento bank show builtin` lists them",
            )
        if not isinstance(prompt, str) or not prompt.strip() or len(prompt) > LONGEST_PROMPT:
            raise ConfigError(
                f"the prompt of {name!r} must be a sentence of at most {LONGEST_PROMPT} characters",
                where=where,
            )
    return dict(prompts)


def _clip_fault(config: Mapping[str, Any]) -> str:
    """What speaks against a CLIP text encoder with this configuration."""
    kind = config.get("model_type")
    if kind not in ("clip", "clip_text_model"):
        return f"this folder holds a model of type {kind!r}, not CLIP"
    text = config.get("text_config", config)
    width = text.get("hidden_size", 512) if isinstance(text, dict) else None
    if width != CLIP_WIDTH:
        return (
            f"this CLIP has text embeddings of width {width}, but FLUX.1 and Stable Diffusion 1.5 "
            f"take {CLIP_WIDTH} (CLIP ViT-L/14)"
        )
    return ""


def _t5_fault(config: Mapping[str, Any]) -> str:
    """What speaks against a T5 encoder with this configuration."""
    kind, width = config.get("model_type"), config.get("d_model", 512)
    if kind != "t5":
        return f"this folder holds a model of type {kind!r}, not T5"
    if width != T5_WIDTH:
        return (
            f"this T5 has embeddings of width {width}, but FLUX.1, Chroma and PixArt take "
            f"{T5_WIDTH} (T5 v1.1 XXL)"
        )
    return ""


def _check_config(folder: Path, flag: str, fault_of: Callable[[Mapping[str, Any]], str]) -> None:
    """Raise InputFileError unless ``config.json`` is that of the encoder needed."""
    if not folder.is_dir():
        raise InputFileError(
            "there is no folder with a text encoder here",
            where=str(folder),
            fix="Give the path of a model that you have; none is downloaded",
        )
    fault = fault_of(read_json(folder / "config.json"))
    if fault:
        raise InputFileError(fault, where=str(folder), fix=f"Give another folder for {flag}")


def _encode_clip(
    folder: Path, texts: Sequence[str], device: str, progress: Progress | None
) -> tuple[np.ndarray, np.ndarray]:
    """Pooled (N, 768) and tokens (N, 77, 768), float16."""
    model, tokenizer = _opened(folder, "CLIPTextModel", device, "float32")
    pooled, words = [], []
    for part in _parts(texts, "CLIP", progress):
        ids, _ = _tokens(tokenizer, part, CLIP_LENGTH, folder)
        found = _run(model, folder, input_ids=ids)
        pooled.append(found.pooler_output.float().cpu().numpy())
        words.append(found.last_hidden_state.float().cpu().numpy())
    return _half(pooled, folder), _half(words, folder)


def _encode_t5(
    folder: Path, texts: Sequence[str], device: str, dtype: Dtype, progress: Progress | None
) -> tuple[np.ndarray, np.ndarray]:
    """Tokens (N, 17, 4096) float16 and their mask (N, 17) bool."""
    model, tokenizer = _opened(folder, "T5EncoderModel", device, dtype)
    states, masks = [], []
    for part in _parts(texts, "T5", progress):
        ids, mask = _tokens(tokenizer, part, T5_LENGTH, folder)
        found = _run(model, folder, input_ids=ids, attention_mask=mask)
        states.append(found.last_hidden_state.float().cpu().numpy())
        masks.append(mask.cpu().numpy().astype(bool))
    return _half(states, folder), np.concatenate(masks)


def _parts(texts: Sequence[str], name: str, progress: Progress | None) -> list[list[str]]:
    parts = [list(texts[i : i + AT_ONCE]) for i in range(0, len(texts), AT_ONCE)]
    if progress:
        progress(0, len(parts), f"encoding prompts with {name}")
    return parts


def _opened(folder: Path, name: str, device: str, dtype: Dtype) -> tuple[Any, Any]:
    """Model and tokenizer of a folder."""
    import torch

    from partimento.nn.device import checked_device

    place = checked_device(device)
    transformers = optional("transformers")
    with offline(), loading(folder, "text encoder"):
        model = pretrained(transformers, name, folder, dtype=getattr(torch, dtype))
        tokenizer = transformers.AutoTokenizer.from_pretrained(
            str(_tokenizer_folder(folder)), local_files_only=True, trust_remote_code=False
        )
    return model.to(place), tokenizer


def _tokenizer_folder(folder: Path) -> Path:
    """The folder itself, or its sibling as in the layout of diffusers."""
    sibling = folder.parent / folder.name.replace("text_encoder", "tokenizer")
    own = any((folder / name).is_file() for name in ("tokenizer.json", "tokenizer_config.json"))
    return folder if own or not sibling.is_dir() else sibling


def _tokens(tokenizer: Any, texts: list[str], length: int, folder: Path) -> tuple[Any, Any]:
    """Token numbers and mask (N, length)."""
    with loading(folder, "tokenizer"):
        found = tokenizer(
            texts, padding="max_length", truncation=True, max_length=length, return_tensors="pt"
        )
    return found.input_ids, found.attention_mask


def _run(model: Any, folder: Path, **inputs: Any) -> Any:
    import torch

    on_device = {name: value.to(model.device) for name, value in inputs.items()}
    with torch.inference_mode(), loading(folder, "text encoder"):
        return model(**on_device)


def _half(parts: list[np.ndarray], folder: Path) -> np.ndarray:
    """All parts in one array of float16; InputFileError for what float16 cannot hold."""
    with np.errstate(over="ignore"):
        found = np.concatenate(parts).astype(np.float16)
    if not np.isfinite(found).all():
        raise InputFileError(
            "the embeddings of this text encoder are not finite or too large for float16",
            where=str(folder),
            fix="Check its weights, and that they are not a float16 copy of T5, which overflows",
        )
    return found
