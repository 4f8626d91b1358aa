import pytest

from partimento.core.errors import ConfigError, DataError
from partimento.core.runs import RunFolder
from partimento.tasks.dispatch import compare, slice_module, train


def test_a_recipe_without_a_task_or_with_an_unknown_one(tmp_path):
    recipe = tmp_path / "a.yaml"
    recipe.write_text("model: {}\n")
    with pytest.raises(ConfigError, match=r"a\.yaml: the key `task` is missing"):
        train(recipe)
    recipe.write_text("task: choral\n")
    with pytest.raises(ConfigError, match=r"did you mean chorale\?"):
        train(recipe)
    recipe.write_text("task: [1]\n")
    with pytest.raises(ConfigError, match="no task"):
        train(recipe)


def test_the_slice_is_loaded_by_name():
    assert slice_module("chorale", "config", "here").__name__ == "partimento.tasks.chorale.config"


def test_compare_wants_runs_of_one_task(tmp_path):
    with pytest.raises(ConfigError, match="none given"):
        compare([])
    with pytest.raises(DataError, match="no run folder"):
        compare([tmp_path])
    for name in ("chorale", "piano"):
        RunFolder.create(tmp_path / name, {"task": name}, "x")
    with pytest.raises(ConfigError, match="runs of one task"):
        compare([tmp_path / "chorale", tmp_path / "piano"])
