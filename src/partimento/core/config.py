"""Configuration: one frozen schema, one complete YAML file, ``--set a.b=value`` on top.

The YAML read here is the core schema of YAML 1.2: ``1e-4`` is a number and ``off`` is a word.
YAML 1.1, which PyYAML speaks by default, reads the first as text and the second as ``false``.
"""

from __future__ import annotations

import copy
import difflib
import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from partimento.core.errors import ConfigError
from partimento.core.limits import CONFIG_BYTES, read_limited


class Config(BaseModel):
    """Base of every schema: immutable, unknown keys are errors, defaults are checked too."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, use_attribute_docstrings=True
    )


C = TypeVar("C", bound=Config)


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """Safe loader with YAML 1.2 scalars; duplicate keys and aliases are errors."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Refuse aliases: a recipe holds values only, and aliases can blow up."""
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark
            raise yaml.constructor.ConstructorError(
                None, None, "aliases (*name) are not allowed here", mark
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Refuse a key that stands twice; PyYAML would silently keep the last."""
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable) or key in seen:
                text = f"the key {key!r} stands twice"
                raise yaml.constructor.ConstructorError(None, None, text, key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


def _construct_int(loader: _Loader, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node))
    return int(text, 0) if text[:2] in ("0x", "0o") else int(text)


def _construct_float(loader: _Loader, node: yaml.ScalarNode) -> float:
    return float(
        str(loader.construct_scalar(node)).lower().replace(".inf", "inf").replace(".nan", "nan")
    )


_FLOAT = r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    ("float", _FLOAT, list("-+0123456789.")),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), _first
    )
_Loader.add_constructor("tag:yaml.org,2002:int", _construct_int)
_Loader.add_constructor("tag:yaml.org,2002:float", _construct_float)


def parse_yaml(text: str, where: str) -> Any:
    """The value that a YAML text holds.

    Raises ConfigError, with the place, for text that is no plain YAML.
    """
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigError(f"not readable as YAML ({error.problem})", where=where + line) from error
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"not readable as YAML ({error})", where=where) from error
    except RecursionError:
        raise ConfigError("nested too deeply", where=where) from None


def load_yaml(path: str | Path) -> dict[str, Any]:
    """The mapping in a YAML file of at most 1 MB.

    Raises InputFileError when the file cannot be read and ConfigError when it is no mapping of
    text keys to values.
    """
    data = read_limited(path, CONFIG_BYTES)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError("this is not UTF-8 text", where=str(path)) from error
    values = parse_yaml(text, str(path))
    if values is None:
        return {}
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise ConfigError("the file must hold `key: value` lines", where=str(path))
    return values


def apply_overrides(values: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """A copy of ``values`` with each ``a.b=value`` put in; the value is read as YAML.

    Raises ConfigError for an override without ``=`` or through something that has no keys.

    >>> apply_overrides({"optimiser": {"lr": 1.0}}, ["optimiser.lr=1e-4"])
    {'optimiser': {'lr': 0.0001}}
    """
    result: dict[str, Any] = copy.deepcopy(dict(values))
    for override in overrides:
        where = f"--set {override}"
        name, equals, text = override.partition("=")
        keys = name.strip().split(".")
        if not equals or not all(keys):
            raise ConfigError("an override is written key.key=value", where=where)
        target = result
        for depth, key in enumerate(keys[:-1]):
            if target.get(key) is None:
                target[key] = {}
            target = target[key]
            if not isinstance(target, dict):
                path = ".".join(keys[: depth + 1])
                raise ConfigError(
                    f"{path} is a single value, it has no {keys[depth + 1]}", where=where
                )
        target[keys[-1]] = parse_yaml(text, where)
    return result


def read_values(path: str | Path, overrides: Sequence[str] = ()) -> tuple[dict[str, Any], str]:
    """The values of a YAML file with overrides put in, and where they come from, for messages.

    Raises what :func:`load_yaml` and :func:`apply_overrides` raise.
    """
    where = " ".join([str(path), *(f"--set {o}" for o in overrides)])
    return apply_overrides(load_yaml(path), overrides), where


def load_config(cls: type[C], path: str | Path, overrides: Sequence[str] = ()) -> C:
    """Read a YAML file, apply the overrides, and check all of it against the schema ``cls``.

    Raises ConfigError naming each wrong field, with the closest names for an unknown one.
    """
    return validate_config(cls, *read_values(path, overrides))


def validate_config(cls: type[C], values: Mapping[str, Any], where: str) -> C:
    """``cls`` made from ``values``; ConfigError instead of pydantic's ValidationError."""
    try:
        return cls.model_validate(dict(values))
    except ValidationError as error:
        raise ConfigError(_explain(cls, error), where=where) from error


def _explain(cls: type[Config], error: ValidationError) -> str:
    details = error.errors(include_url=False)
    lines = [_explain_one(cls, detail["loc"], detail) for detail in details[:5]]
    if len(details) > 5:
        lines.append(f"and {len(details) - 5} more")
    return "; ".join(lines)


def _explain_one(
    cls: type[Config], location: Sequence[int | str], detail: Mapping[str, Any]
) -> str:
    field = ".".join(str(key) for key in location) or "the configuration"
    if detail["type"] == "extra_forbidden":
        names = _names_beside(cls, location)
        return f"unknown field {field} ({close_matches(str(location[-1]), names)})"
    if detail["type"] == "missing":
        return f"the field {field} is missing"
    message = str(detail["msg"]).removeprefix("Value error, ")
    given = repr(detail["input"])
    shown = f" (given: {given})" if len(given) <= 60 and detail["type"] != "value_error" else ""
    return f"{field}: {message[:1].lower()}{message[1:]}{shown}"


def _names_beside(cls: type[BaseModel], location: Sequence[int | str]) -> list[str]:
    """Field names allowed where ``location`` ends."""
    model = cls
    for key in location[:-1]:
        info = model.model_fields.get(str(key))
        inner = _model_in(info.annotation) if info else None
        model = inner or model
    return sorted(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The first schema class inside an annotation such as ``list[Model]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((m for m in map(_model_in, get_args(annotation)) if m is not None), None)


def close_matches(name: str, known: Iterable[str]) -> str:
    """Words for an error message: what the user may have meant by ``name``.

    >>> close_matches("drpout", ["dropout", "width"])
    'did you mean dropout?'
    """
    names = sorted(known)
    matches = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    if matches:
        return f"did you mean {' or '.join(matches)}?"
    return f"known: {', '.join(names) or 'none'}"
