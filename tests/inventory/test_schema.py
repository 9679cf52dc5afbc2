"""The defaults that the schemas name are those that hold where nothing is said."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml

from extcp_gitops.inventory import rules, schema
from extcp_gitops.inventory.load import load
from tests import meshes

if TYPE_CHECKING:
    from collections.abc import Iterator

ISSUER = "    tls:\n      secretName: istiod-tls\n      certManagerIssuer: {name: letsencrypt}\n"
MESH = f"""{meshes.MESH.partition("    tls:")[0]}{ISSUER}bot:
  inCluster:
    image: registry.example.com/extcp-bot@sha256:{"0123456789abcdef" * 4}
    tokenSecret: extcp-bot-forge
""".replace("repository:\n", "repository:\n  forge: gitea\n")


def _filled(data: Any, form: schema.Schema) -> Any:  # noqa: ANN401 - any YAML value
    """The value with each default of its schema said."""
    if form.get("type") == "array":
        return [_filled(item, form["items"]) for item in data]
    if "properties" not in form:
        return data
    filled = dict(data)
    for key, value in form["properties"].items():
        if key in data:
            filled[key] = _filled(data[key], value)
        elif "default" in value:
            filled[key] = value["default"]
        elif "properties" in value and not value["required"]:
            filled[key] = _filled({}, value)
    return {key: value for key, value in filled.items() if value != {}}


def test_what_is_said_by_default_changes_nothing() -> None:
    files = meshes.mesh({"mesh.yaml": MESH})
    remote = "clusters/remote-cluster-1/cluster.yaml"
    said = _filled(yaml.safe_load(files["mesh.yaml"]), schema.MESH)
    assert said["repository"]["branch"] == "main"
    assert said["controlPlanes"][0]["tls"]["certManagerIssuer"]["kind"] == "ClusterIssuer"
    cluster = _filled(yaml.safe_load(files[remote]), schema.CLUSTER)
    changed = {"mesh.yaml": json.dumps(said).encode(), remote: json.dumps(cluster).encode()}
    assert load(files | changed).inventory == load(files).inventory


def test_the_oldest_release_is_the_one_that_the_rules_know() -> None:
    oldest = ".".join(map(str, rules.OLDEST_ISTIO))
    assert f"; {oldest} or newer." in schema.MESH["properties"]["istioVersion"]["description"]


def _forms(form: schema.Schema) -> Iterator[schema.Schema]:
    yield form
    for inner in (*form.get("properties", {}).values(), form.get("items")):
        if inner:
            yield from _forms(inner)


def test_each_key_says_what_it_means() -> None:
    for whole in schema.BY_KIND.values():
        for form in _forms(whole):
            assert form["description"].endswith((".", ":"))
