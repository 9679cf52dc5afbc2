from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from extcp_gitops.verify import pruning
from extcp_gitops.verify.objects import Built, distinct
from tests.repositories import put, spoilt

if TYPE_CHECKING:
    from extcp_gitops.errors import Finding
    from tests.repositories import Change, Scene

OPTIONS = ("metadata", "annotations", "argocd.argoproj.io/sync-options")
AUTOMATED = ("spec", "syncPolicy", "automated")
REMOTE = "clusters/remote-cluster-2"
CRDS = "istio/1.29.1/crds"
CRD = "gateways.networking.istio.io"


@pytest.mark.parametrize(
    ("directory", "item", "change", "code"),
    [
        (REMOTE, ("Namespace", "external-istiod"), put(None, *OPTIONS), "EXTCP-V040"),
        (REMOTE, ("Namespace", "external-istiod"), put("Prune=false", *OPTIONS), "EXTCP-V040"),
        (CRDS, ("CustomResourceDefinition", CRD), put("Delete=false", *OPTIONS), "EXTCP-V040"),
        (CRDS, ("CustomResourceDefinition", CRD), put(5, *OPTIONS), "EXTCP-V040"),
        *(
            (directory, ("Application", name), change, code)
            for directory, name in (
                ("argocd", "extcp-mesh1"),
                (f"{REMOTE}/argocd", "mesh1.remote-cluster-2"),
                (f"{REMOTE}/argocd", "mesh1.remote-cluster-2.crds"),
            )
            for change, code in (
                (put(["resources-finalizer.argocd.argoproj.io"], "metadata", "finalizers"), "V041"),
                (put(True, *AUTOMATED, "allowEmpty"), "V042"),
            )
        ),
        (
            f"{REMOTE}/argocd",
            ("Application", "mesh1.remote-cluster-2.crds"),
            put(True, *AUTOMATED, "prune"),
            "V043",
        ),
    ],
)
def test_whatever_could_delete_a_mesh_is_found(
    host_name: Scene, directory: str, item: tuple[str, str], change: Change, code: str
) -> None:
    parts = {**host_name.built, directory: spoilt(host_name.built[directory], *item, change)}
    (found,) = _check(parts.values())
    assert found.code.removeprefix("EXTCP-") == code.removeprefix("EXTCP-")
    assert found.file == directory


def test_an_empty_directory_is_found(host_name: Scene) -> None:
    (found,) = _check([*host_name.built.values(), Built("clusters/x", ())])
    assert (found.code, found.file) == ("EXTCP-V044", "clusters/x")


def test_what_is_generated_is_safe(host_name: Scene, ip_address: Scene) -> None:
    for scene in (host_name, ip_address):
        assert _check(scene.built.values()) == []


def test_spaces_and_further_options_do_no_harm(host_name: Scene) -> None:
    change = put("Delete=false, Prune=false ,ServerSideApply=true", *OPTIONS)
    built = spoilt(host_name.built[REMOTE], "Namespace", "external-istiod", change)
    assert _check([built]) == []


def _check(parts: object) -> list[Finding]:
    assert not isinstance(parts, Built)
    built = list(parts)  # type: ignore[call-overload]
    return list(pruning.check(distinct(built), built))
