from __future__ import annotations

import enum
import re
import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from extcp_gitops.yamlio.dump import dump, dump_all, quoted, scalar
from extcp_gitops.yamlio.load import load_objects
from extcp_gitops.yamlio.verify import verify

if TYPE_CHECKING:
    from pathlib import Path

NASTY = (
    *("", "no", "on", "y", "N", "null", "~", "true", "=", "<<", "-", "?", ":", "[", "{", "|", ">"),
    *("1e3", "12e03", "0o17", "08", "1234567e8", "0x1F", "0b1", "1_000", "1:30", ".inf", "-.5"),
    *("2001-01-01", "10.0.0.1", "1.29.1", "+1", "-0", "#", "a #b", "a: b", "a:", "a#b", "%YAML"),
    *("x\nkind: Evil", "x\n---\nkind: Evil", "---", "...", "{{7*7}}", "}}", '"}}', "# comment"),
    *("&a", "*a", "!tag", "@a", "`a`", "'", '"', "\\", "\\n", "a,b", "a]", " a", "a ", " ", "\n"),
    *("\n\n", "a\n", "a\n\n", "\na", "\n\na\n", " a\nb", "a\n b\n", "a\n  \nb", "a \nb", "a\n "),
    *("a\nb", "a\n\tb", "\ta\nb", "a\n  \tb\n", "a\tb", "a\r\nb", "\r", "\x00", "\x1b[31m", "\x7f"),
    *("\x85", "a\x85b\n", "\u2028", "a\u2029\nb", "\ufeff", "\ufffe", "\u202ea", "\u200b", "\xa0"),
    *("é", "東京", "\U0001f680", "\U0001f680\n\U0001f680", "\U000e0041", "k" * 100, "w " * 60),
    *("a\n---\nb", "a\n...\nb\n", "# a\n# b", "- a\n- b\n", "a: |\n  b\n", "a\n%b\n"),
)

nasty_texts = st.one_of(
    st.sampled_from(NASTY),
    st.lists(st.sampled_from(NASTY), max_size=4).map("\n".join),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    st.text(" \n\ta:#-'\"", max_size=12),
)
leaves = st.one_of(
    nasty_texts,
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
)
objects = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(nasty_texts, inner, max_size=4)
    ),
    max_leaves=20,
)


def test_a_document_looks_as_kubectl_prints_it() -> None:
    obj = {
        "apiVersion": "apps/v1",
        "metadata": {"name": "istiod-1.29.1", "labels": {"version": "1e3", "on": "yes"}},
        "spec": {
            "replicas": 2,
            "paused": False,
            "ratio": 1e16,
            "nothing": None,
            "args": ["--domain=cluster.local", "- x", ["nested", []], {"k": [{"a": 1, "b": {}}]}],
            "url": "https://istiod.example.com:15012",
            "pem": "-----BEGIN-----\nMIIB\n-----END-----\n",
            "no-newline": "a\n\n  b",
            "indented": "  a\nb\n",
        },
    }
    assert dump(obj) == (
        "apiVersion: apps/v1\n"
        "metadata:\n"
        "  name: istiod-1.29.1\n"
        "  labels:\n"
        '    version: "1e3"\n'
        '    "on": "yes"\n'
        "spec:\n"
        "  replicas: 2\n"
        "  paused: false\n"
        "  ratio: 1.0e+16\n"
        "  nothing: null\n"
        "  args:\n"
        '  - "--domain=cluster.local"\n'
        '  - "- x"\n'
        "  - - nested\n"
        "    - []\n"
        "  - k:\n"
        "    - a: 1\n"
        "      b: {}\n"
        "  url: https://istiod.example.com:15012\n"
        "  pem: |\n"
        "    -----BEGIN-----\n"
        "    MIIB\n"
        "    -----END-----\n"
        "  no-newline: |-\n"
        "    a\n"
        "\n"
        "      b\n"
        "  indented: |2\n"
        "      a\n"
        "    b\n"
    )


def test_documents_are_separated() -> None:
    assert dump_all([{"a": 1}, {"b": 2}]) == "a: 1\n---\nb: 2\n"
    assert dump_all([]) == ""


@settings(max_examples=500)
@given(objects)
def test_every_reader_gets_the_object_back(obj: object) -> None:
    text = dump(obj)
    assert text.endswith("\n")
    for loader in (yaml.SafeLoader, yaml.CSafeLoader):  # YAML 1.1, with all its types
        assert repr(yaml.load(text, Loader=loader)) == repr(obj)  # noqa: S506  both are safe
    assert repr(load_objects(dump({"k": obj}))) == repr([{"k": obj}])  # YAML 1.2
    verify(text, [obj])


@given(st.lists(objects, min_size=1, max_size=4))
def test_every_reader_gets_all_documents_back(objs: list[object]) -> None:
    text = dump_all(objs)
    assert repr(list(yaml.safe_load_all(text))) == repr(objs)
    verify(text, objs)


@settings(max_examples=500)
@given(nasty_texts)
def test_a_scalar_is_one_line_and_reads_back(text: str) -> None:
    for written in (scalar(text), quoted(text)):
        assert "\n" not in written
        assert yaml.safe_load(written) == text
        assert yaml.safe_load(f"{written}: [{quoted(text)}]") == {text: [text]}


@given(nasty_texts)
def test_what_nobody_sees_is_escaped(text: str) -> None:
    written = dump({text: [text]})
    assert all(char.isprintable() or char in "\n\t\xa0" or char > "\xff" for char in written)
    assert not set(written) & set("\r\x85\u2028\u2029\ufeff\u202e\u200b\U000e0041")


class StrMember(enum.StrEnum):
    REMOTE = "remote"
    NO = "no"


def test_a_member_of_a_str_enum_is_its_text() -> None:
    obj = {StrMember.REMOTE: StrMember.REMOTE, "x": StrMember.NO}
    assert dump(obj) == 'remote: remote\nx: "no"\n'
    verify(dump(obj), [obj])


class IntMember(enum.IntEnum):
    ONE = 1


@pytest.mark.parametrize("value", [b"a", (1, 2), {1}, object(), IntMember.ONE, 1j])
def test_what_yaml_has_no_place_for_is_a_type_error(value: object) -> None:
    for obj in (value, [value], {"k": value}):
        with pytest.raises(TypeError, match="no place"):
            dump(obj)


@pytest.mark.parametrize("key", [1, None, True, ("a",)])
def test_a_key_must_be_text(key: object) -> None:
    with pytest.raises(TypeError, match="a key must be a str"):
        dump({key: "x"})


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), 2**63, -(2**63) - 1, "\ud800", "a\n\udfff"]
)
def test_what_json_cannot_carry_is_a_value_error(value: object) -> None:
    with pytest.raises(ValueError, match=r"surrogate|64 bits|JSON has no"):
        dump({"k": value})


def test_a_key_that_yaml_could_not_read_back_is_a_value_error() -> None:
    assert yaml.safe_load(dump({"k" * 1000: 1})) == {"k" * 1000: 1}
    with pytest.raises(ValueError, match="1000 characters"):
        dump({"k" * 1001: 1})


def build(kustomize: Path, directory: Path, objs: list[dict[str, object]]) -> list[object]:
    """The objects as they come out of the real kustomize, which rewrites all of them."""
    (directory / "objects.yaml").write_text(dump_all(objs), encoding="utf-8")
    kustomization = {"resources": ["objects.yaml"], "sortOptions": {"order": "fifo"}}
    (directory / "kustomization.yaml").write_text(dump(kustomization), encoding="utf-8")
    done = subprocess.run(
        [kustomize, "build", "--", directory], capture_output=True, check=True, timeout=60
    )
    return list(load_objects(done.stdout))


def config_map(name: str, texts: list[str]) -> dict[str, object]:
    numbered = {f"key-{number}": text for number, text in enumerate(texts)}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": name,
            "namespace": "istio-system",
            "labels": numbered,
            "annotations": numbered,
        },
        "data": numbered,
    }


# kustomize reads these well, but the YAML that it writes then is broken: go-yaml emits some
# characters as they are that it refuses to read, and tabs where indentation is looked for.
not_kustomize = re.compile(r"[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]|^\s*\t.*\n")
kustomize_texts = nasty_texts.filter(lambda text: not not_kustomize.search(text))


def test_kustomize_reads_what_was_meant(
    kustomize: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory = tmp_path_factory.mktemp("kustomize")
    names = ("plain", "1e3", "0o17", "08", "null", "y")

    @settings(max_examples=50)
    @given(st.lists(kustomize_texts, min_size=1, max_size=20))
    def law(texts: list[str]) -> None:
        objs = [config_map(name, texts) for name in names]
        assert build(kustomize, directory, objs) == objs

    known = [text for text in NASTY if not not_kustomize.search(text)]
    assert len(known) > len(NASTY) - 10
    assert build(kustomize, directory, [config_map("all", known)]) == [config_map("all", known)]
    law()
