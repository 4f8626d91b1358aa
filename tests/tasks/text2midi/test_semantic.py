"""Text vectors and semantic tokens: as scikit-learn computes them, stored, refused, explained."""

import json
import sys
import types
from dataclasses import replace

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from partimento.core.errors import ConfigError, DataError, InputFileError, MissingExtraError
from partimento.music.attributes import Attributes
from partimento.tasks.text2midi.attribute_vector import (
    KIND_GROUPS,
    indicator,
    layout,
    values_of,
    wanted,
)
from partimento.tasks.text2midi.embedding import AttributeEncoder, words_of
from partimento.tasks.text2midi.semantic import SemanticTokens, distances
from partimento.tasks.text2midi.semantic_captions import is_permissive, read_captions
from partimento.tasks.text2midi.semantic_fit import (
    FitOptions,
    best_k,
    compare_k,
    fit_tfidf,
    fit_tokens,
    stability,
)
from partimento.tasks.text2midi.semantic_report import (
    explain_semantic,
    fit_semantic,
    save_tokens,
)
from partimento.tasks.text2midi.sentence_encoder import SentenceEncoder

KINDS = {
    "jig": ("a merry jig in 6/8", "6/8 jig, merry", "give me a merry dance: a jig"),
    "waltz": ("a slow waltz in 3/4", "3/4, slow, a waltz", "one slow waltz, please"),
    "hymn": ("a solemn hymn for organ", "organ hymn, solemn", "solemn church hymn on the organ"),
    "march": ("a loud march for brass", "brass march, loud", "loud marching music, brass march"),
}
KEYS = ("C major", "D minor", "G major", "A minor", "F major")


def captions():
    return [[f"{text}, in {key}" for text in texts] for texts in KINDS.values() for key in KEYS]


@pytest.fixture(scope="module")
def tokens():
    return fit_tokens(captions(), FitOptions(k=4, residual_k=3, dim=12, attribute_weight=0.0))


@pytest.fixture(scope="module")
def with_attributes():
    return fit_tokens(captions(), FitOptions(k=4, residual_k=3, dim=12, attribute_weight=0.7))


def test_words_keep_meters_and_keys_and_lose_accents():
    assert words_of("Un Vals LENTÍSIMO, 6/8 in F# / E♭!") == [
        *("un", "vals", "lentisimo", "6/8", "in", "f#", "e♭"),
    ]


def test_vectors_are_those_of_scikit_learn():
    texts = [text for piece in captions() for text in piece]
    encoder = fit_tfidf(texts, FitOptions(dim=10, terms=60))
    theirs = TfidfVectorizer(
        token_pattern=r"\d+/\d+|\w+[#♯♭]?",
        strip_accents="unicode",
        ngram_range=(1, 2),
        sublinear_tf=True,
        min_df=2,
        vocabulary=list(encoder.terms),
    ).fit(texts)
    assert len(encoder.terms) == 60
    new = ["A merry, merry JIG in D minor", "6/8 for the òrgan", "xylophone", texts[7]]
    matrix = theirs.transform(new).toarray()
    for text, row in zip(new, matrix, strict=True):
        places, weights = encoder.weights(text)
        ours = np.zeros(60)
        ours[places] = weights
        np.testing.assert_allclose(ours, row, atol=1e-6)
    projected = matrix @ encoder.components_VD.astype(np.float64)
    length = np.linalg.norm(projected, axis=1, keepdims=True)
    np.testing.assert_allclose(
        encoder.embed(new), projected / np.where(length > 0, length, 1), atol=1e-6
    )
    assert not encoder.embed(["xylophone"]).any()


def test_hash_depends_on_every_part_of_the_encoder(tokens):
    encoder = tokens.encoder
    others = (
        replace(encoder, terms=("zzz", *encoder.terms[1:])),
        replace(encoder, idf_V=encoder.idf_V + np.float32(1)),
        replace(encoder, components_VD=-encoder.components_VD),
    )
    assert len({encoder.hash, *(o.hash for o in others)}) == 4


@pytest.mark.parametrize("kind", ["tokens", "with_attributes"])
def test_paraphrases_share_a_token_and_kinds_do_not(kind, request):
    found = request.getfixturevalue(kind)
    numbers = [{found.encode(text)[0] for text in texts} for texts in KINDS.values()]
    assert [len(n) for n in numbers] == [1, 1, 1, 1]
    assert len(set.union(*numbers)) == 4


def test_attributes_understand_words_never_seen(with_attributes):
    # No word of this is in the captions but "in".
    assert (
        with_attributes.encode("un vals lento en compás de 3/4")[0]
        == with_attributes.encode("a slow waltz in 3/4")[0]
    )


def test_residual_token_is_the_nearest_of_what_is_left(tokens):
    vector = tokens.embed(["a merry jig in D minor"])
    first, second = tokens.encode("a merry jig in D minor")
    left = vector - tokens.centroids_KE[first].astype(np.float64)
    assert second == int(np.argmin(((left - tokens.residual_RE) ** 2).sum(1)))
    assert first == int(np.argmin(((vector - tokens.centroids_KE) ** 2).sum(1)))


def test_distances_are_euclidean():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(5, 7)), rng.normal(size=(3, 7))
    np.testing.assert_allclose(distances(a, b), np.linalg.norm(a[:, None] - b, axis=2))


@pytest.mark.parametrize("kind", ["tokens", "with_attributes"])
def test_stored_and_read_again(kind, request, tmp_path):
    found = request.getfixturevalue(kind)
    save_tokens(tmp_path / "one.safetensors", found, ["made here"])
    save_tokens(tmp_path / "two" / "one.safetensors", found, ["made here"])
    assert (tmp_path / "one.safetensors").read_bytes() == (
        tmp_path / "two" / "one.safetensors"
    ).read_bytes()
    again = SemanticTokens.load(tmp_path / "one.safetensors")
    texts = ["a jig", "slow waltz", "nothing known at all", ""]
    np.testing.assert_array_equal(again.encode_many(texts), found.encode_many(texts))
    assert again.encoder_hash == found.encoder_hash
    assert again.clusters == found.clusters


def test_another_encoder_is_refused(tokens):
    arrays, meta = tokens.arrays(), json.loads(json.dumps(tokens.meta()))
    other = dict(arrays, idf=arrays["idf"] * np.float32(1.5))
    with pytest.raises(InputFileError, match="not the one"):
        SemanticTokens.from_parts(other, meta)
    with pytest.raises(InputFileError, match="not the one"):
        tokens.check_encoder("0" * 64)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("centroids", np.zeros((4, 3), np.float16)),
        ("residual", np.full((3, 12), np.nan, np.float16)),
        ("components", np.zeros((2, 12), np.float16)),
        ("idf", np.zeros((1, 1), np.float32)),
    ],
)
def test_damaged_arrays_are_refused(tokens, name, value):
    with pytest.raises(InputFileError):
        SemanticTokens.from_parts(dict(tokens.arrays(), **{name: value}), tokens.meta())


@pytest.mark.parametrize(
    "change",
    [
        {"sizes": [1]}, {"sizes": ["a", 1, 2, 3]}, {"encoder": {"kind": "other"}},
        {"encoder": None}, {"figures": {"margin_p10": "wide"}},
    ],
)  # fmt: skip
def test_damaged_descriptions_are_refused(tokens, change):
    with pytest.raises(InputFileError):
        SemanticTokens.from_parts(tokens.arrays(), {**tokens.meta(), **change})


def test_same_seed_same_tokens():
    options = FitOptions(k=4, residual_k=3, dim=12, seed=3)
    one, two = (fit_tokens(captions(), options) for _ in range(2))
    assert one.encoder_hash == two.encoder_hash
    np.testing.assert_array_equal(one.centroids_KE, two.centroids_KE)
    np.testing.assert_array_equal(one.residual_RE, two.residual_RE)


def test_auto_takes_the_best_row_of_its_table():
    found = fit_tokens(captions(), FitOptions(k="auto", residual_k=3, dim=12))
    rows = found.figures["rows"]
    assert len(rows) > 1
    assert found.k == best_k(rows)
    assert best_k([
        {"k": 8, "silhouette": 0.2, "stability": 0.5},
        {"k": 16, "silhouette": 0.1, "stability": 0.7},
        {"k": 20, "silhouette": 0.15, "stability": 0.4},
    ]) == 16  # fmt: skip


def test_means_of_paraphrases_are_steadier_than_single_captions():
    rng = np.random.default_rng(0)
    kinds, frames = rng.normal(size=(6, 16)), 1.5 * rng.normal(size=(5, 16))
    from partimento.tasks.text2midi.semantic_fit import EmbeddedCaptions

    piece = np.repeat(np.arange(240), 5)
    vectors = kinds[piece % 6] + frames[rng.integers(5, size=len(piece))]
    said = np.ones(len(piece), dtype=bool)
    table = EmbeddedCaptions([""] * len(piece), vectors, piece, said)
    (mean,) = compare_k(table, FitOptions(average=True), (6,))
    (single,) = compare_k(table, FitOptions(average=False), (6,))
    assert mean["stability"] > single["stability"] + 0.2


def test_stability_counts_pairs():
    # Two pieces; of the first the three pairs agree once, of the second the one pair agrees.
    found = stability(np.array([0, 0, 1, 1, 1]), np.array([0, 0, 0, 1, 1]), 2)
    assert found["same"] == pytest.approx((1 / 3 + 1) / 2)
    share = (2 / 3 + 0) / 2
    assert found["chance"] == pytest.approx(share**2 + (1 - share) ** 2)
    perfect = stability(np.repeat(np.arange(4), 500), np.repeat(np.arange(1000), 2), 4)
    assert perfect["stability"] == 1.0
    assert perfect["kept_bits"] == pytest.approx(2.0, abs=0.01)
    blind = stability(
        np.random.default_rng(0).integers(4, size=2000), np.repeat(np.arange(1000), 2), 4
    )
    assert abs(blind["stability"]) < 0.05
    assert blind["kept_bits"] < 0.01
    assert stability(np.array([0, 1]), np.array([0, 1]), 2)["same"] is None


def test_explain_tells_doubts_apart(tokens):
    sure, unknown = tokens.explain("a merry jig in 6/8, in C major"), tokens.explain("xyzzy")
    assert sure.known
    assert sure.margin > 0
    assert not unknown.known
    assert sure.runner_up != sure.token


def test_vector_of_attributes():
    names = layout()
    asked = Attributes(
        key="Ab minor", tempo_bpm=(60.0, 80.0), density="sparse", instruments=("flute", "harp"),
        excluded=("piano",), style="jig", numbers={"register": 50.0},
    )  # fmt: skip
    stated = values_of(asked)
    assert stated["key"] == ("G# minor",)
    assert stated["mode"] == ("minor",)
    assert stated["tempo_word"] == ("slow",)
    assert stated["register"] == ("low",)
    assert stated["family"] == ("dance",)
    weights = dict(zip(names, wanted(asked, names), strict=True))
    assert weights["density=sparse"] == 1.0
    assert weights["density=medium"] == 0.5
    assert weights["density=dense"] == 0.0
    assert weights["instruments=flute"] == 0.5
    assert weights["instruments=piano"] == -1.0
    assert not any(w for n, w in weights.items() if n.startswith("meter="))
    assert indicator(asked, names).sum() == 9
    assert not wanted(Attributes(), names).any()


def test_what_all_texts_share_says_little():
    def parse(text):
        mode = {"sad": "minor", "gay": "major"}.get(text.partition(" ")[0])
        return Attributes(mode=mode, instruments=("piano",) if "piano" in text else ())

    texts = ["sad piano", "gay piano", "sad piano", "gay piano", "gay"]
    words = fit_tfidf([*texts, "piano gay sad"], FitOptions(dim=2, least=1))
    encoder = AttributeEncoder.fit(words, layout(KIND_GROUPS), texts, 0.5, parse)
    vectors = encoder.embed(["sad", "gay", "gay piano", ""])[:, words.components_VD.shape[1] :]
    np.testing.assert_allclose(vectors[1], vectors[2], atol=1e-6)
    assert np.linalg.norm(vectors[0] - vectors[1]) > 0.5
    assert not vectors[3].any()


def test_impossible_fits_are_refused():
    with pytest.raises(DataError, match="three pieces"):
        fit_tokens(["a jig", "a waltz"], FitOptions())
    with pytest.raises(DataError, match="too few"):
        fit_tokens(captions(), FitOptions(k=50))
    with pytest.raises(DataError):
        fit_tokens(["?", "!", "..."], FitOptions(k=2))
    with pytest.raises(ConfigError):
        fit_tokens(captions(), FitOptions(k=0))
    with pytest.raises(ConfigError):
        fit_tokens(captions(), FitOptions(k=2, attribute_weight=1.0))


def test_fit_twin_takes_one_source_of_captions(tmp_path):
    with pytest.raises(ConfigError, match="either"):
        fit_semantic()
    with pytest.raises(ConfigError, match="either"):
        fit_semantic([tmp_path], captions=tmp_path / "x.txt")
    with pytest.raises(ConfigError, match="not possible"):
        fit_semantic([tmp_path], k="many")


def test_fit_and_explain_a_file(tmp_path):
    file = tmp_path / "captions.txt"
    file.write_text("\n".join("\t".join(texts) for texts in captions()), encoding="utf-8")
    out = tmp_path / "own.safetensors"
    report = fit_semantic(out=out, k="4", captions=file, residual_k=2, compare=True)
    assert report["bytes"] == out.stat().st_size
    assert sum(t["size"] for t in report["tokens"]) == 60
    assert {(w["attribute_weight"], w["average"]) for w in report["ways"]} >= {
        *((0.0, False), (0.0, True), (0.7, False), (0.7, True)),
    }
    told = explain_semantic(out, ["a slow waltz"])
    (one,) = told["texts"]
    assert "waltz" in " ".join(told["tokens"][one["token"]]["terms"])
    assert one["margin"] == one["second_distance"] - one["distance"]
    assert any("waltz" in text for text in told["tokens"][one["token"]]["examples"])
    json.dumps(told)


def test_examples_of_the_source_are_compared_by_their_tokens(tmp_path):
    rows = [
        {
            "caption": texts[0],
            "captions": list(texts[1:]),
            "semantic_token_str": f"SEMANTIC_TOKEN_{i}",
        }
        for i, texts in enumerate(KINDS.values())
        for _ in KEYS
    ]
    file = tmp_path / "examples.json"
    file.write_text(json.dumps(rows), encoding="utf-8")
    report = fit_semantic(k=4, captions=file, residual_k=2)
    assert report["agreement_with_given_tokens"] == pytest.approx(1.0)
    lines = tmp_path / "examples.jsonl"
    lines.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    assert [c.paraphrases for c in read_captions(lines)] == [
        c.paraphrases for c in read_captions(file)
    ]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("empty.txt", b"\n \n"),
        ("latin.txt", "vals lentísimo".encode("latin-1")),
        ("broken.json", b"[{"),
        ("object.json", b"{}"),
        ("deep.json", b"[" * 100_000),
        ("wordless.json", b'[{"semantic_token_str": "SEMANTIC_TOKEN_1"}]'),
        ("number.jsonl", b"7"),
        ("long.txt", b"a" * 3000),
    ],
)
def test_bad_caption_files_are_refused(tmp_path, name, data):
    file = tmp_path / name
    file.write_bytes(data)
    with pytest.raises(InputFileError):
        read_captions(file)


@pytest.mark.parametrize(
    ("licence", "good"),
    [
        ("Public Domain", True), ("CC0", True), ("CC BY-SA 4.0", True),
        ("Creative Commons Attribution-ShareAlike 3.0", True),
        ("Creative Commons Attribution-NonCommercial 4.0", False),
        ("CC BY-NC-SA 4.0", False), ("CC-BY-ND", False), ("", False), ("All rights", False),
    ],
)  # fmt: skip
def test_licences(licence, good):
    assert is_permissive(licence) is good


class FakeSentences(types.ModuleType):
    """Stands in for the package: counts letters."""

    class SentenceTransformer:
        def __init__(self, path, **options):
            assert options["local_files_only"]
            assert not options["trust_remote_code"]

        def encode(self, texts, **_):
            return np.array([[t.count(c) for c in "abcdefghij"] for t in texts], np.float32)

        def get_sentence_embedding_dimension(self):
            return 10


def test_sentence_transformers_from_a_local_folder_only(tmp_path, monkeypatch):
    with pytest.raises(InputFileError, match="none is downloaded"):
        SentenceEncoder.open("all-MiniLM-L6-v2")
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(MissingExtraError, match=r"partimento\[text\]"):
        SentenceEncoder.open(model)
    monkeypatch.setitem(sys.modules, "sentence_transformers", FakeSentences("fake"))
    file, out = tmp_path / "captions.txt", tmp_path / "own.safetensors"
    file.write_text("\n".join("\t".join(texts) for texts in captions()), encoding="utf-8")
    fit_semantic(out=out, k=4, captions=file, encoder=str(model), attribute_weight=0.0)
    found = SemanticTokens.load(out)
    assert found.encoder_hash == SentenceEncoder.open(model).hash
    assert found.embed(["abba"])[0] == pytest.approx(np.array([2, 2] + 8 * [0]) / np.sqrt(8))
    moved = model.rename(tmp_path / "elsewhere")
    with pytest.raises(InputFileError):
        SemanticTokens.load(out)
    assert explain_semantic(out, encoder=str(moved))["k"] == 4
    (moved / "config.json").write_text('{"other": 1}')
    with pytest.raises(InputFileError, match="not the one"):
        explain_semantic(out, encoder=str(moved))
