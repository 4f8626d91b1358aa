import inspect
import json
import subprocess
import sys

import pytest
import typer

import partimento
from partimento.cli.main import app, main
from partimento.core.errors import MusicError

HEAVY = (
    "torch",
    "lightning",
    "symusic",
    "verovio",
    "music21",
    "scipy",
    "huggingface_hub",
    "soundfile",
)

TWIN_OF = {
    "harmonize": "harmonize",
    "compose": "compose",
    "parse": "parse_text",
    "attributes": "measure_attributes",
    "compose-chorale": "compose_chorale",
    "continue": "continue_piece",
    "infill": "infill",
    "vary": "vary",
    "dream": "dream",
    "live": "live",
    "check": "check",
    "critique": "critique",
    "listen": "listen",
    "cover": "cover",
    "embed": "embed",
    "federate": "federate",
    "bank build": "build_bank",
    "bank show": "show_bank",
    "evaluate audio2visual": "evaluate_audio2visual",
    "bench audio2visual-claims": "bench_claims",
    "ablate": "ablate",
    "inspect model": "inspect_model",
    "doctor run": "examine_run",
    "doctor data": "examine_data",
    "doctor model": "examine_weights",
    "doctor report": "examine_report",
    "doctor config": "examine_config",
    "doctor self-test": "self_test",
    "doctor replay": "replay",
    "doctor treat": "treat",
    "journal add": "journal_add",
    "journal expect": "journal_expect",
    "journal observe": "journal_observe",
    "journal list": "journal_list",
    "journal diff": "journal_diff",
    "render": "export_score",
    "train": "train",
    "compare": "compare",
    "song": "song",
    "demo": "demo",
    "studio": "serve_studio",
    "evaluate expression": "evaluate_expression",
    "regenerate": "regenerate",
    "evaluate chorale": "evaluate_chorale",
    "evaluate piano": "evaluate_piano",
    "evaluate critique": "evaluate_critique",
    "evaluate text2midi": "evaluate_text2midi",
    "evaluate pair": "evaluate_pair",
    "evaluate continuations": "evaluate_continuations",
    "bench piano": "bench_piano",
    "inspect attention": "inspect_attention",
    "inspect probs": "inspect_probs",
    "inspect diff": "inspect_diff",
    "inspect critique": "inspect_critique",
    "inspect text2midi": "inspect_text2midi",
    "semantic fit": "fit_semantic",
    "semantic explain": "explain_semantic",
    "data list": "list_data",
    "data add": "add_data",
    "data build": "build_data",
    "data stats": "data_stats",
    "data fetch": "fetch_data",
    "data leaks": "data_leaks",
    "data split": "data_split",
    "models list": "list_models",
    "models show": "show_model",
    "models compare": "compare_models",
    "tokens show": "show_tokens",
    "tokens roundtrip": "roundtrip_tokens",
}
ONLY_CLI = {"json", "help", "name", "out"}
"""Where results go and how they are printed; their Python twins return them."""
SAME = {"inputs": "source", "recipes": "recipe"}
"""Arguments that the command line takes several of at once."""


def commands(command=None, path=()):
    command = command or typer.main.get_command(app)
    inner = getattr(command, "commands", None)
    if not inner:
        return {" ".join(path): command}
    return {
        name: leaf
        for key, sub in inner.items()
        for name, leaf in commands(sub, (*path, key)).items()
    }


def test_every_command_has_a_twin_and_help():
    assert set(commands()) == set(TWIN_OF)
    assert set(TWIN_OF.values()) <= set(partimento.TWINS)
    for name, command in commands().items():
        assert command.help, name
        assert any("--json" in p.opts for p in command.params), name
        for parameter in command.params:
            assert parameter.help, f"{name}: {parameter.name} has no help"


@pytest.mark.parametrize("name", TWIN_OF)
def test_twin_has_the_same_names_and_defaults(name):
    twin = inspect.signature(getattr(partimento, TWIN_OF[name])).parameters
    options = {SAME.get(p.name, p.name): p for p in commands()[name].params}
    for key, option in options.items():
        if key in ONLY_CLI and key not in twin:
            continue
        assert key in twin, f"{name}: the twin has no {key}"
        default = twin[key].default
        if option.param_type_name == "option" and not option.required:
            assert _plain(option.default) == _plain(default), f"{name}: default of {key}"
    missing = set(twin) - set(options) - {"progress", "folder", "name", "listener"}
    assert not missing, f"{name}: the command lacks {missing}"


def _plain(default):
    if default is None or default == ():
        return None
    if isinstance(default, tuple):
        return ",".join(map(str, default))
    return default if isinstance(default, bool | int | float) else str(default)


def test_help_is_quick_and_light():
    code = (
        "import sys, time, contextlib, io\n"
        "from partimento.cli.main import main\n"
        "with contextlib.redirect_stdout(io.StringIO()) as out:\n"
        "    assert main(['--help']) == 0\n"
        "assert 'harmonize' in out.getvalue()\n"
        f"print(time.process_time(), [m for m in {HEAVY!r} if m in sys.modules])"
    )
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        for _ in range(3)
    ]
    times, heavy = zip(*(run.stdout.split(" ", 1) for run in runs), strict=True)
    assert min(map(float, times)) < 0.7
    assert {text.strip() for text in heavy} == {"[]"}


def test_importing_the_package_is_light():
    code = f"import sys, partimento; print([m for m in ('numpy', *{HEAVY!r}) if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_every_public_name_loads():
    for name in partimento.__all__:
        assert getattr(partimento, name) is not None
    assert set(partimento.__all__) <= set(dir(partimento))
    with pytest.raises(AttributeError, match="harmonise"):
        _ = partimento.harmonise


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"partimento {partimento.__version__}\n"


def test_a_missing_file_is_one_paragraph_and_code_2(tmp_path, capsys):
    assert main(["check", str(tmp_path / "none.musicxml")]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("error: ")
    assert "does not exist" in printed.err
    assert "Traceback" not in printed.err
    assert printed.err.count("\n") == 1


def test_errors_are_json_on_request(tmp_path, capsys):
    assert main(["check", str(tmp_path / "none.musicxml"), "--json"]) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["type"] == "InputFileError"
    assert set(error) == {"type", "what", "where", "fix", "message"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["harmonise"], "No such command"),
        (["check", "--colour"], "No such option"),
        (["check"], "Missing argument"),
        (["harmonize", "a.mid", "-n", "many"], "--alternatives"),
        (["harmonize", "a.mid", "-n", "0"], "--alternatives"),
        (["harmonize", "a.mid", "--mode", "lax"], "lax"),
        (["evaluate", "chorale", "--data", "x", "--task", "sing"], "sing"),
    ],
)
def test_usage_errors(arguments, words, capsys):
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert words in err
    assert "--help" in err
    assert main([*arguments, "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["type"] == "UsageError"


@pytest.mark.parametrize(
    ("raised", "code", "words"),
    [
        (MusicError("the melody is too high", where="bar 3", fix="Transpose it"), 2, "bar 3: the"),
        (PermissionError(13, "Permission denied", "out"), 2, "out: Permission denied"),
        (OSError(28, "No space left on device"), 2, "No space left"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_how_failures_end(raised, code, words, capsys, monkeypatch):
    def fail(**options):
        raise raised

    monkeypatch.setitem(vars(partimento), "compose_chorale", fail)
    assert main(["compose-chorale"]) == code
    assert words in capsys.readouterr().err


def test_a_bug_is_not_hidden(monkeypatch):
    def fail(**options):
        raise ZeroDivisionError

    monkeypatch.setitem(vars(partimento), "compose_chorale", fail)
    with pytest.raises(ZeroDivisionError):
        main(["compose-chorale"])


def test_nobody_reads_the_output():
    process = subprocess.Popen(
        [sys.executable, "-m", "partimento.cli.main", "models", "list"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdout.close()
    err = process.stderr.read()
    process.wait(timeout=30)
    assert "Traceback" not in err
    assert "Exception ignored" not in err


def test_the_installed_command_runs():
    run = subprocess.run(
        [sys.executable, "-m", "partimento.cli.main", "check", "nothing.mid"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 2
    assert run.stderr.startswith("error: nothing.mid: ")
