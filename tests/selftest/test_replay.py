import json
from pathlib import Path

import pytest

from partimento.core.config import load_config
from partimento.core.errors import ConfigError
from partimento.selftest.faults import small_tasks
from partimento.selftest.replay import ReplayRecipe, replay
from partimento.tasks import TASKS

FOLDER = Path(__file__).resolve().parents[2] / "recipes" / "faults"
DIARIES = sorted(FOLDER.glob("*.yaml"))


def test_every_diary_has_its_replay():
    recipes = {file.stem: load_config(ReplayRecipe, file) for file in DIARIES}
    assert set(recipes) == set(TASKS)
    for name, recipe in recipes.items():
        assert recipe.task == name
        healthy = small_tasks()[name].healthy
        assert all(healthy[option] != value for option, value in recipe.settings.items())


@pytest.mark.parametrize("file", DIARIES, ids=lambda file: file.stem)
def test_the_first_finding_is_the_true_cause(file):
    found = replay(file, twin=file.stem == "text2midi")
    assert found.named_first, found.text()
    assert found.findings[0].severity in ("warning", "severe")
    told = json.loads(json.dumps(found.to_dict()))
    assert told["first"] in told["codes"]
    assert f"{told['first']}: {found.findings[0].claim}" in found.text()
    assert (found.healthy is None) == (told["healthy_figure"] is None)
    if found.healthy is not None:
        assert not found.healthy.alarms


@pytest.mark.parametrize(
    ("change", "words"),
    [("task: chorale", "no small task"), ("training.lr_: 1", "no setting training.lr_")],
)
def test_wrong_recipes(tmp_path, change, words):
    text = DIARIES[0].read_text().replace("task: audio2visual", "task: nothing")
    if change != "task: chorale":
        text = DIARIES[0].read_text().replace("batching.mode: homogeneous", change)
    (tmp_path / "wrong.yaml").write_text(text)
    with pytest.raises(ConfigError, match=words):
        replay(tmp_path / "wrong.yaml")
