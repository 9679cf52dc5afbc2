from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from extcp_bot.access import incluster
from extcp_bot.access.model import Secret
from extcp_bot.kube.failure import CannotLookError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a kubelet gives a Pod."""
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    (tmp_path / "token").write_text("token-of-the-pod\n")
    (tmp_path / "ca.crt").write_text("the CA")
    return tmp_path


def test_a_pod_reaches_its_own_cluster(mounted: Path) -> None:
    found = incluster.access(mounted)
    assert (found.server, found.ca) == ("https://10.0.0.1:443", "the CA")
    assert found.token == Secret("token-of-the-pod")


def test_an_address_of_ipv6_gets_its_brackets(
    mounted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    assert incluster.access(mounted).server == "https://[fd00::1]:443"


@pytest.mark.parametrize("name", ["KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"])
def test_outside_of_a_pod_nobody_can_look(
    mounted: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delenv(name)
    with pytest.raises(CannotLookError) as caught:
        incluster.access(mounted)
    assert "kubeconfig context" in caught.value.remedy


@pytest.mark.parametrize("host", ["a b", "user@host", "host/path?"])
def test_what_is_no_host_is_not_asked(
    mounted: Path, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
    with pytest.raises(CannotLookError):
        incluster.access(mounted)


@pytest.mark.parametrize("name", ["token", "ca.crt"])
def test_a_pod_without_a_service_account_cannot_look(mounted: Path, name: str) -> None:
    (mounted / name).unlink()
    with pytest.raises(CannotLookError, match="no service account"):
        incluster.access(mounted)


def test_an_empty_token_is_none(mounted: Path) -> None:
    (mounted / "token").write_text("\n")
    with pytest.raises(CannotLookError, match="no service account"):
        incluster.access(mounted)
