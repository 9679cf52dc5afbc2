from __future__ import annotations

from extcp_bot.live import validation
from tests.bot.asking import ask
from tests.bot.fleets import CONFIG, PLANE, World, world

PATH = f"/apis/networking.istio.io/v1/namespaces/{PLANE}/virtualservices"
HOOK = "validation.istio.io"


def test_istiod_refuses_it_and_nothing_is_kept(healthy_mesh: World) -> None:
    refusal = ask(healthy_mesh, validation.refusal, CONFIG)
    assert refusal is not None
    assert refusal.is_of(validation.WEBHOOKS)
    assert f"POST {PATH}?dryRun=All&fieldManager=extcp-bot" in healthy_mesh.config.requests


def test_nobody_may_refuse_it() -> None:
    with world() as mesh:
        mesh.config.posts[PATH] = lambda body: body
        assert ask(mesh, validation.refusal, CONFIG) is None


def test_what_cannot_be_called_has_not_refused_it() -> None:
    with world() as mesh:
        message = f'Internal error occurred: failed calling webhook "{HOOK}": EOF'
        mesh.config.posts[PATH] = lambda _: (500, message)
        refusal = ask(mesh, validation.refusal, CONFIG)
    assert refusal is not None
    assert refusal.cause is not None
