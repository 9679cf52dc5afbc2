from __future__ import annotations

import base64
import json
import os
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from extcp_bot.access import kubeconfig
from extcp_bot.access.kubeconfig import Contexts, RefusedError
from extcp_bot.access.model import Secret
from extcp_gitops.yamlio.load import load_objects
from tests.strategies import HOSTILE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

SERVER = "https://api.example.com:6443"
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def document(
    cluster: Mapping[str, Any] | None = None, user: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """A kubeconfig with one context ``a``, and changes to what it says."""
    return {
        "current-context": "a",
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
        "clusters": [{"name": "a", "cluster": {"server": SERVER, **(cluster or {})}}],
        "users": [{"name": "a", "user": {"token": "a-token", **(user or {})}}],
    }


def write(
    path: Path, monkeypatch: pytest.MonkeyPatch, *documents: Mapping[str, Any] | str
) -> list[Path]:
    """The files of a person, in their order."""
    files = [path / f"config-{number}" for number in range(len(documents))]
    for file, content in zip(files, documents, strict=True):
        text = content if isinstance(content, str) else yaml.safe_dump(content)
        file.write_text(text)
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join(map(str, files)))
    return files


def of_person(**changes: Any) -> Any:  # noqa: ANN401 - an access
    return kubeconfig.of_context("a", allow_exec=False, **changes)


class TestAContextOfAPerson:
    def test_gives_the_server_its_ca_and_the_token(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ca = {"certificate-authority-data": encoded(PEM), "tls-server-name": "api"}
        write(tmp_path, monkeypatch, document(ca))
        access = of_person()
        assert (access.server, access.ca, access.tls_server_name) == (SERVER, PEM, "api")
        assert access.token == Secret("a-token")
        assert access.origin == "context a"
        assert not access.insecure

    def test_gives_a_client_certificate(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pair = {"client-certificate-data": encoded("CERT"), "client-key-data": encoded("KEY")}
        write(tmp_path, monkeypatch, document(user=pair))
        access = of_person()
        assert (access.certificate, access.key) == ("CERT", Secret("KEY"))

    def test_may_name_files_beside_its_own(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "pki").mkdir()
        for name in ("ca", "cert", "key", "token"):
            (tmp_path / "pki" / name).write_text(f"the {name}\n")
        user = {
            "token": "",
            "tokenFile": "pki/token",
            "client-certificate": "pki/cert",
            "client-key": str(tmp_path / "pki" / "key"),
        }
        write(tmp_path, monkeypatch, document({"certificate-authority": "pki/ca"}, user))
        monkeypatch.chdir("/")
        access = of_person()
        assert (access.ca, access.certificate) == ("the ca\n", "the cert\n")
        assert (access.key, access.token) == (Secret("the key\n"), Secret("the token"))

    @pytest.mark.parametrize("name", ["missing", ".", "huge", "binary"])
    def test_may_not_name_files_that_are_none(
        self, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "huge").write_bytes(b" " * (1 << 20) + b" ")
        (tmp_path / "binary").write_bytes(b"\xff")
        write(tmp_path, monkeypatch, document({"certificate-authority": name}))
        with pytest.raises(RefusedError, match="certificate-authority cannot be read"):
            of_person()

    def test_comes_from_the_first_file_that_has_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = document({"server": "https://first.example.com"})
        second = document({"server": "https://second.example.com"}, {"token": "another"})
        second["contexts"].append({"name": "b", "context": {"cluster": "a", "user": "b"}})
        second["users"].append({"name": "b", "user": {"token": "token-of-b"}})
        write(tmp_path, monkeypatch, first, second)
        contexts = Contexts.read()
        assert contexts.access("a").server == "https://first.example.com"
        assert contexts.access("a").token == Secret("a-token")
        # Each entry counts alone: the cluster of the first file with the user of the second.
        assert contexts.access("b").server == "https://first.example.com"
        assert contexts.access("b").token == Secret("token-of-b")

    def test_may_lie_in_the_home(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("KUBECONFIG")
        (home / ".kube").mkdir()
        (home / ".kube" / "config").write_text(yaml.safe_dump(document()))
        assert of_person().server == SERVER

    def test_is_missed_by_its_name(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write(tmp_path, monkeypatch, document())
        monkeypatch.setenv("KUBECONFIG", f"{os.environ['KUBECONFIG']}{os.pathsep}/nowhere")
        assert "a" in Contexts.read()
        assert "b" not in Contexts.read()
        with pytest.raises(RefusedError, match="no context 'b'"):
            kubeconfig.of_context("b", allow_exec=False)

    @pytest.mark.parametrize("part", ["clusters", "users"])
    def test_may_not_name_what_is_not_there(
        self, part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(tmp_path, monkeypatch, {**document(), part: []})
        with pytest.raises(RefusedError, match=f"no {part[:-1]} 'a'"):
            of_person()

    @pytest.mark.parametrize("text", ["[", "- a", "a: b: c", "\0", "a: [" + "[" * 100_000])
    def test_is_not_looked_for_in_a_file_that_is_none(
        self, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(tmp_path, monkeypatch, text)
        with pytest.raises(RefusedError, match="cannot be read"):
            of_person()

    @pytest.mark.parametrize(
        "text", ["", "contexts: {}", "contexts: [7, null]", "contexts: [{name: [a]}]"]
    )
    def test_is_not_found_in_nonsense(
        self, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(tmp_path, monkeypatch, text)
        with pytest.raises(RefusedError, match="no context 'a'"):
            of_person()

    def test_may_say_not_to_verify(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write(tmp_path, monkeypatch, document({"insecure-skip-tls-verify": True}))
        assert of_person().insecure

    def test_may_name_a_proxy(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write(tmp_path, monkeypatch, document({"proxy-url": "http://proxy.example.com:3128"}))
        assert of_person().proxy == "http://proxy.example.com:3128"

    @pytest.mark.parametrize(
        "user",
        [
            {"auth-provider": {"name": "gcp"}},
            {"as": "admin"},
            {"as-groups": ["system:masters"]},
            {"username": "admin", "password": "hunter2"},
        ],
    )
    def test_may_not_log_in_in_other_ways(
        self, user: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(tmp_path, monkeypatch, document(user=user))
        with pytest.raises(RefusedError) as caught:
            kubeconfig.of_context("a", allow_exec=True)
        assert "hunter2" not in f"{caught.value.why}{caught.value.remedy}"


class TestAPlugin:
    @pytest.fixture
    def marker(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A kubeconfig whose plugin leaves a file behind when it runs."""
        marker = tmp_path / "it-ran"
        said = {"status": {"token": "token-of-the-plugin"}}
        program = tmp_path / "plugin"
        program.write_text(
            f"#!{sys.executable}\nopen({str(marker)!r}, 'w').close()\nprint({json.dumps(said)!r})\n"
        )
        program.chmod(0o755)
        plugin = {"command": "./plugin", "apiVersion": "client.authentication.k8s.io/v1"}
        write(tmp_path, monkeypatch, document(user={"token": "", "exec": plugin}))
        return marker

    def test_does_not_run_unless_a_person_says_so(self, marker: Path) -> None:
        with pytest.raises(RefusedError, match="it runs a program") as caught:
            kubeconfig.of_context("a", allow_exec=False)
        assert "--allow-exec-kubeconfig" in caught.value.remedy
        assert not marker.exists()

    def test_gives_the_token_where_it_may_run(self, marker: Path) -> None:
        access = kubeconfig.of_context("a", allow_exec=True)
        assert access.token == Secret("token-of-the-plugin")
        assert marker.exists()


class TestADocumentOfACluster:
    def test_gives_the_server_its_ca_and_the_token(self) -> None:
        found = document({"certificate-authority-data": encoded(PEM)})
        access = kubeconfig.of_document(found, "Secret a/b")
        assert (access.server, access.ca, access.token) == (SERVER, PEM, Secret("a-token"))
        assert access.origin == "Secret a/b"

    def test_names_no_proxy(self) -> None:
        access = kubeconfig.of_document(document({"proxy-url": "http://evil.example.com"}), "x")
        assert access.proxy is None

    @pytest.mark.parametrize(
        "cluster",
        [
            {"insecure-skip-tls-verify": True},
            {"certificate-authority": "/etc/passwd"},
            {"certificate-authority-data": "no base64"},
            {"certificate-authority-data": "/////w=="},
        ],
    )
    def test_is_refused_with_a_cluster_that_reads_files_or_verifies_nothing(
        self, cluster: dict[str, Any]
    ) -> None:
        with pytest.raises(RefusedError):
            kubeconfig.of_document(document(cluster), "x")

    @pytest.mark.parametrize(
        "user",
        [
            {"exec": {"command": "/bin/sh", "apiVersion": "client.authentication.k8s.io/v1"}},
            {"auth-provider": {"name": "oidc"}},
            {"tokenFile": "/etc/passwd"},
            {"token": "", "tokenFile": "/etc/passwd"},
            {"client-key": "/etc/shadow"},
            {"client-certificate": "/etc/shadow"},
            {"as": "admin"},
            {"username": "a", "password": "b"},
            {"token": "one\ntwo"},
            {"token": "one two\u202e"},
            {"token": "ü"},
        ],
    )
    def test_is_refused_with_a_user_that_runs_or_reads_anything(self, user: dict[str, Any]) -> None:
        with pytest.raises(RefusedError):
            kubeconfig.of_document(document(user=user), "x")

    @pytest.mark.parametrize(
        "server",
        [
            "https://169.254.169.254",
            "https://169.254.169.254:443/latest/meta-data",
            "https://[fe80::1%25eth0]:6443",
            "https://[::ffff:a9fe:a9fe]",
            "https://2852039166",
            "https://metadata.google.internal",
        ],
    )
    def test_leads_to_no_metadata_service(self, server: str) -> None:
        with pytest.raises(RefusedError, match="link-local"):
            kubeconfig.of_document(document({"server": server}), "x")

    @pytest.mark.parametrize("kind", ["contexts", "clusters", "users"])
    def test_is_refused_without_a_part(self, kind: str) -> None:
        with pytest.raises(RefusedError, match=f"no {kind[:-1]} 'a'"):
            kubeconfig.of_document({**document(), kind: []}, "x")

    @pytest.mark.parametrize("found", [None, [], "text", 7, {}])
    def test_is_refused_where_it_is_none(self, found: object) -> None:
        with pytest.raises(RefusedError):
            kubeconfig.of_document(found, "x")

    def test_may_hold_more_than_memory_in_ten_lines(self) -> None:
        lines = ["current-context: &a0 [x]"]
        lines += [
            f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]"  # each holds nine of the one before
            for n in range(1, 30)
        ]
        lines.append("contexts: [{name: *a29, context: {}}]")
        (found,) = load_objects("\n".join(lines))
        found["current-context"] = found["a29"]
        with pytest.raises(RefusedError, match="no context ''"):
            kubeconfig.of_document(found, "x")


@pytest.mark.parametrize(
    "url",
    ["https://api.example.com", "https://10.0.0.1:6443", "https://[2001:db8::1]:6443/clusters/a"],
)
def test_a_server_is_an_https_url(url: str) -> None:
    assert kubeconfig.is_server(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.example.com",
        "http://api.example.com",
        "HTTP://api.example.com",
        "file:///etc/passwd",
        "https://",
        "https://:6443",
        "https://user@api.example.com",
        "https://user:hunter2@api.example.com",
        "https://api.example.com?x=y",
        "https://api.example.com#x",
        "https://api.example.com\\@evil.example.com",
        "https://api.example.com:0",
        "https://api.example.com:99999",
        "https://api.example.com:port",
        "https://api.example.com/\r\nHost: evil",
        "https://api.example.com/\u202e",
        "https://api example.com",
        "https://[::1",
    ],
)
def test_anything_else_is_no_server(url: str) -> None:
    assert not kubeconfig.is_server(url)


FIELDS = st.sampled_from(
    [
        *("contexts", "clusters", "users", "current-context", "name", "context", "cluster", "user"),
        *("server", "token", "tokenFile", "exec", "auth-provider", "client-key", "command"),
        *("certificate-authority", "certificate-authority-data", "client-certificate-data"),
        *("insecure-skip-tls-verify", "proxy-url", "tls-server-name", "client-key-data", "as"),
    ]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from([*HOSTILE, "a", SERVER, "/etc/passwd", "Q0E="])
)
NESTED = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=4),
    max_leaves=15,
)
DOCUMENTS = NESTED | st.builds(
    document,
    st.dictionaries(FIELDS, SCALARS | NESTED, max_size=4),
    st.dictionaries(FIELDS, SCALARS | NESTED, max_size=4),
)


@pytest.fixture(scope="module")
def _no_files_and_no_programs() -> Iterator[None]:
    """Opening a file or starting a program ends the test; hooks of audit cannot be taken away."""
    is_on = True

    def refuse(event: str, arguments: tuple[object, ...]) -> None:
        if is_on and event in ("open", "subprocess.Popen", "os.posix_spawn", "socket.connect"):
            if event == "open" and str(arguments[0]).endswith((".py", ".pyc", "/constants")):
                return  # Python's and Hypothesis' own
            raise AssertionError(f"{event} {arguments[0]!r}")

    sys.addaudithook(refuse)
    yield
    is_on = False


@pytest.mark.usefixtures("_no_files_and_no_programs")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], database=None)
@given(found=DOCUMENTS)
@example(document(user={"exec": {"command": "/bin/true", "apiVersion": "x"}}))
@example(document({"certificate-authority": "/etc/passwd"}, {"tokenFile": "/etc/passwd"}))
def test_no_document_of_a_cluster_reads_or_runs_anything(found: object) -> None:
    try:
        access = kubeconfig.of_document(found, "x")
    except RefusedError:
        return
    assert kubeconfig.is_server(access.server)
    assert access.proxy is None
    assert not access.insecure
