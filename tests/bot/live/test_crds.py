from __future__ import annotations

import asyncio

from extcp_bot.kube.client import Client
from extcp_bot.live import crds
from extcp_bot.live.crds import Crd
from extcp_bot.live.versions import Version
from tests.bot.apiserver import ApiServer

PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def read(*items: dict[str, object]) -> list[Crd]:
    async def run(server: ApiServer) -> list[Crd]:
        async with Client(server.access) as api:
            found = await crds.of(api)
            assert "x" * 99 not in str(api.seen())
            return found

    with ApiServer() as server:
        for metadata in items:
            server.put(PATH, {"metadata": metadata, "spec": {}})
        return asyncio.run(run(server))


def test_those_of_istio_are_read_with_their_owner() -> None:
    found = read(
        {"name": "b.networking.istio.io", "labels": {"app.kubernetes.io/version": "1.29.1"}},
        {"name": "a.security.istio.io", "annotations": {"meta.helm.sh/release-name": "base"}},
        {"name": "c.istio.io", "annotations": {"argocd.argoproj.io/tracking-id": "app:x/y:z"}},
        {"name": "d.istio.io", "labels": {"olm.managed": "true"}},
        {"name": "certificates.cert-manager.io"},
    )
    assert found == [
        Crd("a.security.istio.io", None, "", "", "base"),
        Crd("b.networking.istio.io", Version(1, 29, 1, "1.29.1"), "", "", ""),
        Crd("c.istio.io", None, "app", "", ""),
        Crd("d.istio.io", None, "", "the Operator Lifecycle Manager", ""),
    ]


def test_what_kubectl_keeps_of_them_is_not_kept() -> None:
    (found,) = read({"name": "a.istio.io", "annotations": {LAST_APPLIED: "x" * 9_999}})
    assert found == Crd("a.istio.io", None, "", "", "")
