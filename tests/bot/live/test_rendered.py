from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from extcp_bot.kube.failure import CannotLookError
from extcp_bot.live import identity, rendered
from extcp_bot.live.rbac import Rule
from tests.bot.fleets import CONFIG, SECOND, World, world

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from extcp_bot.live.rendered import Wanted

BASE = "istio/1.29.1/external-istiod"
TEXT = """\
apiVersion: v1
kind: ServiceAccount
metadata: {name: istiod, namespace: external-istiod}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: reads}
rules:
- {apiGroups: [""], resources: [pods], verbs: [list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: unbound}
rules:
- {apiGroups: ["*"], resources: ["*"], verbs: ["*"]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: writes, namespace: external-istiod}
rules:
- {apiGroups: [""], resources: [secrets], verbs: [update]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: one}
roleRef: {kind: ClusterRole, name: reads}
subjects:
- {kind: ServiceAccount, name: istiod, namespace: external-istiod}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: two, namespace: external-istiod}
roleRef: {kind: Role, name: writes}
subjects:
- {kind: ServiceAccount, name: istiod, namespace: external-istiod}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: of-another}
roleRef: {kind: ClusterRole, name: unbound}
subjects:
- {kind: ServiceAccount, name: istiod, namespace: another}
"""
LIST_PODS = Rule.of({"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]})
UPDATE_SECRETS = Rule.of({"apiGroups": [""], "resources": ["secrets"], "verbs": ["update"]})


@pytest.fixture
def mesh(tmp_path: Path) -> Iterator[World]:
    with world() as made:
        made.fleet.root = tmp_path
        yield made


def write(mesh: World, part: str, text: str) -> Path:
    path = mesh.fleet.root / BASE / part / "manifests.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def wanted(mesh: World, cluster: str) -> Wanted:
    target = next(each for each in mesh.fleet.targets() if each.cluster.name == cluster)
    return rendered.wanted(target, identity.account(target))


def test_rules_come_from_the_bindings_of_the_account(mesh: World) -> None:
    write(mesh, "config-cluster", TEXT)
    found = wanted(mesh, CONFIG)
    assert found.base == f"{BASE}/config-cluster"
    assert found.everywhere == {LIST_PODS}
    assert found.inside == {UPDATE_SECRETS}


def test_a_remote_cluster_has_a_base_and_an_account_of_its_own(mesh: World) -> None:
    text = TEXT.replace("name: istiod", "name: istio-reader-service-account")
    write(mesh, "remote-cluster", text)
    assert wanted(mesh, SECOND).everywhere == {LIST_PODS}


def test_a_repository_that_changes_is_read_again(mesh: World) -> None:
    path = write(mesh, "config-cluster", TEXT)
    wanted(mesh, CONFIG)
    write(mesh, "config-cluster", TEXT.replace("pods", "nodes"))
    os.utime(path, (1, 1))
    (rule,) = wanted(mesh, CONFIG).everywhere
    assert rule.resources == {"nodes"}


@pytest.mark.parametrize("text", [None, "", "a: [", TEXT.replace("external-istiod", "another")])
def test_a_repository_without_the_rules_is_no_answer(mesh: World, text: str | None) -> None:
    if text is not None:
        write(mesh, "config-cluster", text)
    with pytest.raises(CannotLookError) as error:
        wanted(mesh, CONFIG)
    assert f"{BASE}/config-cluster" in error.value.why
    assert "extcp-gitops generate" in error.value.remedy
