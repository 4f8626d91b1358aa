"""The command ``partimento``: its table of commands, and how errors end it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import Annotated

import typer

import partimento
from partimento.cli import (
    bank,
    bench,
    cover,
    critique,
    data,
    doctor,
    doctor_data,
    doctor_files,
    doctor_model,
    doctor_selftest,
    federate,
    inspect,
    journal,
    judge,
    look,
    make,
    piano,
    regenerate,
    semantic,
    song,
    sound,
    studio,
    text2midi,
    train,
)
from partimento.cli.batch import BatchError, error_fields
from partimento.core.errors import PartimentoError

INTERRUPTED = 130
"""What typer makes of Ctrl-C, after the shell's custom of 128 plus the signal."""

app = typer.Typer(
    name="partimento",
    help="Compose, harmonise and judge music; find out why a model does not learn.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

_COMMANDS: dict[str, Callable[..., None]] = {
    "harmonize": make.harmonize,
    "compose": text2midi.compose,
    "regenerate": regenerate.regenerate,
    "parse": text2midi.parse,
    "attributes": text2midi.attributes,
    "compose-chorale": make.compose_chorale,
    "continue": piano.continue_,
    "infill": piano.infill,
    "vary": piano.vary,
    "dream": piano.dream,
    "live": piano.live,
    "check": judge.check,
    "critique": critique.critique,
    "listen": sound.listen,
    "cover": cover.cover,
    "embed": bank.embed,
    "render": make.render,
    "train": train.train,
    "compare": train.compare,
    "ablate": look.ablate,
    "federate": federate.federate,
    "song": song.song,
    "studio": studio.studio,
    "demo": make.demo,
}
_GROUPS: dict[str, typer.Typer] = {
    "evaluate": judge.evaluate,
    "bench": bench.bench,
    "inspect": inspect.inspect,
    "data": data.data,
    "models": data.models,
    "tokens": data.tokens,
    "semantic": semantic.semantic,
    "bank": bank.bank,
    "doctor": doctor.doctor,
    "journal": journal.journal,
}
_DOCTOR: dict[str, Callable[..., None]] = {
    "data": doctor_data.doctor_data,
    "model": doctor_model.doctor_model,
    "config": doctor_files.doctor_config,
    "report": doctor_files.doctor_report,
    "self-test": doctor_selftest.self_test,
    "replay": doctor_selftest.replay,
    "treat": doctor_selftest.treat,
}
inspect.inspect.command("model")(look.inspect_model)
for _name, _command in _DOCTOR.items():
    doctor.doctor.command(_name)(_command)
for _name, _command in _COMMANDS.items():
    app.command(_name)(_command)
for _name, _group in _GROUPS.items():
    app.add_typer(_group, name=_name)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"partimento {partimento.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Compose, harmonise and judge music; find out why a model does not learn."""


def main(arguments: Sequence[str]) -> int:
    """Run the command line and return the exit code.

    0 done, 2 a mistake in what the user gave (one paragraph on stderr, no traceback), 130
    interrupted, 141 nobody reads the output any more.
    """
    as_json = "--json" in arguments
    try:
        code = app(list(arguments), prog_name="partimento", standalone_mode=False)
        sys.stdout.flush()
    except BatchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except PartimentoError as error:
        return _fail(error.text, error_fields(error), as_json)
    except BrokenPipeError:
        # Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        return _fail_system(error, as_json)
    except Exception as error:
        if not hasattr(error, "format_message"):
            raise
        return _fail_usage(error, as_json)
    if code == INTERRUPTED:
        print("interrupted", file=sys.stderr)
    return code if isinstance(code, int) else 0


def run() -> None:
    """Entry point of the installed command."""
    sys.exit(main(sys.argv[1:]))


def _fail(text: str, fields: dict[str, str], as_json: bool) -> int:
    print(f"error: {text}", file=sys.stderr)
    if as_json:
        print(json.dumps({"error": fields}, indent=2, ensure_ascii=False))
    return 2


def _fail_system(error: OSError, as_json: bool) -> int:
    """A file that cannot be opened, a full disk: the user's affair, said in the system's words."""
    what, where = error.strerror or str(error), str(error.filename or "")
    return _fail_as("SystemError", what, where, as_json)


def _fail_usage(error: Exception, as_json: bool) -> int:
    """A wrong option or argument, in the words of the parser."""
    message: str = error.format_message()  # type: ignore[attr-defined]
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "partimento"
    if not message:
        # A group without a command: typer has already printed the help.
        return 2
    return _fail_as("UsageError", message, "", as_json, f"See `{path} --help`")


def _fail_as(kind: str, what: str, where: str, as_json: bool, fix: str = "") -> int:
    error = PartimentoError(what, where=where, fix=fix)
    return _fail(error.text, {**error_fields(error), "type": kind}, as_json)


if __name__ == "__main__":
    run()
