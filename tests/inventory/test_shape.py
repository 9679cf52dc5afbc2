"""The shape of the files: each deviation has its words, and jsonschema gives the same verdict."""

from __future__ import annotations

import copy
import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extcp_gitops.inventory import schema, shape
from extcp_gitops.yamlio.load import parse
from tests import meshes

MESH = meshes.MESH
BOT = """\
apiVersion: extcp-gitops.io/v1alpha1
kind: Bot
contexts: {remote-cluster-1: one}
argocd: {inCluster: true}
checks: {certificateDays: 7}
credentials: {externalSecret: {store: vault}}
proposals: {excusedChecks: [EXTCP-H16]}
"""
REMOTE = meshes.REMOTE.format(name="remote-cluster-1")


def _findings(text: str, wanted: schema.Schema) -> list[tuple[str, str, str]]:
    document = parse(text.encode(), "file.yaml")
    return [(f.location, f.code, f"{f.message}; {f.remedy}") for f in shape.check(document, wanted)]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "meshID: mesh1",
            "meshId: mesh1",
            [
                ("file.yaml:1:1", "EXTCP-I002", "meshID is missing; add it: ID of the mesh."),
                ("file.yaml:3:1", "EXTCP-I001", "unknown key 'meshId'; did you mean 'meshID'?"),
            ],
        ),
        (
            "meshID: mesh1",
            "meshID: 12",
            [("file.yaml:3:9", "EXTCP-I003", 'meshID must be a string, not `12`; quote it: "12"')],
        ),
        (
            "meshID: mesh1",
            "meshID: true",
            [
                (
                    "file.yaml:3:9",
                    "EXTCP-I003",
                    'meshID must be a string, not `true`; quote it: "true"',
                )
            ],
        ),
        (
            "meshID: mesh1",
            "meshID: [mesh1]",
            [("file.yaml:3:9", "EXTCP-I003", "meshID must be a string, not a list; give a string")],
        ),
        (
            "meshID: mesh1",
            'meshID: "mesh1\\n"',
            [
                (
                    "file.yaml:3:9",
                    "EXTCP-I004",
                    "meshID is 'mesh1\\n'; use lower-case letters, digits and '-'",
                )
            ],
        ),
        (
            "extcp-gitops.io/v1alpha1",
            "extcp-gitops.io/v1",
            [
                (
                    "file.yaml:1:13",
                    "EXTCP-I005",
                    (
                        "this release reads extcp-gitops.io/v1alpha1, not 'extcp-gitops.io/v1'; "
                        "install the release of extcp-gitops that this repository was made with"
                    ),
                )
            ],
        ),
        (
            "kind: Mesh",
            "kind: Cluster",
            [("file.yaml:2:7", "EXTCP-I004", "kind is 'Cluster'; write kind: Mesh")],
        ),
    ],
)
def test_what_is_said(old: str, new: str, expected: list[tuple[str, str, str]]) -> None:
    assert _findings(meshes.replaced(MESH, old, new), schema.MESH) == expected


def test_all_deviations_are_said_at_once() -> None:
    text = "kind: Cluster\nrole: remot\nargocd: {nam: x}\ngateways: {ingress: 'yes'}\n"
    found = _findings(text, schema.CLUSTER)
    assert [(place, code) for place, code, _ in found] == [
        ("file.yaml:1:1", "EXTCP-I002"),
        ("file.yaml:2:7", "EXTCP-I004"),
        ("file.yaml:3:10", "EXTCP-I001"),
        ("file.yaml:4:21", "EXTCP-I003"),
    ]
    assert "did you mean 'remote'?" in found[1][2]
    assert "did you mean 'name'?" in found[2][2]


def test_an_empty_list_of_control_planes() -> None:
    text = MESH[: MESH.index("controlPlanes")] + "controlPlanes: []\n"
    assert _findings(text, schema.MESH) == [
        ("file.yaml:8:16", "EXTCP-I004", "controlPlanes is empty; add an entry")
    ]


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        ("team", "payments", None),
        ("example.com/team", "", None),
        ("-team", "payments", "EXTCP-I004"),
        ("team", "pay ments", "EXTCP-I004"),
        ("team", "p" * 64, "EXTCP-I004"),
    ],
)
def test_labels(key: str, value: str, code: str | None) -> None:
    text = f"{REMOTE}labels:\n  {json.dumps(key)}: {json.dumps(value)}\n"
    assert [found[1] for found in _findings(text, schema.CLUSTER)] == ([code] if code else [])


def test_a_long_value_is_not_repeated_in_full() -> None:
    text = meshes.replaced(REMOTE, "network: network1", f"network: '{'x ' * 30}'")
    [(_, _, said)] = _findings(text, schema.CLUSTER)
    assert len(said) < 250


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("1", None),
        ("9", None),
        ("0", "number is 0; give 1 to 9"),
        ("10", "number is 10; give 1 to 9"),
        ("true", "number must be a whole number, not `true`; give a whole number"),
        ("1.5", "number must be a whole number, not `1.5`; give a whole number"),
        ("'1'", "number must be a whole number, not '1'; give a whole number"),
    ],
)
def test_whole_numbers(value: str, said: str | None) -> None:
    number = {"type": "integer", "minimum": 1, "maximum": 9}
    form = {"type": "object", "properties": {"number": number}, "additionalProperties": False}
    found = [words for _, _, words in _findings(f"number: {value}\n", form)]
    assert found == ([said] if said else [])


_VALUES = st.sampled_from(
    [
        "",
        "mesh1",
        "UPPER",
        "a b",
        "network1",
        "x" * 300,
        True,
        1,
        0,
        9999,
        None,
        [],
        {},
        ["a"],
        {"a": "b"},
    ]
).map(copy.deepcopy)  # one list in itself would have no end


def _paths(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:  # noqa: ANN401
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    return [path, *(deeper for key, item in items for deeper in _paths(item, (*path, key)))]


@given(data=st.data(), wanted=st.sampled_from(list(schema.BY_KIND)))
def test_the_verdict_is_that_of_jsonschema(data: st.DataObject, wanted: str) -> None:
    cluster = f"{REMOTE}labels:\n  team: payments\n"
    text = {"mesh": MESH, "cluster": cluster, "bot": BOT}[wanted]
    document: Any = parse(text.encode(), "file.yaml").data
    for _ in range(data.draw(st.integers(0, 3))):
        path = data.draw(st.sampled_from(_paths(document)[1:]))
        holder = document
        for step in path[:-1]:
            holder = holder[step]
        change = data.draw(st.sampled_from(["replace", "remove", "add"]))
        if change == "replace":
            holder[path[-1]] = data.draw(_VALUES)
        elif change == "remove":
            del holder[path[-1]]
        elif isinstance(holder, dict):
            holder[data.draw(st.sampled_from(["extra", "name", "server", "forge"]))] = "x"
    form = schema.BY_KIND[wanted]
    theirs = jsonschema.Draft202012Validator(form).is_valid(document)
    ours = _findings(json.dumps(document), form)
    assert (not ours) == theirs, ours


@pytest.mark.parametrize("wanted", schema.BY_KIND)
def test_the_schemas_are_schemas(wanted: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schema.BY_KIND[wanted])
