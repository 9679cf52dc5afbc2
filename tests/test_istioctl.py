from __future__ import annotations

import json
import shlex
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from extcp_gitops import istioctl
from extcp_gitops.errors import ExtcpError
from extcp_gitops.istioctl import DEFAULT_ISTIO_VERSION, Istioctl, check_version, find, install
from extcp_gitops.release import this_platform
from extcp_gitops.yamlio.load import load_objects
from tests.webserver import Site, istioctl_archive, publish_archive, publish_istioctl, web_server

if TYPE_CHECKING:
    from collections.abc import Iterator

OPERATOR = """\
apiVersion: install.istio.io/v1alpha1
kind: IstioOperator
metadata:
  namespace: external-istiod
spec:
  profile: remote
  values:
    global:
      istioNamespace: external-istiod
    istiodRemote:
      injectionURL: https://istiod.example.com:15017/inject
"""


def says(version: str) -> str:
    return shlex.quote(json.dumps({"clientVersion": {"version": version}}))


def program(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def impostor(directory: Path, version: str) -> Path:
    """A program that says to be istioctl of a release."""
    return program(directory / "istioctl", f"echo {says(version)}")


@pytest.fixture(autouse=True)
def _nothing_found(empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin with no istioctl in the cache and none on PATH."""
    assert not empty_cache.exists()
    monkeypatch.setenv("PATH", "/usr/bin:/bin")


# The release


@pytest.mark.parametrize("version", ["1.29.1", "1.30.0-beta.2", "1.9.12", DEFAULT_ISTIO_VERSION])
def test_releases(version: str) -> None:
    assert check_version(version) == version


@pytest.mark.parametrize(
    "version", ["", "1.29", "v1.29.1", "latest", "1.29.1\n", "../1.29.1", "1.29.1/x", "1.29.1-$x"]
)
def test_what_is_no_release(version: str) -> None:
    for use in (check_version, find, install):
        with pytest.raises(ExtcpError, match="EXTCP-T101"):
            use(version)


# Finding


def test_the_explicit_one_is_taken(istioctl_path: Path) -> None:
    assert find("1.29.1", istioctl_path) == Istioctl(istioctl_path, "1.29.1")


def test_the_explicit_one_must_be_of_that_release(istioctl_other: Path, tmp_path: Path) -> None:
    impostor(tmp_path / "cache/istioctl/1.29.1", "1.29.1")
    with pytest.raises(ExtcpError, match=r"EXTCP-T102.*1\.28\.3.*1\.29\.1"):
        find("1.29.1", istioctl_other)
    for wrong in (tmp_path / "missing", tmp_path, program(tmp_path / "other", "echo {}")):
        with pytest.raises(ExtcpError, match="EXTCP-T102"):
            find("1.29.1", wrong)


def test_the_variable_comes_before_path_and_path_before_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached = impostor(tmp_path / "cache/istioctl/1.29.1", "1.29.1")
    assert find("1.29.1").path == cached
    on_path = impostor(tmp_path / "bin", "1.29.1")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    assert find("1.29.1").path == on_path
    named = impostor(tmp_path / "named", "1.29.1")
    monkeypatch.setenv("EXTCP_ISTIOCTL", str(named))
    assert find("1.29.1").path == named


def test_another_release_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXTCP_ISTIOCTL", str(impostor(tmp_path / "named", "1.28.3")))
    impostor(tmp_path / "bin", "1.29.10")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    cached = impostor(tmp_path / "cache/istioctl/1.29.1", "1.29.1")
    assert find("1.29.1").path == cached


def test_where_there_is_none_the_error_says_all_the_ways(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXTCP_ISTIOCTL", str(tmp_path / "missing"))
    impostor(tmp_path / "bin", "1.28.3")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    impostor(tmp_path / "cache/istioctl/1.29.1", "1.29.0")
    with pytest.raises(ExtcpError, match="EXTCP-T103") as caught:
        find("1.29.1")
    (finding,) = caught.value.findings
    for seen in ("EXTCP_ISTIOCTL", "is no istioctl", "is 1.28.3", "the cache", "is 1.29.0"):
        assert seen in finding.message
    for way in ("extcp-gitops istioctl install 1.29.1", "PATH", "--istioctl", "make istioctl"):
        assert way in finding.remedy


@pytest.mark.parametrize(
    "lines",
    [
        ["exit 1"],
        ["echo not json"],
        ["echo '[]'"],
        ["echo 1"],
        ["""echo '{"clientVersion": {"version": 1}}'"""],
        ["""echo '{"clientVersion": {"version": "1.29.1; rm -rf"}}'"""],
        ["kill -9 $$"],
        ["head -c 200000000 /dev/zero"],
    ],
)
def test_what_does_not_tell_its_release_is_no_istioctl(tmp_path: Path, lines: list[str]) -> None:
    assert istioctl.version_of(program(tmp_path / "istioctl", *lines)) is None


def test_the_real_ones_tell_their_releases(istioctl_path: Path, istioctl_other: Path) -> None:
    assert istioctl.version_of(istioctl_path) == "1.29.1"
    assert istioctl.version_of(istioctl_other) == "1.28.3"


# Rendering


@pytest.fixture(params=["1.29.1", "1.28.3"])
def real(request: pytest.FixtureRequest, istioctl_path: Path, istioctl_other: Path) -> Istioctl:
    """Each of the two real releases."""
    paths = {"1.29.1": istioctl_path, "1.28.3": istioctl_other}
    return find(request.param, paths[request.param])


def test_an_operator_becomes_objects_and_always_the_same(real: Istioctl) -> None:
    manifests = real.manifest_generate(OPERATOR.encode())
    objects = load_objects(manifests)
    (webhook,) = [item for item in objects if item["kind"] == "MutatingWebhookConfiguration"]
    assert {hook["clientConfig"]["url"] for hook in webhook["webhooks"]} == {
        "https://istiod.example.com:15017/inject"
    }
    assert real.manifest_generate(OPERATOR.encode()) == manifests


@pytest.mark.parametrize(
    "operator",
    [
        OPERATOR.replace("profile:", "profyle:"),
        OPERATOR.replace("injectionURL", "injectionUrl"),
        OPERATOR.replace("profile: remote", "profile: missing"),
        "a: [",
    ],
)
def test_what_istioctl_refuses_is_an_error_in_its_own_words(real: Istioctl, operator: str) -> None:
    with pytest.raises(ExtcpError, match=rf"EXTCP-T105 istioctl {real.version} .*: .*\w"):
        real.manifest_generate(operator.encode())


def test_a_warning_is_an_error(tmp_path: Path) -> None:
    warning = "unknown field"
    path = program(tmp_path / "istioctl", "cat", f"echo '\033[31m{warning}' >&2")
    with pytest.raises(ExtcpError, match=f"EXTCP-T105.*{warning}") as caught:
        Istioctl(path, "1.29.1").manifest_generate(b"")
    assert str(caught.value).isprintable()


def test_istioctl_sees_nothing_of_the_person_or_of_a_cluster(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / ".kube").mkdir()
    (home / ".kube/config").write_text("SECRET")
    monkeypatch.setenv("KUBECONFIG", str(home / ".kube/config"))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "192.0.2.1")
    monkeypatch.setenv("ISTIOCTL_DEFAULT_NAMESPACE", "other")
    path = program(tmp_path / "istioctl", 'env; pwd; cat "$KUBECONFIG"; ls -A "$HOME"')
    seen = Istioctl(path, "1.29.1").manifest_generate(b"").decode()
    assert "KUBECONFIG=/dev/null" in seen.splitlines()
    for hidden in ("SECRET", "KUBERNETES", "ISTIO", str(home), str(Path.cwd())):
        assert hidden not in seen


# Installing


PLATFORM = this_platform()


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with web_server() as site:
        monkeypatch.setenv("EXTCP_ISTIO_RELEASES", site.base)
        yield site


def files(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*"))


def test_install_puts_it_where_find_looks(site: Site, empty_cache: Path) -> None:
    publish_istioctl(site, "1.29.1", PLATFORM)
    path = install("1.29.1")
    assert path == empty_cache / "istioctl/1.29.1/istioctl"
    assert find("1.29.1") == Istioctl(path, "1.29.1")
    assert files(empty_cache / "istioctl") == ["1.29.1", "1.29.1/istioctl"]


def test_install_downloads_once(site: Site) -> None:
    publish_istioctl(site, "1.29.1", PLATFORM)
    assert install("1.29.1") == install("1.29.1")
    assert len(site.requests) == 2


def test_install_replaces_what_is_broken(site: Site, empty_cache: Path) -> None:
    broken = program(empty_cache / "istioctl/1.29.1/istioctl", "exit 1")
    publish_istioctl(site, "1.29.1", PLATFORM)
    assert install("1.29.1") == broken
    assert istioctl.version_of(broken) == "1.29.1"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (istioctl_archive(f"#!/bin/sh\necho {says('1.29.0')}\n"), "T104"),
        (istioctl_archive("\x7fELF of another machine"), "T104"),
        (b"<html>", "T123"),
    ],
)
def test_a_failed_install_leaves_nothing(
    site: Site, empty_cache: Path, content: bytes, code: str
) -> None:
    publish_archive(site, "1.29.1", PLATFORM, content)
    with pytest.raises(ExtcpError, match=f"EXTCP-{code}"):
        install("1.29.1")
    assert files(empty_cache / "istioctl/1.29.1") == []


def test_where_nothing_can_be_downloaded_the_error_says_the_other_ways(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with web_server() as gone:
        monkeypatch.setenv("EXTCP_ISTIO_RELEASES", gone.base)
    with pytest.raises(ExtcpError, match="EXTCP-T114") as caught:
        install("1.29.1")
    for way in ("HTTPS_PROXY", "EXTCP_ISTIO_RELEASES", "PATH", "--istioctl", "make istioctl"):
        assert way in caught.value.findings[0].remedy


def test_an_interrupted_install_leaves_nothing(site: Site, empty_cache: Path) -> None:
    def interrupt(_: int, __: int | None) -> None:
        assert len(files(empty_cache / "istioctl/1.29.1")) == 2
        raise KeyboardInterrupt

    publish_istioctl(site, "1.29.1", PLATFORM)
    with pytest.raises(KeyboardInterrupt):
        install("1.29.1", interrupt)
    assert files(empty_cache / "istioctl/1.29.1") == []


def test_a_cache_that_cannot_be_written_is_a_clear_error(site: Site, empty_cache: Path) -> None:
    publish_istioctl(site, "1.29.1", PLATFORM)
    (empty_cache / "istioctl/1.29.1/istioctl").mkdir(parents=True)  # a directory in its place
    with pytest.raises(ExtcpError, match="EXTCP-T106") as caught:
        install("1.29.1")
    assert "EXTCP_CACHE_DIR" in caught.value.findings[0].remedy
