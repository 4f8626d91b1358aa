"""What can be asked: the same names and defaults as in Python, and nothing slips through."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from pydantic import ValidationError

import partimento
from partimento.studio.handlers import JOBS, QUESTIONS
from partimento.studio.orders import ORDERS, CritiqueOrder, HarmonizeOrder
from partimento.studio.questions import ASKED
from partimento.studio.worker import find

TWINS = {
    "compose": "compose", "regenerate": "regenerate", "song": "song", "harmonize": "harmonize",
    "continue": "continue_piece", "critique": "critique", "picture": "cover",
    "attention": "inspect_attention",
}  # fmt: skip
PAGE_DEFAULTS = {
    # Two candidates to choose from are the point of a page; a command makes one.
    ("compose", "n"), ("continue", "n"),
    # A command goes on for as long as the tokens last; a page says how long.
    ("continue", "seconds"),
    # Empty here is the same as the twin's None.
    ("compose", "settings"), ("song", "settings"), ("regenerate", "settings"),
    ("regenerate", "instruments"),
    ("regenerate", "locked"), ("harmonize", "lock"),
}  # fmt: skip


@pytest.mark.parametrize("kind", TWINS)
def test_defaults_are_those_of_the_python_functions(kind: str) -> None:
    twin = inspect.signature(getattr(partimento, TWINS[kind])).parameters
    for name, field in ORDERS[kind].model_fields.items():
        if name not in twin or field.is_required() or (kind, name) in PAGE_DEFAULTS:
            continue
        assert field.get_default(call_default_factory=True) == twin[name].default, (kind, name)


def test_every_order_has_its_work_and_every_question_its_answer() -> None:
    assert set(JOBS) == set(ORDERS)
    assert set(QUESTIONS) == {*ASKED, "look"}
    for target in (*JOBS.values(), *QUESTIONS.values()):
        _, bench = list(inspect.signature(find(target)).parameters.values())
        assert bench.annotation == "Bench", target


def test_every_field_says_what_it_is() -> None:
    for kind, order in ORDERS.items():
        for name, field in order.model_fields.items():
            refs = "Ref" in str(field.annotation) or field.metadata
            assert field.description or refs, (kind, name)


def _order(**values: Any) -> HarmonizeOrder:
    return HarmonizeOrder(**{"source": "upload:0123456789abcdef", **values})


@pytest.mark.parametrize(
    "values",
    [
        {"source": "upload:../../etc"}, {"source": "job:0/a"}, {"source": "job:1/a/b"},
        {"source": "job:1/../a"}, {"source": "/etc/passwd"}, {"region": "1;2"}, {"n": 0},
        {"temperature": float("nan")}, {"temperature": -1}, {"key": "a" * 21}, {"mode": "loud"},
        {"lock": ["A" * 41]}, {"unknown": 1}, {"seed": 2**40}, {"voices": "X"},
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        _order(**values)


def test_an_order_names_its_files() -> None:
    one, two = "upload:0123456789abcdef", "job:12/piece-1.mid"
    order = CritiqueOrder(performances=[one, two], score=None)
    assert order.refs() == [one, two]
    assert _order(source=two).refs() == [two]
