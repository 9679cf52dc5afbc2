from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from extcp_gitops.errors import CouldNotTellError, ExtcpError
from extcp_gitops.verify import build
from extcp_gitops.verify.objects import Reader

if TYPE_CHECKING:
    from pathlib import Path

CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n"


@pytest.fixture
def program(kustomize: Path) -> build.Kustomize:
    confined = ("--load-restrictor", "LoadRestrictionsRootOnly")
    return build.Kustomize((str(kustomize), "build", *confined))


def write(root: Path, directory: str, resource: str = "x.yaml", text: str = "") -> None:
    (root / directory).mkdir(parents=True)
    (root / directory / "kustomization.yaml").write_text(f"resources:\n- {resource}\n")
    if text:
        (root / directory / "x.yaml").write_text(text)


@pytest.mark.usefixtures("kustomize_on_path")
def test_kustomize_is_found_on_path(kustomize: Path) -> None:
    command = build.find().command
    assert command[0].endswith("/kustomize")
    assert command[1:] == ("build", "--load-restrictor", "LoadRestrictionsRootOnly")
    assert kustomize.is_file()


def test_the_one_in_kubectl_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kubectl = tmp_path / "kubectl"
    kubectl.write_text("#!/bin/sh\n")
    kubectl.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert build.find().command[:2] == (str(kubectl), "kustomize")


def test_without_either_nothing_can_be_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CouldNotTellError, match="EXTCP-V004"):
        build.find()


def test_each_directory_is_built_and_told_of(program: build.Kustomize, tmp_path: Path) -> None:
    names = [f"clusters/c{number}" for number in range(5)]
    for name in names:
        write(tmp_path, name, text=CONFIG_MAP.format(name=name.replace("/", "-")))
    told: list[tuple[int, int]] = []
    outcome = build.build(
        program, tmp_path, names, Reader(), lambda done, total: told.append((done, total))
    )
    assert [part.directory for part in outcome.built] == names
    assert [doc.name for part in outcome.built for doc in part.documents] == [
        name.replace("/", "-") for name in names
    ]
    assert told == [(number, 5) for number in range(1, 6)]


def test_one_that_fails_fails_alone(program: build.Kustomize, tmp_path: Path) -> None:
    write(tmp_path, "clusters/good", text=CONFIG_MAP.format(name="x"))
    write(tmp_path, "clusters/bad", resource="nowhere.yaml")
    outcome = build.build(program, tmp_path, ["clusters/bad", "clusters/good"], Reader())
    assert [part.directory for part in outcome.built] == ["clusters/good"]
    (finding,) = outcome.findings
    assert (finding.code, finding.file) == ("EXTCP-V003", "clusters/bad")
    assert "nowhere.yaml" in finding.message
    assert outcome.unknown == ()


def test_no_file_outside_is_read(program: build.Kustomize, tmp_path: Path) -> None:
    (tmp_path / "outside.yaml").write_text(CONFIG_MAP.format(name="x"))
    write(tmp_path, "root/clusters/a", resource="../../../outside.yaml")
    outcome = build.build(program, tmp_path / "root", ["clusters/a"], Reader())
    assert [finding.code for finding in outcome.findings] == ["EXTCP-V003"]


def test_one_that_hangs_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "TIMEOUT_SECONDS", 0.2)
    outcome = build.build(build.Kustomize(("sleep", "60", "#")), tmp_path, ["x"], Reader())
    assert outcome.findings or outcome.unknown
    hangs = build.build(build.Kustomize(("sh", "-c", "sleep 60", "sh")), tmp_path, ["x"], Reader())
    assert [finding.code for finding in hangs.unknown] == ["EXTCP-T003"]
    assert [finding.file for finding in hangs.unknown] == ["x"]


def test_what_prints_no_objects_is_unknown(tmp_path: Path) -> None:
    outcome = build.build(build.Kustomize(("echo", "- a list")), tmp_path, [""], Reader())
    assert [finding.code for finding in outcome.unknown] == ["EXTCP-Y020"]


def test_plain_files_are_read_in_order(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / f"{name}.yaml").write_text(CONFIG_MAP.format(name=name))
    (tmp_path / "c.yaml").write_text("]")
    (tmp_path / "d.txt").write_text("]")
    outcome = build.read(tmp_path.parent, tmp_path.name, Reader())
    assert [document.name for document in outcome.built[0].documents] == ["a", "b"]
    assert [finding.code for finding in outcome.findings] == ["EXTCP-V005"]
    assert outcome.findings[0].file == f"{tmp_path.name}/c.yaml"


def test_a_link_out_of_the_repository_and_a_pipe_are_not_read(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "a").mkdir(parents=True)
    (tmp_path / "outside.yaml").write_text(CONFIG_MAP.format(name="x"))
    (root / "a/link.yaml").symlink_to(tmp_path / "outside.yaml")
    os.mkfifo(root / "a/pipe.yaml")
    (root / "b").symlink_to(tmp_path)
    for directory, count in (("a", 2), ("b", 1)):
        outcome = build.read(root, directory, Reader())
        assert outcome.built[0].documents == ()
        assert [finding.code for finding in outcome.findings] == ["EXTCP-V005"] * count


def test_a_directory_that_is_missing_holds_nothing(tmp_path: Path) -> None:
    outcome = build.read(tmp_path, "nowhere", Reader())
    assert outcome.built[0].documents == ()
    assert outcome.findings == ()


def test_a_missing_program_is_no_finding_about_a_cluster(tmp_path: Path) -> None:
    with pytest.raises(ExtcpError, match="EXTCP-T001"):
        build.Kustomize(("no-such-program",)).build(tmp_path, "x")
