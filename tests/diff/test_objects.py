from __future__ import annotations

from extcp_gitops.diff.model import Change, ObjectDiff
from extcp_gitops.diff.objects import compare
from extcp_gitops.verify.objects import Reader

SERVICE = """\
apiVersion: v1
kind: Service
metadata:
  name: a
  namespace: mesh
spec:
  type: LoadBalancer
  ports:
  - port: 80
"""


def differences(before: str, after: str) -> tuple[ObjectDiff, ...]:
    reader = Reader()
    return compare(reader.read(before), reader.read(after))


def test_equal_objects_do_not_differ_however_they_are_written() -> None:
    other = '{"kind": "Service", "spec": {"ports": [{"port": 80}], "type": "LoadBalancer"},'
    other += ' "metadata": {"namespace": "mesh", "name": "a"}, "apiVersion": "v1"}'
    assert differences(SERVICE, SERVICE) == ()
    assert differences(SERVICE, other) == ()


def test_a_change_is_shown_in_canonical_yaml() -> None:
    (found,) = differences(SERVICE, SERVICE.replace("port: 80", "port: 443"))
    assert (found.change, found.title) == (Change.CHANGED, "Service mesh/a")
    assert found.diff == (
        "@@ -5,5 +5,5 @@\n   namespace: mesh\n spec:\n   ports:\n"
        "-  - port: 80\n+  - port: 443\n   type: LoadBalancer\n"
    )


def test_objects_are_added_and_removed() -> None:
    other = SERVICE.replace("name: a", "name: b")
    removed, added = differences(SERVICE, other)
    assert (removed.change, removed.name) == (Change.REMOVED, "a")
    assert (added.change, added.name) == (Change.ADDED, "b")
    assert all(line.startswith(("+", "@@")) for line in added.diff.splitlines())


def test_another_version_of_an_object_is_a_change() -> None:
    before = "apiVersion: autoscaling/v1\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\n"
    (found,) = differences(before, before.replace("/v1", "/v2"))
    assert (found.change, found.api_version) == (Change.CHANGED, "autoscaling/v2")


def test_the_same_name_in_another_group_is_another_object() -> None:
    before = "apiVersion: a.example.com/v1\nkind: Thing\nmetadata: {name: a}\n"
    assert len(differences(before, before.replace("a.example", "b.example"))) == 2


def test_the_values_of_a_secret_are_not_shown() -> None:
    before = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {key: b2xk}\n"
    (found,) = differences(before, before.replace("b2xk", "bmV3"))
    assert "b2xk" not in found.diff
    assert "bmV3" not in found.diff
    assert "differ" in found.diff
    (added,) = differences("", before)
    assert "key:" in added.diff
    assert "b2xk" not in added.diff
    (text,) = differences(before, before.replace("data: {key: b2xk}", "stringData: hidden"))
    assert "hidden" not in text.diff
