"""Music models that compose, harmonise and judge, and that tell why they do not learn.

Every command of the command line has a Python twin here, with the same names and defaults::

    from partimento import harmonize

    harmonize("melody.musicxml").save("out")

Nothing heavy is imported before a twin is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

TWINS: dict[str, str] = {
    # make
    "harmonize": "partimento.tasks.chorale.harmonize:harmonize",
    "compose": "partimento.tasks.text2midi.compose:compose",
    "regenerate": "partimento.tasks.text2midi.regenerate:regenerate",
    "parse_text": "partimento.tasks.text2midi.measuring:parse_text",
    "measure_attributes": "partimento.tasks.text2midi.measuring:measure_attributes",
    "compose_chorale": "partimento.tasks.chorale.harmonize:compose_chorale",
    "continue_piece": "partimento.tasks.piano.generate:continue_piece",
    "infill": "partimento.tasks.piano.infill:infill",
    "vary": "partimento.tasks.piano.vary:vary",
    "dream": "partimento.tasks.piano.generate:dream",
    "live": "partimento.tasks.piano.live:live",
    "export_score": "partimento.render.export:export_score",
    "song": "partimento.chain.song:song",
    "demo": "partimento.chain.demo:demo",
    "serve_studio": "partimento.studio.serve:serve_studio",
    # judge
    "check": "partimento.music.checking:check",
    "critique": "partimento.tasks.critique.judge:critique",
    "evaluate_chorale": "partimento.tasks.dispatch:evaluate_chorale",
    "evaluate_piano": "partimento.tasks.piano.evaluate:evaluate_piano",
    "evaluate_critique": "partimento.tasks.critique.evaluate:evaluate_critique",
    "evaluate_continuations": "partimento.tasks.piano.continuations:evaluate_continuations",
    "evaluate_expression": "partimento.chain.expression_report:evaluate_expression",
    "evaluate_text2midi": "partimento.tasks.text2midi.evaluate:evaluate_text2midi",
    "evaluate_pair": "partimento.music.pair_similarity:evaluate_pair",
    "bench_piano": "partimento.tasks.piano.bench.run:bench_piano",
    # train
    "train": "partimento.tasks.dispatch:train",
    "compare": "partimento.tasks.dispatch:compare",
    # inspect
    "inspect_text2midi": "partimento.tasks.text2midi.source_report:inspect_text2midi",
    "inspect_critique": "partimento.tasks.critique.diagnostics:inspect_critique",
    "inspect_attention": "partimento.tasks.chorale.inspect:inspect_attention",
    "inspect_probs": "partimento.tasks.chorale.inspect:inspect_probs",
    "inspect_diff": "partimento.tasks.chorale.inspect:inspect_diff",
    # data, models, tokens
    "list_data": "partimento.music.corpora:corpus_table",
    "add_data": "partimento.music.corpora:add",
    "build_data": "partimento.music.corpora:build",
    "data_stats": "partimento.music.corpora:stats",
    "fetch_data": "partimento.music.corpora:fetch",
    "data_leaks": "partimento.tasks.piano.works:data_leaks",
    "data_split": "partimento.tasks.piano.works:data_split",
    "inspect_model": "partimento.chain.looking:inspect_model",
    "ablate": "partimento.chain.looking:ablate",
    "examine_run": "partimento.training.doctoring:examine_run",
    "examine_data": "partimento.tasks.doctoring:examine_data",
    "examine_weights": "partimento.chain.looking:examine_weights",
    "examine_report": "partimento.doctor.files:examine_report",
    "examine_config": "partimento.doctor.files:examine_config",
    "config_rows": "partimento.doctor.files:config_rows",
    "self_test": "partimento.selftest.suite:self_test",
    "replay": "partimento.selftest.replay:replay",
    "treat": "partimento.selftest.treat:treat",
    "journal_add": "partimento.core.journal:journal_add",
    "journal_expect": "partimento.core.journal:journal_expect",
    "journal_observe": "partimento.core.journal:journal_observe",
    "journal_list": "partimento.core.journal:journal_list",
    "journal_diff": "partimento.core.journal:journal_diff",
    "listen": "partimento.tasks.audio2visual.listen:listen",
    "cover": "partimento.tasks.audio2visual.cover:cover",
    "embed": "partimento.tasks.audio2visual.embedding:embed",
    "build_bank": "partimento.tasks.audio2visual.bank_build:build_bank",
    "show_bank": "partimento.tasks.audio2visual.bank_show:show_bank",
    "federate": "partimento.tasks.audio2visual.federation:federate",
    "evaluate_audio2visual": "partimento.tasks.audio2visual.evaluate:evaluate_audio2visual",
    "bench_claims": "partimento.tasks.audio2visual.claims:bench_claims",
    "fit_semantic": "partimento.tasks.text2midi.semantic_report:fit_semantic",
    "explain_semantic": "partimento.tasks.text2midi.semantic_report:explain_semantic",
    "list_models": "partimento.core.models:list_models",
    "show_model": "partimento.core.models:show_model",
    "compare_models": "partimento.tasks.piano.compare_models:compare_models",
    "show_tokens": "partimento.music.tokens:show_tokens",
    "roundtrip_tokens": "partimento.music.tokens:roundtrip_tokens",
    # scores
    "Score": "partimento.music.score:Score",
    "read_score": "partimento.music.files:read_score",
    "write_score": "partimento.music.files:write_score",
    "PartimentoError": "partimento.core.errors:PartimentoError",
}
"""Public name -> ``module:name`` that holds it."""

__all__ = [*TWINS, "__version__"]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used."""
    if name not in TWINS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = TWINS[name].partition(":")
    value = getattr(import_module(module), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *TWINS})
