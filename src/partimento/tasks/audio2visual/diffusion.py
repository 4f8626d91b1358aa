"""Pictures by the user's own diffusion model (extra ``images``), from embeddings instead of words.

Text encoders are never loaded: the bank has done their work.  Only local folders with .safetensors
weights are read, and nothing touches the network.

Shape suffixes: B sounds, L tokens, E dimensions, H, W and C height, width and colours of a picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from partimento.core.errors import ConfigError, InputFileError
from partimento.core.progress import Progress
from partimento.tasks.audio2visual.bank import CLIP_WIDTH, T5_WIDTH, Embedded
from partimento.tasks.audio2visual.diffusion_kinds import Kind, check_folder
from partimento.tasks.audio2visual.local_models import (
    loading,
    offline,
    optional,
    pretrained,
    read_json,
    short,
)

if TYPE_CHECKING:
    import torch

Precision = Literal["auto", "float32", "bfloat16", "float16"]
MOST_TOKENS = 512
LARGEST_SIDE = 4096
MOST_STEPS = 1000
_WIDTHS = {"clip": (CLIP_WIDTH,), "t5": (T5_WIDTH,), "clip_tokens": (CLIP_WIDTH,)}


def diffuse(
    embedded: Embedded,
    backend: str,
    weights: str | Path,
    *,
    seed: int = 0,
    width: int | None = None,
    height: int | None = None,
    steps: int | None = None,
    guidance: float | None = None,
    device: str = "cpu",
    precision: Precision = "auto",
    progress: Progress | None = None,
) -> np.ndarray:
    """The picture of one sound: (H, W, 3) uint8, by the model in the folder ``weights``.

    See :func:`load_painter` and :meth:`Painter.paint`, also for what is raised.  ValueError where
    ``embedded`` holds several sounds.
    """
    if len(embedded) != 1:
        raise ValueError(f"diffuse() paints one sound, not {len(embedded)}; use a Painter")
    painter = load_painter(backend, weights, device=device, precision=precision)
    pictures_BHWC = painter.paint(
        embedded,
        seed=seed,
        width=width,
        height=height,
        steps=steps,
        guidance=guidance,
        progress=progress,
    )
    picture_HWC: np.ndarray = pictures_BHWC[0]
    return picture_HWC


def load_painter(
    backend: str, weights: str | Path, *, device: str = "cpu", precision: Precision = "auto"
) -> Painter:
    """The image model in a folder of diffusers, without its text encoders.

    backend: ``flux``, ``pixart``, ``chroma`` or ``sd15``.  precision: ``auto`` is float32 on the
    CPU and bfloat16 elsewhere.

    Raises what :func:`~partimento.tasks.audio2visual.diffusion_kinds.check_folder` raises, before
    anything heavy is imported; MissingExtraError without diffusers; ConfigError for a device that
    is not there; InputFileError for damaged, missing or pickled weights.
    """
    kind, folder = check_folder(weights, backend), Path(weights)
    diffusers = optional("diffusers")
    import torch

    from partimento.nn.device import checked_device

    place = checked_device(device)
    automatic = "float32" if place.type == "cpu" else "bfloat16"
    dtype = getattr(torch, automatic if precision == "auto" else precision)
    with offline(), loading(folder, f"{kind.title} model"):
        parts = {
            kind.folder: _network(diffusers, kind.network, folder / kind.folder, dtype),
            "vae": _network(diffusers, "AutoencoderKL", folder / "vae", dtype),
            "scheduler": _scheduler(diffusers, folder / "scheduler"),
        }
        pipeline = _assembled(getattr(diffusers, kind.pipeline), parts).to(place)
    pipeline.set_progress_bar_config(disable=True)
    return Painter(kind, pipeline, str(folder))


@dataclass(frozen=True)
class Painter:
    """An image model that is ready to paint embeddings; ``pipeline`` is one of diffusers."""

    kind: Kind
    pipeline: Any
    source: str = ""

    def paint(
        self,
        embedded: Embedded,
        *,
        seed: int = 0,
        width: int | None = None,
        height: int | None = None,
        steps: int | None = None,
        guidance: float | None = None,
        progress: Progress | None = None,
    ) -> np.ndarray:
        """One picture per sound: (B, H, W, 3) uint8.

        Every sound starts from the same noise, drawn on the CPU from ``seed``: its picture does
        not depend on the others, and pictures of one seed differ by what was heard alone.
        Sizes in pixels, multiples of :attr:`grain`; None: what the model was trained for.
        guidance: scale; 1 is none.  Away from the empty prompt, where the embedding has one.

        Raises InputFileError for embeddings of a wrong shape or that are not finite, and when the
        model fails or paints NaN; ConfigError for a size or a number of steps that it cannot do.
        """
        check_shapes(embedded, self.kind)
        wide, high = self._side(width, "width"), self._side(height, "height")
        count = self.kind.steps if steps is None else steps
        if not 1 <= count <= MOST_STEPS:
            raise ConfigError(f"steps must be 1 to {MOST_STEPS}, not {count}", where="--steps")
        arguments = {
            **_conditions(embedded, self.kind, self._network),
            "generator": _generators(seed, len(embedded)),
            "height": high,
            "width": wide,
            "num_inference_steps": count,
            "guidance_scale": self._guidance(embedded, guidance),
            "output_type": "np",
            **_watching(self.kind, progress, count),
        }
        if self.kind.name == "pixart":
            # Its own list of sizes would paint another one and cut the picture.
            arguments["use_resolution_binning"] = False
        return self._run(arguments)

    @property
    def grain(self) -> int:
        """Sizes are multiples of this."""
        scale = int(self.pipeline.vae_scale_factor)
        return scale * 2 if self.kind.name in ("flux", "chroma") else max(scale, 8)

    @property
    def _network(self) -> Any:
        return getattr(self.pipeline, self.kind.folder)

    def _side(self, pixels: int | None, name: str) -> int:
        grain = self.grain
        if pixels is None:
            trained = getattr(self._network.config, "sample_size", None)
            latent = trained if isinstance(trained, int) else self.pipeline.default_sample_size
            pixels = max(grain, int(latent) * int(self.pipeline.vae_scale_factor) // grain * grain)
        if not grain <= pixels <= LARGEST_SIDE or pixels % grain:
            raise ConfigError(
                f"{self.kind.title} paints a {name} of {grain} to {LARGEST_SIDE} pixels in steps "
                f"of {grain}, not {pixels}",
                where=f"--{name}",
            )
        return pixels

    def _guidance(self, embedded: Embedded, wanted: float | None) -> float:
        scale = self.kind.guidance if wanted is None else wanted
        if not 0.0 <= scale <= 100.0:
            raise ConfigError(f"guidance must be 0 to 100, not {scale}", where="--guidance")
        # FLUX.1 is told its scale as a number; the others need an embedding to lead away from.
        return scale if embedded.empty is not None or self.kind.name == "flux" else 1.0

    def _run(self, arguments: dict[str, Any]) -> np.ndarray:
        import torch

        with offline(), torch.inference_mode():
            try:
                found_BHWC = self.pipeline(**arguments).images
            except (RuntimeError, ValueError, TypeError, KeyError, AttributeError) as error:
                raise InputFileError(
                    f"this {self.kind.title} model could not paint ({short(error)})",
                    where=self.source,
                    fix="Check that its parts belong together, and that the memory suffices",
                ) from error
        if not np.isfinite(found_BHWC).all():
            raise InputFileError(
                f"this {self.kind.title} model painted numbers that are not finite",
                where=self.source,
                fix="Try precision float32 or bfloat16",
            )
        pictures_BHWC: np.ndarray = np.rint(found_BHWC * 255.0).astype(np.uint8)
        return pictures_BHWC


def check_shapes(embedded: Embedded, kind: Kind) -> None:
    """Raise InputFileError unless the embeddings are what this kind of model takes."""
    for name in kind.takes:
        array = getattr(embedded, name)
        if name == "clip_tokens" and array is None:
            name, array = "clip", embedded.clip
        if name == "t5_mask":
            _check_mask(array, embedded.t5, kind)
            continue
        pooled = name == "clip"
        (wide,) = _WIDTHS[name]
        wanted = f"(B, {wide})" if pooled else f"(B, L, {wide})"
        fits = array.ndim == (2 if pooled else 3) and array.shape[-1] == wide and array.size > 0
        if not fits or len(array) != len(embedded) or (not pooled and array.shape[1] > MOST_TOKENS):
            raise InputFileError(
                f"the embedding {name} has the shape {array.shape}, but {kind.title} takes {wanted}"
                + ("" if pooled else f" with L at most {MOST_TOKENS}")
                + ", the same B for all",
                where=name,
                fix="Make it with `partimento embed`",
            )
        if not np.isfinite(array).all():
            raise InputFileError(
                "the embedding holds NaN or infinite numbers",
                where=name,
                fix="Make it again with `partimento embed`",
            )


def _check_mask(mask: np.ndarray, t5: np.ndarray, kind: Kind) -> None:
    if mask.shape != t5.shape[:2] or not mask.any(axis=-1).all():
        raise InputFileError(
            f"the mask of the T5 tokens has the shape {mask.shape}, but {kind.title} takes (B, L) "
            f"as of the tokens {t5.shape[:2]}, with a token in every row",
            where="t5_mask",
            fix="Make it with `partimento embed`",
        )


def _network(diffusers: Any, name: str, folder: Path, dtype: torch.dtype) -> Any:
    """A network of diffusers; of several variants the plain one, otherwise fp16."""
    files = {file.name for file in folder.glob("*.safetensors*")}
    halves = {file for file in files if ".fp16." in file}
    return pretrained(
        diffusers,
        name,
        folder,
        torch_dtype=dtype,
        variant="fp16" if halves and halves == files else None,
        # Without accelerate diffusers cannot, and would say so at length.
        low_cpu_mem_usage=find_spec("accelerate") is not None,
    )


def _scheduler(diffusers: Any, folder: Path) -> Any:
    """The scheduler that the folder names, if diffusers itself has it."""
    name = read_json(folder / "scheduler_config.json").get("_class_name")
    kind: Any = getattr(diffusers, name, None) if isinstance(name, str) else None
    known = isinstance(kind, type) and issubclass(kind, diffusers.SchedulerMixin)
    if not known:
        raise InputFileError(
            f"diffusers has no scheduler {str(name)[:60]!r}",
            where=str(folder),
            fix="Update diffusers, or use other weights",
        )
    return kind.from_pretrained(str(folder), local_files_only=True)


def _assembled(pipeline: Any, parts: dict[str, Any]) -> Any:
    """A pipeline of these parts, everything else None: no text encoder, no tokenizer."""
    import inspect

    others = dict.fromkeys(inspect.signature(pipeline.__init__).parameters, None)
    others.pop("self")
    if "requires_safety_checker" in others:
        # It is another model of 1.2 GB, trained on prompts from anywhere; a bank's are known.
        others["requires_safety_checker"] = False
    return pipeline(**{**others, **parts})


def _conditions(embedded: Embedded, kind: Kind, network: Any) -> dict[str, Any]:
    """What the pipeline is given instead of a prompt, and instead of a negative one."""
    found = _texts(embedded, kind, network)
    if kind.name == "flux" or embedded.empty is None:
        return found
    empty = _texts(embedded.empty, kind, network)
    rows = len(embedded)
    negative = {
        f"negative_{name}": value.expand(rows, *value.shape[1:]).contiguous()
        for name, value in empty.items()
    }
    # Its default is the empty text, which the pipeline would want to encode.
    return {**found, **negative, "negative_prompt": None}


def _texts(embedded: Embedded, kind: Kind, network: Any) -> dict[str, Any]:
    """Embeddings as tensors under the names of the pipeline's arguments."""
    import torch

    def tensor(array: np.ndarray) -> torch.Tensor:
        held = torch.from_numpy(np.array(array, dtype=np.float32))
        return held.to(network.device, network.dtype)

    if kind.name == "flux":
        return {
            "prompt_embeds": tensor(embedded.t5),
            "pooled_prompt_embeds": tensor(embedded.clip),
        }
    if kind.name == "sd15":
        words = embedded.clip_tokens
        # A bank without CLIP's tokens has the pooled one, which alone is a sequence of length 1.
        return {"prompt_embeds": tensor(embedded.clip[:, None] if words is None else words)}
    if kind.name == "chroma":
        # Chroma was trained to see one token of the padding.  Its mask must stay bool: as numbers,
        # which its own encoder makes, it is added to the attention and hides nothing
        # (https://github.com/huggingface/diffusers/issues/12116).
        count_B1 = embedded.t5_mask.sum(axis=1, keepdims=True)
        mask = torch.from_numpy(np.arange(embedded.t5.shape[1]) <= count_B1).to(network.device)
    else:
        mask = tensor(embedded.t5_mask)
    return {"prompt_embeds": tensor(embedded.t5), "prompt_attention_mask": mask}


def _generators(seed: int, count: int) -> list[Any]:
    """One generator per picture, all with the same seed."""
    import torch

    return [torch.Generator("cpu").manual_seed(seed) for _ in range(count)]


def _watching(kind: Kind, progress: Progress | None, steps: int) -> dict[str, Any]:
    """Arguments that make the pipeline report its steps."""
    if progress is None:
        return {}
    progress(0, steps, "painting")

    def at_end(_pipeline: Any, step: int, _time: Any, _values: dict[str, Any]) -> dict[str, Any]:
        progress(step + 1, steps, "painting")
        return {}

    def after(step: int, _time: Any, _latents: Any) -> None:
        progress(step + 1, steps, "painting")

    if kind.name == "pixart":
        return {"callback": after, "callback_steps": 1}
    return {"callback_on_step_end": at_end}
