"""Normalisation: is it really used, and does it tie examples of a batch together (M6)?"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from partimento.doctor.batches import BatchDependence, batch_dependence
from partimento.doctor.case import Case, Probe
from partimento.doctor.checks import Check, Known
from partimento.doctor.finding import Finding
from partimento.doctor.probing import undisturbed
from partimento.doctor.settings import flat

SHIFT = 0.1
NORMS = ("norm", "normalisation", "normalization")
NAMES_OF_NONE = ("", "none", "off", "identity", "no", "false")
OPERATIONS = ("layer_norm", "rms_norm", "group_norm", "batch_norm", "instance_norm", "rsqrt")

UNUSED = Known(
    code="M6.norm",
    title="Normalisation that is not used",
    meaning="The configuration names a normalisation, or the model holds one, and nothing of it"
    " runs: activations grow or vanish with depth.",
    threshold="not one such operation in a forward pass; or parameters of a normalisation without"
    " a gradient beside layers that have one",
    source="definition",
    evidence="the setting, or the names of the idle modules",
    remedy="partimento train RECIPE --set model.norm=pre",
    explains=(
        "R3.vanishing", "R3.exploding", "R3.spikes", "R6.not-finite", "R6.plateau",
        "M7.unoptimised", "M8.no-effect",
    ),
)  # fmt: skip
DEPENDENCE = Known(
    code="M6.batch-dependence",
    title="In training an example depends on its companions",
    meaning="Batch statistics let outputs (and gradients) of an example move with the other"
    " examples; in small batches or batches of one class the model learns from that.",
    threshold=f"outputs move by {SHIFT:g} standard deviations",
    source="a tenth of the spread; layer, group and RMS norm move by 0",
    evidence="largest change by size of batch, in training mode with dropout off",
    remedy="use group or layer normalisation: --set model.adapter.norm=group",
    explains=("R5.noisy-validation", "T5.running-loss", "R10.steps-not-batch", "R6.overfit"),
)


class _Operations(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the normalising operations below whatever module or function calls them."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.found: dict[str, int] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = str(func)
        for wanted in OPERATIONS:
            if wanted in name:
                self.found[wanted] = self.found.get(wanted, 0) + 1
        return func(*args, **(kwargs or {}))


def norm_operations(probe: Probe) -> dict[str, int]:
    """Normalising operations of one forward pass in evaluation mode, by name."""
    with undisturbed(probe.model), _Operations() as seen:
        probe.outputs(probe.model, probe.batches[0])
    return seen.found


def called_norms(probe: Probe) -> dict[str, int]:
    """Calls of normalising modules in one forward pass in evaluation mode, by class."""
    found: dict[str, int] = {}

    def count(module: nn.Module, _inputs: Any, _output: Any) -> None:
        name = type(module).__name__
        found[name] = found.get(name, 0) + 1

    hooks = [m.register_forward_hook(count) for m in probe.model.modules() if is_norm(m)]
    try:
        with undisturbed(probe.model):
            probe.outputs(probe.model, probe.batches[0])
    finally:
        for hook in hooks:
            hook.remove()
    return found


def is_norm(module: nn.Module) -> bool:
    """Whether a module is a normalisation by the name of its class."""
    return "norm" in type(module).__name__.lower() and not list(module.children())


def idle_norms(probe: Probe) -> list[str]:
    """Names of normalisations whose parameters the loss does not reach, though their block runs.

    A block of which another layer is not reached either is a branch that this batch does not
    take, and is left out.
    """
    reached = _reached(probe)
    idle = []
    for name, parent in probe.model.named_modules():
        own = dict(parent.named_children())
        norms = {k: v for k, v in own.items() if is_norm(v) and any(True for _ in v.parameters())}
        others = {k: v for k, v in own.items() if k not in norms}
        states = [_state(module, reached) for module in others.values()]
        if norms and any(s is True for s in states) and not any(s is False for s in states):
            idle += [
                f"{name}.{k}".lstrip(".") for k, v in norms.items() if _state(v, reached) is False
            ]
    return idle


def _reached(probe: Probe) -> set[int]:
    """Ids of the parameters that the loss of any batch depends on."""
    parameters = [p for p in probe.model.parameters() if p.requires_grad]
    found: set[int] = set()
    for batch in probe.batches[:2]:
        # cuDNN gives no gradient of a recurrent layer in evaluation mode.
        plain = torch.backends.cudnn.flags(enabled=False)
        with undisturbed(probe.model), torch.enable_grad(), plain:
            loss = probe.loss(probe.model, batch)
            grads = torch.autograd.grad(loss, parameters, allow_unused=True)
        found |= {id(p) for p, g in zip(parameters, grads, strict=True) if g is not None}
    return found


def _state(module: nn.Module, reached: set[int]) -> bool | None:
    """True: some parameter is reached; False: none; None: it has none that learns."""
    parameters = [p for p in module.parameters() if p.requires_grad]
    return any(id(p) in reached for p in parameters) if parameters else None


def named_norm(config: Any) -> tuple[str, str] | None:
    """The first setting that asks for a normalisation, and its value."""
    for key, value in flat(config).items():
        last = key.rpartition(".")[2]
        if key.startswith(("training.", "data.")) or last not in NORMS:
            continue
        if isinstance(value, str) and value.lower() not in NAMES_OF_NONE:
            return key, value
    return None


def norm_used(case: Case) -> Iterable[Finding]:
    """M6: what the configuration names must run; what the model holds must be reached."""
    probe = case.probe
    if probe is None:
        return
    asked, operations = named_norm(case.config), called_norms(probe)
    if asked is not None and not operations:
        operations = norm_operations(probe)  # slow, and sees what is no module
    batch_kinds = asked is not None and "batch" in asked[1]
    if asked is not None and not operations and not batch_kinds:
        yield _unused(
            f"the setting {asked[0]} asks for {asked[1]!r}, and no normalisation runs",
            {"setting": asked[0], "value": asked[1], "operations": operations},
            "all operations of a forward pass were counted, so a normalisation without a module"
            " would have been seen",
        )
        return
    idle = idle_norms(probe)
    if idle:
        yield _unused(
            f"the loss does not depend on {len(idle)} normalisations that the model holds:"
            f" {', '.join(idle[:4])}",
            {"idle": idle, "operations": operations},
            "layers beside them in the same block are reached by the gradient, so the block runs",
        )


def _unused(claim: str, evidence: dict[str, Any], control: str) -> Finding:
    return Finding(
        code=UNUSED.code,
        severity="warning",
        claim=claim,
        measured=0.0,
        unit="operations of the normalisation in a forward pass",
        threshold=1.0,
        source=UNUSED.source,
        confidence=0.95,
        control=control,
        remedy=UNUSED.remedy,
        evidence=evidence,
    )


class _ByNumber(nn.Module):
    """The model as a function of the numbers of examples, for :func:`batch_dependence`."""

    def __init__(self, model: nn.Module, ask: Callable[[nn.Module, Tensor], Tensor]) -> None:
        super().__init__()
        self.model, self._ask = model, ask

    def forward(self, numbers: Tensor) -> Tensor:
        return self._ask(self.model, numbers)

    def train(self, mode: bool = True) -> _ByNumber:
        """Training mode for batch statistics alone: whatever else draws random numbers rests."""
        super().train(False)
        for module in self.modules():
            if isinstance(module, nn.modules.batchnorm._NormBase):
                module.train(mode)
        return self


def training_dependence(probe: Probe) -> BatchDependence | None:
    """How far outputs move with their companions as the model trains; None without batches of 3.

    The model itself is not touched: a copy answers.
    Raises ValueError for a probe that cannot take a batch apart.
    """
    if probe.part is None:
        raise ValueError("this probe cannot take a batch apart")
    batch, part, outputs = probe.batches[0], probe.part, probe.outputs
    with undisturbed(probe.model):
        count = len(probe.outputs(probe.model, batch))

        def ask(model: nn.Module, numbers: Tensor) -> Tensor:
            found = outputs(model, part(batch, numbers.tolist()))
            return found.reshape(len(found), -1)[:, : _shortest(found)]

        if count < 3:
            return None
        sizes = tuple(sorted({2, max(3, count // 2), count}))
        return batch_dependence(
            _ByNumber(probe.model, ask), torch.arange(count), sizes=sizes, training=True
        )


def _shortest(found: Tensor) -> int:
    """Numbers of the first step: parts of a batch may be cut to their own length."""
    return found[0].numel() if found.ndim < 3 else found[0, 0].numel()


def dependence(case: Case) -> Iterable[Finding]:
    """M6: batch statistics in training mode."""
    probe = case.probe
    if probe is None or probe.part is None:
        return
    kinds = (nn.modules.batchnorm._BatchNorm,)
    holders = [n for n, m in probe.model.named_modules() if isinstance(m, kinds)]
    if not holders:
        return
    found = training_dependence(probe)
    if found is None or found.measured <= SHIFT:
        return
    adapter = [k for k in flat(case.config) if k.rpartition(".")[2] in NORMS]
    change = {"change": dict.fromkeys(adapter, "group")} if adapter else {}
    finding = found.finding(
        code=DEPENDENCE.code,
        severity="warning",
        confidence=0.95,
        control="dropout is off; only the batch normalisations are in training mode; layer and"
        " group normalisation show 0 here",
        remedy=DEPENDENCE.remedy,
    )
    evidence = {**finding.evidence, "modules": holders, **change}
    yield Finding.from_dict(
        {**finding.to_dict(), "threshold": SHIFT, "source": DEPENDENCE.source, "evidence": evidence}
    )


CHECKS = (
    Check(
        name="normalisation used", known=(UNUSED,), needs=("probe.batches", "probe.loss"),
        run=norm_used,
    ),
    Check(
        name="batch statistics", known=(DEPENDENCE,), needs=("probe.batches", "probe.part"),
        run=dependence,
    ),
)  # fmt: skip
