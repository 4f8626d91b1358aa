import string
from typing import Literal

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from partimento.core.config import (
    Config,
    apply_overrides,
    close_matches,
    load_config,
    load_yaml,
    parse_yaml,
)
from partimento.core.errors import ConfigError, InputFileError, PartimentoError


class Optimiser(Config):
    learning_rate: float = Field(default=1e-3, gt=0)
    weight_decay: float = 0.01


class Recipe(Config):
    task: Literal["chorale"] = "chorale"
    mode: str = "strict"
    steps: int = 10
    optimiser: Optimiser = Optimiser()
    extra_optimiser: Optimiser | None = None


def write(tmp_path, text):
    file = tmp_path / "recipe.yaml"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("1E5", 1e5),
        ("-.5", -0.5),
        ("3.", 3.0),
        ("010", 10),
        ("0x1F", 31),
        ("0o17", 15),
        ("off", "off"),
        ("no", "no"),
        ("12:30:00", "12:30:00"),
        ("2026-11-21", "2026-11-21"),
        ("true", True),
        ("null", None),
        ("", None),
        (".inf", float("inf")),
        ("-.inf", float("-inf")),
        ("[1, 2.5, a]", [1, 2.5, "a"]),
        ("'1e-4'", "1e-4"),
        ("1e", "1e"),
        ("6/8", "6/8"),
    ],
)
def test_scalars_follow_yaml_1_2(text, value):
    read = parse_yaml(text, "test")
    assert read == value
    assert type(read) is type(value)


@given(st.floats(allow_nan=False))
def test_every_float_survives(x):
    assert parse_yaml(repr(x).replace("inf", ".inf"), "test") == x


@given(st.text(alphabet=string.printable, max_size=60))
def test_any_text_is_read_or_refused_in_words(text):
    try:
        parse_yaml(text, "test")
    except ConfigError as error:
        assert "test" in str(error)


def test_load_config_with_overrides(tmp_path):
    file = write(tmp_path, "mode: off\noptimiser:\n  learning_rate: 1e-4\n")
    recipe = load_config(
        Recipe, file, ["optimiser.weight_decay=0", "extra_optimiser.learning_rate=2"]
    )
    assert recipe.mode == "off"
    assert recipe.optimiser == Optimiser(learning_rate=1e-4, weight_decay=0.0)
    assert recipe.extra_optimiser == Optimiser(learning_rate=2.0)
    with pytest.raises(ValidationError):
        recipe.steps = 3  # type: ignore[misc]


def test_unknown_nested_field_lists_the_close_name(tmp_path):
    file = write(tmp_path, "optimiser:\n  learning_rat: 1\n")
    with pytest.raises(
        ConfigError, match=r"optimiser\.learning_rat .*did you mean learning_rate\?"
    ):
        load_config(Recipe, file)


def test_unknown_field_of_an_optional_part(tmp_path):
    with pytest.raises(ConfigError, match=r"did you mean weight_decay\?"):
        load_config(Recipe, write(tmp_path, ""), ["extra_optimiser.weight_dcay=1"])


def test_wrong_value_names_field_file_and_value(tmp_path):
    file = write(tmp_path, "steps: many\n")
    with pytest.raises(ConfigError, match=r"recipe\.yaml: steps: .*given: 'many'"):
        load_config(Recipe, file)
    with pytest.raises(ConfigError, match=r"--set optimiser\.learning_rate=-1: .*greater than 0"):
        load_config(Recipe, write(tmp_path, ""), ["optimiser.learning_rate=-1"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\na: 2\n", "line 2: .*stands twice"),
        ("a: &x [1]\nb: *x\n", "aliases"),
        ("- 1\n- 2\n", "must hold"),
        ("1: 2\n", "must hold"),
        ("a: !!python/object/apply:os.getcwd []\n", "could not determine a constructor"),
        ("a: [1\n", "not readable as YAML"),
        ("[" * 5000, "nested too deeply|not readable"),
        ("? [a]\n: 1\n", "must hold|not readable|unhashable|stands twice"),
    ],
)
def test_bad_files_are_refused(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message):
        load_yaml(write(tmp_path, text))


def test_too_large_and_not_text(tmp_path):
    with pytest.raises(InputFileError, match="larger"):
        load_yaml(write(tmp_path, "a: " + "x" * 1_000_001))
    (tmp_path / "b.yaml").write_bytes(b"\xff\xfe\x00a")
    with pytest.raises(ConfigError, match="UTF-8"):
        load_yaml(tmp_path / "b.yaml")


def test_override_errors():
    for bad in ("steps", "=3", "a..b=1", "."):
        with pytest.raises(ConfigError, match="key=value"):
            apply_overrides({}, [bad])
    with pytest.raises(ConfigError, match="steps is a single value"):
        apply_overrides({"steps": 3}, ["steps.more=1"])


def test_overrides_leave_the_original_alone():
    values = {"a": {"b": 1}}
    assert apply_overrides(values, ["a.b=2", "a.c=x=y"]) == {"a": {"b": 2, "c": "x=y"}}
    assert values == {"a": {"b": 1}}


names = st.text(alphabet="abc", min_size=1, max_size=3)
trees = st.recursive(
    st.integers() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | names,
    lambda inner: st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(names, trees, max_size=4))
def test_what_safe_dump_writes_reads_back(tmp_path_factory, values):
    file = tmp_path_factory.mktemp("yaml") / "x.yaml"
    file.write_text(yaml.safe_dump(values), encoding="utf-8")
    assert load_yaml(file) == values


def test_close_matches_falls_back_to_the_list():
    assert close_matches("zzz", ["b", "a"]) == "known: a, b"


def test_error_class():
    assert issubclass(ConfigError, PartimentoError)
