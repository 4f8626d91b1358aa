"""The errors a user can meet.  Each carries one clear paragraph: what, where, what to do."""

from __future__ import annotations


class PartimentoError(Exception):
    """A mistake in what the user gave; the command line prints it and exits with code 2.

    Parameters
    ----------
    what: what is wrong, one sentence without a final full stop.
    where: the file, flag, bar or field concerned.
    fix: what to do about it.
    """

    def __init__(self, what: str, *, where: str = "", fix: str = "") -> None:
        self.what, self.where, self.fix = what, where, fix
        super().__init__(self.text)

    @property
    def text(self) -> str:
        """The paragraph shown to the user."""
        place = f"{self.where}: " if self.where else ""
        advice = f" {self.fix.rstrip('.')}." if self.fix else ""
        return f"{place}{self.what.rstrip('.')}.{advice}"


class InputFileError(PartimentoError):
    """A file from outside is missing, hostile, too large or not what its name says."""


class ConfigError(PartimentoError):
    """A configuration file, a ``--set`` override or a command-line option is wrong."""


class MusicError(PartimentoError):
    """The music is readable but cannot be used for the task (range, voices, length...)."""


class DataError(PartimentoError):
    """A data set is missing or does not have the promised layout."""


class MissingExtraError(PartimentoError):
    """An optional dependency is not installed; the text names the extra."""
