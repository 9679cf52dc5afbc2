from __future__ import annotations

from extcp_bot.kube.failure import CannotLookError, NotAllowedError
from extcp_bot.live import istio_objects
from tests.bot.asking import ask
from tests.bot.fleets import SECOND, World, world

GROUP = "/apis/networking.istio.io/v1"
SERVICES = f"{GROUP}/namespaces/sample/virtualservices"


def found(mesh: World) -> dict[str, istio_objects.Found]:
    seen = ask(mesh, istio_objects.of, SECOND)
    return {
        each.kind.resource: each
        for each in seen
        if not isinstance(each, CannotLookError) and each.names
    }


def test_a_cluster_without_the_kinds_has_no_objects() -> None:
    with world() as mesh:
        assert found(mesh) == {}
        assert len(mesh.second.requests) == len(istio_objects.KINDS)


def test_the_first_few_are_named() -> None:
    with world() as mesh:
        mesh.second.put(SERVICES, {"metadata": {"name": "a"}, "spec": {"hosts": ["a"]}})
        (seen,) = found(mesh).values()
        assert (seen.words, seen.complete) == ("sample/a", True)
        for name in "bcdefg":
            mesh.second.put(SERVICES, {"metadata": {"name": name}})
        (seen,) = found(mesh).values()
    assert (len(seen.names), seen.complete) == (5, False)
    assert seen.words.endswith("sample/e and more")


def test_what_is_not_shown_is_told_from_none() -> None:
    with world() as mesh:
        mesh.second.denied.add(f"{GROUP}/gateways")
        seen = ask(mesh, istio_objects.of, SECOND)
    (error,) = [each for each in seen if isinstance(each, CannotLookError)]
    assert isinstance(error, NotAllowedError)
