from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from extcp_gitops.verify.objects import Reader, distinct
from extcp_gitops.verify.schemas import check, custom
from tests.repositories import put, spoilt

if TYPE_CHECKING:
    from tests.repositories import Change, Scene

EXTERNAL = "clusters/external-cluster"
GATEWAY = ("Gateway", "external-istiod-gw")
RULE = ("DestinationRule", "external-istiod-dr")
ROUTES = ("VirtualService", "external-istiod-vs")


@pytest.mark.parametrize(
    ("item", "change", "problem"),
    [
        (GATEWAY, put([], "spec", "server"), "there is no field spec.server"),
        (GATEWAY, put({}, "specs"), "there is no field specs"),
        (
            GATEWAY,
            put("15012", "spec", "servers", 0, "port", "number"),
            "spec.servers[0].port.number should be of type integer",
        ),
        (
            GATEWAY,
            put("SIMPEL", "spec", "servers", 0, "tls", "mode"),
            "spec.servers[0].tls.mode should be one of PASSTHROUGH",
        ),
        (
            GATEWAY,
            put(None, "spec", "servers", 0, "hosts"),
            "spec.servers[0]: 'hosts' is a required property",
        ),
        (RULE, put({}, "spec", "trafficPolicy", "tsl"), "there is no field spec.trafficPolicy.tsl"),
        (ROUTES, put("x", "spec", "hosts"), "spec.hosts should be of type array"),
        (ROUTES, put(5, "metadata", "labels"), "metadata.labels should be a valid dictionary"),
    ],
)
def test_what_a_crd_does_not_allow_is_found(
    host_name: Scene, item: tuple[str, str], change: Change, problem: str
) -> None:
    parts = {**host_name.built, EXTERNAL: spoilt(host_name.built[EXTERNAL], *item, change)}
    (found,), _ = check(distinct(parts.values()))
    assert (found.code, found.file) == ("EXTCP-V060", EXTERNAL)
    assert problem in found.message


def test_what_is_generated_fits_and_what_has_no_schema_is_counted(host_name: Scene) -> None:
    findings, not_checked = check(distinct(host_name.built.values()))
    assert findings == []
    assert not_checked == {
        "argoproj.io/v1alpha1 AppProject": 4,
        "argoproj.io/v1alpha1 Application": 7,
        "cert-manager.io/v1 Certificate": 1,
    }


def test_without_its_crd_a_kind_is_not_checked(host_name: Scene) -> None:
    _, not_checked = check(distinct([host_name.built[EXTERNAL]]))
    assert not_checked["networking.istio.io/v1 Gateway"] == 1


def test_many_problems_are_summed_up(host_name: Scene) -> None:
    change = put({f"x{number}": 1 for number in range(20)}, "metadata", "labels")
    built = spoilt(host_name.built[EXTERNAL], "Service", "istio-ingressgateway", change)
    findings, _ = check(distinct([built]))
    assert len(findings) == 6
    assert "15 more" in findings[-1].message


def test_a_persons_own_crd_defines_a_kind() -> None:
    crd, good, bad = Reader().read(
        """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.example.com}
spec:
  group: example.com
  names: {kind: Thing, plural: things}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          size: {x-kubernetes-int-or-string: true}
          free: {type: object, x-kubernetes-preserve-unknown-fields: true}
          maybe: {type: string, nullable: true, enum: [a]}
          map: {type: object, additionalProperties: {type: object, properties: {a: {}}}}
---
apiVersion: example.com/v1
kind: Thing
metadata: {name: good}
size: 5
free: {anything: [goes]}
maybe: null
map: {x: {a: 1}}
---
apiVersion: example.com/v1
kind: Thing
metadata: {name: bad}
maybe: b
map: {x: {b: 1}}
"""
    )
    definitions = custom.Definitions([crd])
    assert definitions.problems(good) == []
    problems = definitions.problems(bad)
    assert problems is not None
    assert sorted(problems) == ["maybe should be one of a, None", "there is no field map.x.b"]
