"""What each preflight check asks of API servers is what it declares, and all that it declares."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from extcp_bot.candidates.checks import all_preflight_checks
from extcp_bot.checks.model import Side
from tests.bot.fleets import CONFIG, EXTERNAL, PLANE, SECOND
from tests.bot.simulation.controllers import named, put
from tests.bot.test_permissions import Asked, asked, granted

if TYPE_CHECKING:
    from tests.bot.candidates.joining import Preflight

CANDIDATE = "the candidate"
SIDES = {
    EXTERNAL: (Side.EXTERNAL,),
    CONFIG: (Side.CONFIG, Side.REMOTE),
    SECOND: (Side.REMOTE,),
    CANDIDATE: (Side.CANDIDATE,),
}
OF_ARGOCD = "PATCH "
"""Dry runs are made with Argo CD's credential, which is the bot's own here."""

SELDOM = {("EXTCP-P07", Side.CONFIG): "by IP address, where istiod's own root is the one to trust"}


def furnish(joining: Preflight) -> None:
    """Give the candidate what the checks look at more closely."""
    hook = {
        "name": "policy.example.com",
        "clientConfig": {"service": {"name": "policy", "namespace": "policy"}},
        "rules": [{"apiGroups": ["*"], "resources": ["*"], "operations": ["*"]}],
    }
    put(
        joining.server,
        named("Namespace", PLANE, labels={}),
        named("ConfigMap", "istio-ca-root-cert", "shop", data={"root-cert.pem": ""}),
        named(
            "ValidatingWebhookConfiguration",
            "policy",
            api="admissionregistration.k8s.io/v1",
            webhooks=[hook],
        ),
    )
    # As where a run was killed: what it has left behind is read.
    joining.joining.store.put(
        "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
        {
            "metadata": {
                "name": "extcp-bot-probe",
                "labels": {"extcp-gitops.io/probe": "old"},
                "creationTimestamp": "2026-01-02T03:04:05Z",
            },
            "webhooks": [],
        },
    )


def wanted(line: str) -> Asked | None:
    """A request in the words of RBAC; None for what takes no right of the bot's."""
    if line.startswith(OF_ARGOCD):
        return None
    if line.startswith("DELETE "):
        of_object = asked(line.replace("DELETE ", "GET ", 1))
        return of_object and replace(of_object, verbs=frozenset({"delete"}))
    return asked(line)


@pytest.mark.parametrize("code", all_preflight_checks())
def test_a_check_asks_for_what_it_declares_and_for_nothing_else(
    joining: Preflight, code: str
) -> None:
    servers = {**joining.mesh.servers, CANDIDATE: joining.server}
    for server in servers.values():
        server.requests.clear()
    joining.look(code)
    furnish(joining)
    joining.look(code)
    seen = {
        name: {each for each in map(wanted, server.requests) if each is not None}
        for name, server in servers.items()
    }
    declared = all_preflight_checks()[code].permissions
    for name, sides in SIDES.items():
        found = granted(joining.mesh, [each for each in declared if each.side in sides])
        for each in seen[name]:
            rules = [*found[""], *found.get(each.namespace, [])]
            assert any(rule.covers(each.rule) for rule in rules), f"{name} not declared: {each}"
    for permission in declared:
        places = [name for name, sides in SIDES.items() if permission.side in sides]
        for namespace, rules in granted(joining.mesh, [permission]).items():
            for rule in rules:
                like = [e for name in places for e in seen[name] if e.is_for(rule, namespace)]
                used = {verb for each in like for verb in each.verbs}
                is_seldom = (code, permission.side) in SELDOM
                assert is_seldom or rule.verbs <= used, f"never asked for: {permission}"
