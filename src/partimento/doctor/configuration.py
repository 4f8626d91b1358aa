"""C1, C2, C3: a checkpoint against itself, its safety, and a configuration against a reference."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from torch import nn

from partimento.doctor.case import Case
from partimento.doctor.checkpoint_facts import is_pickle, suspicious
from partimento.doctor.checks import Check, Known
from partimento.doctor.finding import Finding
from partimento.doctor.references import NAME_KEY, alike, compare_rows
from partimento.doctor.settings import flat

MISMATCH = Known(
    code="C1.mismatch",
    title="A checkpoint does not fit what it says or what it is loaded into",
    meaning="Class, configuration, vocabulary or tensors of the file contradict each other or the"
    " model at hand; loading it gives another model than the one that was trained, or none.",
    threshold="no contradiction",
    source="definition: class, configuration, vocabulary and shapes belong together",
    evidence="each row of the comparison",
    remedy="load it with the class and configuration that it names, or use the file of this model",
    explains=("C3.differs", "U2.size"),
)
UNSAFE = Known(
    code="C2.unsafe",
    title="A checkpoint that cannot be loaded safely",
    meaning="The file is a pickle: opening it can run any code that somebody put there.",
    threshold="no pickle (severe where it imports more than weights need)",
    source="documentation of Python's pickle: never unpickle data from an untrusted source",
    evidence="what unpickling would import",
    remedy="load it once with torch.load(weights_only=True) in a sandbox and save safetensors",
)
DIFFERS = Known(
    code="C3.differs",
    title="Settings differ from the named reference",
    meaning="The run is not the experiment that it is compared with; each row may be the reason.",
    threshold="no row differs (numbers to six digits)",
    source="the reference, which states its own source",
    evidence="every row of the reference with both values",
    remedy="set the rows that differ (evidence: change), or compare with another reference",
)


def _checkpoint(case: Case) -> Iterator[Finding]:
    """Everything about a file that contradicts something else."""
    facts = case.checkpoint or {}
    problems = [
        *_class_problems(case, facts),
        *_tensor_problems(facts),
        *_model_problems(case, facts),
        *_config_problems(case, facts),
        *_vocabulary_problems(case, facts),
    ]
    if not problems:
        return
    yield Finding(
        code=MISMATCH.code,
        severity="severe",
        claim=problems[0][0] + (f"; and {len(problems) - 1} more" if len(problems) > 1 else ""),
        measured=float(len(problems)),
        unit="contradictions",
        threshold=0.0,
        source=MISMATCH.source,
        confidence=0.95,
        control="read from the header of the file; nothing was loaded into a model",
        remedy=MISMATCH.remedy,
        evidence={"path": facts.get("path", ""), "problems": [row for _, row in problems]},
    )


Problem = tuple[str, dict[str, Any]]
"""A sentence, and its row for the evidence."""


def _problem(words: str, what: str, told: Any, found: Any) -> Problem:
    return words, {"what": what, "told": told, "found": found}


def _class_problems(case: Case, facts: Mapping[str, Any]) -> Iterator[Problem]:
    told = str(facts.get("model_class") or "")
    if not told or case.probe is None:
        return
    model = case.probe.model
    names = {cls.__name__ for cls in type(model).__mro__} | {
        type(child).__name__ for child in model.children()
    }
    if re.split(r"[:.]", told)[-1] not in names:
        found = f"{type(model).__module__}:{type(model).__name__}"
        yield _problem(f"the file is of class {told}, and the model is a {found}",
                       "class", told, found)  # fmt: skip


def _tensor_problems(facts: Mapping[str, Any]) -> Iterator[Problem]:
    """Sizes inside the file: bytes, number of parameters, width, layers."""
    tensors = facts.get("tensors")
    if not isinstance(tensors, Mapping) or not tensors:
        return
    told, held = facts.get("told_bytes"), facts.get("data_bytes")
    if told is not None and held is not None and told != held:
        yield _problem(f"the header speaks of {told:,} bytes of tensors and {held:,} are there",
                       "bytes", told, held)  # fmt: skip
    count, stated = sum(math.prod(shape) for shape in tensors.values()), facts.get("parameters")
    if isinstance(stated, int) and count < 0.98 * stated:
        yield _problem(f"{stated:,} parameters are stated, and the tensors hold {count:,}",
                       "parameters", stated, count)  # fmt: skip
    config = flat(facts["config"]) if isinstance(facts.get("config"), Mapping) else {}
    sides = {side for shape in tensors.values() for side in shape}
    for name in ("width", "d_model", "n_embd", "hidden_size"):
        width = config.get(name)
        if isinstance(width, int) and width > 1 and not any(s % width == 0 for s in sides if s):
            yield _problem(f"the configuration says {name} {width}, and no tensor has such a side",
                           name, width, sorted(sides)[-5:])  # fmt: skip
    layers = config.get("layers", config.get("n_layer", config.get("num_layers")))
    blocks = {
        int(m[1]) for n in tensors if (m := re.match(r"(?:\w+\.)?(?:blocks|layers|h)\.(\d+)\.", n))
    }
    if isinstance(layers, int) and blocks and max(blocks) + 1 != layers:
        yield _problem(f"the configuration says {layers} layers, and the file holds"
                       f" {max(blocks) + 1}", "layers", layers, max(blocks) + 1)  # fmt: skip


def _model_problems(case: Case, facts: Mapping[str, Any]) -> Iterator[Problem]:
    """Tensors of the file against those of the model that they are for."""
    tensors = facts.get("tensors")
    if case.probe is None or not isinstance(tensors, Mapping) or not tensors:
        return
    mine = {name: list(t.shape) for name, t in _state(case.probe.model).items()}
    shared = set(mine) & set(tensors)
    if not shared:
        return  # the adaptor wraps the model under other names
    for name in sorted(shared):
        if list(tensors[name]) != mine[name]:
            yield _problem(f"tensor {name} is {list(tensors[name])} in the file and {mine[name]} in"
                           " the model", name, list(tensors[name]), mine[name])  # fmt: skip
    missing = sorted(set(mine) - set(tensors))
    if missing and len(missing) < len(mine):
        yield _problem(f"{len(missing)} tensors of the model are not in the file, such as"
                       f" {missing[0]}", "missing", len(tensors), missing[:10])  # fmt: skip


def _state(model: nn.Module) -> Mapping[str, Any]:
    return model.state_dict()


def _config_problems(case: Case, facts: Mapping[str, Any]) -> Iterator[Problem]:
    """The file's model configuration against the recipe's."""
    config, recipe = facts.get("config"), case.config.get("model")
    if not isinstance(config, Mapping) or not isinstance(recipe, Mapping):
        return
    mine, theirs = flat(recipe), flat(config)
    for name in sorted(set(mine) & set(theirs)):
        if not alike(mine[name], theirs[name]) and "dropout" not in name:
            yield _problem(f"{name} is {theirs[name]} in the file and {mine[name]} in the recipe",
                           name, theirs[name], mine[name])  # fmt: skip


def _vocabulary_problems(case: Case, facts: Mapping[str, Any]) -> Iterator[Problem]:
    vocabulary = facts.get("vocabulary")
    size: Any = vocabulary
    if isinstance(vocabulary, Mapping):
        size = vocabulary.get("size", vocabulary.get("tokens"))
    if isinstance(size, list):
        size = len(size)
    if not isinstance(size, int) or isinstance(size, bool) or size < 2:
        return
    data = case.data.vocabulary if case.data is not None else None
    if data is not None and data != size:
        yield _problem(f"the file has a vocabulary of {size} tokens, and the data one of {data}",
                       "vocabulary", size, data)  # fmt: skip
    tensors = facts.get("tensors")
    if isinstance(tensors, Mapping) and tensors:
        sides = {s for shape in tensors.values() if len(shape) for s in shape}
        if not any(s and (s % size == 0 or 0 <= s - size <= 8) for s in sides):
            yield _problem(f"the vocabulary has {size} tokens, and no tensor has a row for each",
                           "vocabulary", size, sorted(sides)[-5:])  # fmt: skip


def _safety(case: Case) -> Iterator[Finding]:
    """A file that would have to be unpickled."""
    facts = case.checkpoint or {}
    path = str(facts.get("path", ""))
    if not path or not (facts.get("pickle") or is_pickle(path)):
        return
    names = list(facts.get("globals", ()))
    odd = suspicious(names)
    seen = f"; it would import {', '.join(odd[:3])}" if odd else ""
    yield Finding(
        code=UNSAFE.code,
        severity="severe" if odd else "warning",
        claim=f"{Path(path).name} is a pickle: opening it can run code{seen}",
        measured=float(len(odd)) if names else 1.0,
        unit="imports that weights do not need" if names else "pickles",
        threshold=0.0,
        source=UNSAFE.source,
        confidence=0.97 if names else 0.85,
        control="the program of the pickle was read and not run"
        if names
        else "the file's name says so; the file itself is not at hand",
        remedy=UNSAFE.remedy,
        evidence={"path": path, "imports": names[:50], "suspicious": odd[:50]},
    )


def _against_reference(case: Case) -> Iterator[Finding]:
    """Rows of the reference that the configuration sets otherwise."""
    if case.reference is None:
        return
    rows = compare_rows(case.config, case.reference)
    different = [row for row in rows if row.state == "differs"]
    if not different:
        return
    name = str(case.reference.get(NAME_KEY, "the reference"))
    shown = ", ".join(
        f"{row.called or row.setting} {_shown(row.value)} (reference {_shown(row.reference)})"
        for row in different[:3]
    )
    more = f" and {len(different) - 3} more" if len(different) > 3 else ""
    yield Finding(
        code=DIFFERS.code,
        severity="warning",
        claim=f"{len(different)} of {len(rows)} settings differ from {name}: {shown}{more}",
        measured=float(len(different)),
        unit="settings that differ",
        threshold=0.0,
        source=DIFFERS.source,
        # A difference is certain; that it is the reason is not.
        confidence=0.5,
        control="seeds, threads, paths and log intervals are not counted",
        remedy=DIFFERS.remedy,
        evidence={
            "rows": [row.to_dict() for row in rows],
            "change": {row.called or row.setting: row.reference for row in different},
        },
    )


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


CHECKS: tuple[Check, ...] = (
    Check(
        name="checkpoint against itself and its model",
        known=(MISMATCH,),
        needs=("checkpoint",),
        run=_checkpoint,
    ),
    Check(name="checkpoint loads safely", known=(UNSAFE,), needs=("checkpoint",), run=_safety),
    Check(
        name="configuration against a reference",
        known=(DIFFERS,),
        needs=("config", "reference"),
        run=_against_reference,
    ),
)
