from __future__ import annotations

from dataclasses import replace

from extcp_gitops.errors import Severity
from extcp_gitops.inventory import roots
from extcp_gitops.inventory.model import CAType, CertificateAuthority, ControlPlane, Issuer

SELF_SIGNED = ControlPlane("plane-1", "istiod.example.com", "a/conf-1")
PLUGGED_IN = replace(SELF_SIGNED, ca=CertificateAuthority(type=CAType.PLUGGED_IN))
ISSUED = replace(PLUGGED_IN, ca=replace(PLUGGED_IN.ca, issuer=Issuer("private")))

FROM_CLUSTER = "extcp-gitops control-plane pin-root plane-1 --context a--slash--conf-1"


def test_a_root_that_istiod_makes_is_read_from_the_config_cluster() -> None:
    assert roots.pin_command(SELF_SIGNED) == FROM_CLUSTER
    assert roots.how_to_pin(SELF_SIGNED).startswith(f"{FROM_CLUSTER}, once istiod runs")
    assert "type: plugged-in" in roots.how_to_pin(SELF_SIGNED)


def test_a_root_that_is_known_beforehand_is_a_file() -> None:
    expected = "extcp-gitops control-plane pin-root plane-1 --file root-cert.pem"
    assert roots.how_to_pin(PLUGGED_IN) == expected


def test_what_cert_manager_issues_is_read_from_the_config_cluster() -> None:
    assert roots.how_to_pin(ISSUED) == f"{FROM_CLUSTER}, once istiod runs"


def test_a_file_for_a_control_plane_that_signs_for_itself_is_doubtful() -> None:
    assert roots.file_warning(PLUGGED_IN) is None
    assert roots.file_warning(ISSUED) is None
    found = roots.file_warning(SELF_SIGNED)
    assert found is not None
    assert (found.code, found.severity, found.file) == (
        "EXTCP-I049",
        Severity.WARNING,
        "mesh.yaml",
    )
    assert "plugged-in" in found.remedy
    assert FROM_CLUSTER in found.remedy
