"""Whatever a person's patch leaves of an object, the checks say what is wrong and do not break."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from extcp_gitops.verify import agreement, projects, pruning, schemas, secrets
from extcp_gitops.verify.objects import Built, Document, distinct
from extcp_gitops.yamlio.dump import dump

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.repositories import Scene

JUNK: list[object] = [None, True, 5, 1.5, "", "x", "*", [], [[]], [None], {}, {"x": None}]
INDEX = st.integers(0, 1 << 32)
CRDS = "istio/1.29.1/crds"


def test_no_object_breaks_a_check(host_name: Scene, ip_address: Scene) -> None:
    places = [
        (scene, directory, index)
        for scene in (host_name, ip_address)
        for directory, part in scene.built.items()
        for index in range(len(part.documents))
    ]

    # Inside, because a failure would show the whole of the fixtures otherwise.
    @settings(max_examples=300)
    @given(which=INDEX, where=INDEX, junk=st.sampled_from(JUNK))
    def check(which: int, where: int, junk: object) -> None:
        scene, directory, index = places[which % len(places)]
        documents = list(scene.built[directory].documents)
        spoilt = copy.deepcopy(documents[index].data)
        holders = list(_holders(spoilt))
        holder, key = holders[where % len(holders)]
        holder[key] = copy.deepcopy(junk)
        documents[index] = Document(dump(spoilt), spoilt)
        part = Built(directory, tuple(documents))
        _check_everything(scene, {**scene.built, directory: part}, documents[index])

    check()


def _holders(value: Any) -> Iterator[tuple[Any, Any]]:  # noqa: ANN401
    """Every place in an object, as the mapping or list that holds it and the key."""
    keys = list(value) if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _holders(value[key])


def _check_everything(scene: Scene, built: dict[str, Built], spoilt: Document) -> None:
    inventory = scene.inventory
    findings: list[object] = []
    for cluster in inventory.clusters:
        own, argocd = built[cluster.directory], built[f"{cluster.directory}/argocd"]
        if cluster is inventory.external:
            findings += agreement.check_external(inventory, own)
        else:
            findings += agreement.check_remote(inventory, cluster, own)
        findings += agreement.check_argocd(inventory, cluster, argocd, [cluster.directory, CRDS])
        for project in argocd.of_kind("AppProject"):
            for application in argocd.of_kind("Application"):
                findings += projects.check(own, projects.Allowed.by(project, application))
    findings += agreement.check_root(inventory, built["argocd"])
    documents = distinct(built.values())
    findings += pruning.check(documents, built.values())
    findings += secrets.check_objects(documents)
    few = {item: where for item, where in documents.items() if item is spoilt or _is_crd(item)}
    findings += schemas.check(few)[0]
    assert all(map(str, findings))


def _is_crd(document: Document) -> bool:
    return document.name in {"gateways.networking.istio.io", "virtualservices.networking.istio.io"}
