"""What holds the house together: layers, documents, licences, and nothing of one machine."""

import ast
import importlib.util
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import partimento
from partimento.tasks import TASKS

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "partimento"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
MODULES = sorted(SOURCE.rglob("*.py"))
BIN = Path(sys.executable).parent


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def project_files():
    """Text files that belong to the project: what git tracks, or would track."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        return [f for f in ROOT.rglob("*") if f.is_file() and ".venv" not in f.parts]
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_import_contracts_hold():
    run = subprocess.run(
        [BIN / "lint-imports", "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-1000:]


def test_style_holds():
    run = subprocess.run(
        [BIN / "ruff", "check", "--no-cache", "."],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-3000:]


def test_only_the_trainer_names_lightning():
    users = {
        str(module.relative_to(SOURCE))
        for module in MODULES
        if re.search(
            r"^\s*(?:import|from) (?:pytorch_)?lightning\b", module.read_text(), re.MULTILINE
        )
    }
    assert users <= {"training/trainer.py", "training/doctor_callback.py"}


@pytest.mark.parametrize("module", MODULES, ids=lambda m: str(m.relative_to(SOURCE)))
def test_size_and_docstrings(module):
    tree = ast.parse(module.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), "a module says what it is for"
    for node in ast.walk(tree):
        lines = getattr(node, "end_lineno", 0) - getattr(node, "lineno", 0)
        if isinstance(node, ast.ClassDef):
            assert lines <= 300, f"class {node.name} has {lines} lines"
        if isinstance(node, ast.FunctionDef):
            assert lines <= 80, f"function {node.name} has {lines} lines"
    assert len(module.read_text(encoding="utf-8").splitlines()) <= 600


def test_nothing_is_unfinished_or_of_one_machine():
    marks = re.compile("|".join(["TO" + "DO", "FIX" + "ME", "X" * 3]))
    places = re.compile(r"(?<![\w.$}/])/(?:work|root|home/\w+|tmp|Users/\w+|opt)/\w")
    found = []
    for file in project_files():
        if file.suffix in {".safetensors", ".png", ".ttf", ".otf", ".mid", ".mxl", ".wav"}:
            continue
        text = file.read_text(encoding="utf-8", errors="ignore")
        found += [f"{file.name}: {m.group()}" for m in places.finditer(text)]
        if file.suffix in {".py", ".md", ".yaml", ".toml"}:
            found += [f"{file.name}: {m.group()}" for m in marks.finditer(text)]
    assert not found


def test_no_data_set_is_in_the_project():
    for file in project_files():
        assert file.suffix not in {".ckpt", ".pt", ".pth", ".pkl", ".xz", ".tar", ".flac"}, file
        limit = 80_000_000 if file.suffix == ".safetensors" else 1_500_000
        assert file.stat().st_size < limit, f"{file.name} is too large for a repository"


def test_the_command_reference_is_current():
    path = ROOT / "docs" / "generate_commands.py"
    spec = importlib.util.spec_from_file_location("generate_commands", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert read("docs/commands.md") == module.commands_text(), "run `make docs`"


def test_every_dependency_has_a_reason():
    extras = PROJECT["project"]["optional-dependencies"]
    listed = PROJECT["project"]["dependencies"] + [d for extra in extras.values() for d in extra]
    names = {re.split(r"[\[<>=]", d)[0] for d in listed} - {"partimento"}
    documented = set(re.findall(r"^\| ([\w.-]+) \|", read("docs/dependencies.md"), re.MULTILINE))
    assert documented - {"package"} == names


def test_torch_is_pinned_to_versions_with_a_cpu_file():
    (torch,) = [d for d in PROJECT["project"]["dependencies"] if d.startswith("torch")]
    assert torch == "torch>=2.10,<=2.13.0"
    assert f'"{torch}"' in read("Makefile")
    assert not any("torch" in r for r in PROJECT["build-system"]["requires"])


def test_the_makefile_has_its_targets_and_they_parse():
    for target in ("setup", "demo", "test", "lint", "docs", "bench"):
        run = subprocess.run(
            ["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stderr
        if target in ("demo", "test"):
            assert "make " + target in read("README.md")


def test_ci_runs_the_readmes_test_command():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert script.read_text().rstrip().endswith("make test")
    assert ".ci/run" in read(".github/workflows/ci.yml")


def test_licence_and_versions_agree():
    assert "Apache License" in read("LICENSE")
    assert "END OF TERMS AND CONDITIONS" in read("LICENSE")
    assert PROJECT["project"]["license"] == "Apache-2.0"
    assert PROJECT["project"]["version"] == partimento.__version__
    assert f"## {partimento.__version__}" in read("CHANGELOG.md")


def test_documents_point_to_files_that_exist():
    documents = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
    for document in documents:
        text = document.read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)#]+)\)", text):
            if "://" not in target:
                assert (document.parent / target).exists(), f"{document.name}: {target}"
    for file in re.findall(
        r"`((?:src|tests|recipes|docs|benchmarks)/[\w./-]+)`", read("docs/map.md")
    ):
        assert (ROOT / file).exists(), f"docs/map.md: {file}"


def test_the_map_names_symbols_that_exist():
    rows = re.findall(
        r"^\|[^|]+\| `(src/[\w./]+\.py)` \| ([^|]+) \|", read("docs/map.md"), re.MULTILINE
    )
    assert len(rows) > 20
    for file, symbols in rows:
        text = read(file)
        for symbol in re.findall(r"`(\w+)`", symbols):
            pattern = rf"^(?:\s*(?:async )?def|class) {symbol}\b|^\s*{symbol}\b[^=\n]*="
            assert re.search(pattern, text, re.MULTILINE), f"{file} has no {symbol}"


def test_every_task_is_a_slice_with_a_readme():
    folders = {f.name for f in (SOURCE / "tasks").iterdir() if (f / "__init__.py").is_file()}
    assert folders == set(TASKS)
    for name, line in TASKS.items():
        assert "\n" not in line
        assert (SOURCE / "tasks" / name / "README.md").is_file()
