from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING

import pytest

from extcp_gitops.verify import secrets
from extcp_gitops.verify.objects import Reader, distinct
from tests import meshes

if TYPE_CHECKING:
    from pathlib import Path

    from tests.repositories import Scene

KEY = meshes.private_key()
JWT = ".".join(
    base64.urlsafe_b64encode(part).rstrip(b"=").decode()
    for part in (b'{"alg":"RS256"}', b'{"sub":"system:serviceaccount"}', b"x" * 40)
)
WORD = "s3cr3t" + "Xy9" * 8
"""Stands for the secret in each text; no finding may show it."""


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (KEY, "private key"),
        ("x: |\n" + "".join(f"  {line}\n" for line in KEY.splitlines()), "private key"),
        ("-----BEGIN RSA PRIVATE KEY-----\n" + WORD, "private key"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\n" + WORD, "private key"),
        (f"tls.key: {base64.b64encode(KEY.encode()).decode()}", "private key"),
        *(
            (base64.b64encode(f"-----BEGIN {kind}PRIVATE KEY-----".encode()).decode(), "key")
            for kind in ("RSA ", "EC ", "DSA ", "ENCRYPTED ", "OPENSSH ", "")
        ),
        (f"anything: {JWT}", "token"),
        (f"users:\n- user:\n    token: {WORD}", "token"),
        (f'{{"users": [{{"user": {{"token":"{WORD}"}}}}]}}', "token"),
        (f"bearerToken: '{WORD}'", "token"),
        (f"    client-key-data: {WORD}", "client key"),
        (f"    password: {WORD}", "password"),
        (f"url: https://user:{WORD}@git.example.com/x.git", "URL"),
        (f"Authorization: Bearer {WORD}", "Authorization"),
        (f'"authorization": "Basic {WORD}"', "Authorization"),
        *(
            (f"value: {prefix}{'a1B2' * 10}", "forge or a cloud")
            for prefix in ("ghp_", "gho_", "ghs_", "github_pat_", "glpat-", "hvs.", "xoxb-")
        ),
        ("value: AKIA" + "A1B2" * 4, "cloud"),
        ("AGE-SECRET-KEY-1" + "Q2" * 20, "cloud"),
    ],
)
def test_a_secret_is_found_where_it_stands(text: str, what: str) -> None:
    found = list(secrets.scan(f"first: line\n{text}\n".encode(), "mesh.yaml"))
    assert found
    assert any(what in finding.message for finding in found)
    assert all(finding.code == "EXTCP-V031" and finding.line >= 2 for finding in found)
    shown = " ".join(f"{finding} {finding.remedy}" for finding in found)
    assert WORD not in shown
    assert "a1B2" not in shown
    assert KEY.splitlines()[1] not in shown


def test_line_and_column_lead_to_it() -> None:
    (found,) = secrets.scan(b"a: 1\nusers:\n  - token: " + WORD.encode(), "x.yaml")
    assert (found.file, found.line, found.column) == ("x.yaml", 3, 5)


@pytest.mark.parametrize(
    "text",
    [
        meshes.certificate(),
        base64.b64encode(meshes.certificate().encode()).decode(),
        "-----BEGIN PUBLIC KEY-----",
        "token: ${{ secrets.GITHUB_TOKEN }}",
        "token: {{ .token }}",
        'token: "{{ .token | b64enc | long enough 1234567890 }}"',
        "token: $TOKEN_OF_THE_CLUSTER_NUMBER_1",
        "token: <paste-the-token-of-cluster-1-here>",
        "token: ENC[AES256_GCM,data:aGVsbG8gd29ybGQ=,iv:1234567890]",
        "token: null",
        "serviceAccountToken: /var/run/secrets/tokens/istio-token-1234567",
        "token: a-path-without-any-digit-in-it",
        "path: istio-token\nexpirationSeconds: 43200",
        "password:\n  type: string",
        'password: ""',
        "password: |",
        "resources: [tokenreviews, secrets]",
        "name: istio-reader-service-account-istio-remote-secret-token",
        "url: ssh://git@git.example.com:22/x.git",
        "url: https://git.example.com:8443/a@b",
        "url: https://user:${PASSWORD}@git.example.com",
        "Authorization: Bearer $TOKEN",
        "sha256=" + "0123456789abcdef" * 4,
        "ghostly ghp_ glpat- eyJ",
    ],
)
def test_what_is_no_secret_is_none(text: str) -> None:
    assert list(secrets.scan(f"{text}\n".encode(), "x")) == []


def test_a_generated_repository_holds_none(host_name: Scene, ip_address: Scene) -> None:
    for scene in (host_name, ip_address):
        assert secrets.check_files(scene.root) == ([], [])
        assert list(secrets.check_objects(distinct(scene.built.values()))) == []


def test_every_place_of_the_repository_is_searched(tmp_path: Path) -> None:
    places = [
        "mesh.yaml",
        "README.md",
        ".github/workflows/x.yaml",
        ".gitea/workflows/x.yaml",
        ".gitlab-ci.yml",
        "argocd/x.yaml",
        "clusters/a/custom/deep/down/x.txt",
        "clusters/a/cluster.yaml",
        "istio/1.29.1/crds/x",
    ]
    for place in places:
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text(f"token: {WORD}\n")
    found, unread = secrets.check_files(tmp_path)
    assert {finding.file for finding in found} == set(places)
    assert unread == []


def test_a_link_leads_nowhere_and_a_pipe_hangs_nobody(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x.yaml").write_text(KEY)
    root = tmp_path / "root"
    (root / "clusters").mkdir(parents=True)
    (root / "clusters/link").symlink_to(outside)
    (root / "clusters/file").symlink_to(outside / "x.yaml")
    (root / "istio").symlink_to(outside)
    os.mkfifo(root / "clusters/pipe")
    assert secrets.check_files(root) == ([], [])


def test_a_directory_that_cannot_be_listed_is_said_to_be_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "clusters/a").mkdir(parents=True)
    scandir = os.scandir

    def refusing(path: str) -> object:
        if str(path).endswith("/a"):  # permissions stop everybody but root
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    found, unread = secrets.check_files(tmp_path)
    assert found == []
    assert [(finding.code, finding.file) for finding in unread] == [("EXTCP-V032", "clusters/a")]


def test_names_that_are_no_text_are_shown_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "clusters").mkdir()
    with open(os.fsencode(tmp_path) + b"/clusters/a\xff\n", "w") as file:  # noqa: PTH123
        file.write(KEY)
    ((found,), _) = secrets.check_files(tmp_path)
    assert found.file == r"clusters/a\udcff\n"


def test_a_file_that_is_too_large_is_said_to_be_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets, "_MAX_FILE_BYTES", 10)
    (tmp_path / "mesh.yaml").write_text("more than ten bytes")
    found, unread = secrets.check_files(tmp_path)
    assert found == []
    assert [(finding.code, finding.file) for finding in unread] == [("EXTCP-V032", "mesh.yaml")]


@pytest.mark.parametrize(
    ("more", "is_found"),
    [
        ("type: kubernetes.io/service-account-token", False),
        ("type: kubernetes.io/service-account-token\ndata: {}", False),
        ("type: kubernetes.io/service-account-token\ndata: {token: aGVsbG8=}", True),
        ("type: kubernetes.io/service-account-token\nstringData: {token: hello}", True),
        ("type: Opaque", True),
        ("stringData: {a: ENC}", True),
    ],
)
def test_only_the_empty_token_secret_is_allowed(more: str, *, is_found: bool) -> None:
    text = f"apiVersion: v1\nkind: Secret\nmetadata: {{name: x}}\n{more}\n"
    (secret,) = Reader().read(text)
    found = list(secrets.check_objects({secret: ["clusters/a", "clusters/b"]}))
    assert [finding.code for finding in found] == ["EXTCP-V030"] * is_found
    assert "aGVsbG8=" not in "".join(map(str, found))


def test_a_secret_of_another_group_is_not_kubernetes_own() -> None:
    (item,) = Reader().read("apiVersion: example.com/v1\nkind: Secret\ndata: {a: b}\n")
    assert list(secrets.check_objects({item: ["x"]})) == []
