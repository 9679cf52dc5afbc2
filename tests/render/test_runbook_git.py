"""What the runbook has a person do with Git, and that it works with the real one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extcp_gitops.inventory.load import load_directory
from tests import gitrepo, meshes, repositories
from tests.runbooks import HOST, VARIANTS, commands, readme, scripts, section
from tests.shell import follow

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Command

AUTHORITY = "    certificateAuthority:\n      type: plugged-in\n"
SECOND = """\
  - name: second
    address: second.example.com
    configCluster: remote-cluster-2
    tls:
      secretName: second-tls
"""


def test_branches_begin_at_what_is_merged() -> None:
    for planes in VARIANTS.values():
        for script in scripts(readme(*planes)):
            for line in script.splitlines():
                if "git switch" in line:
                    assert line.endswith(" origin/trunk"), "local branches are nobody's to update"
                    assert "git switch --no-track --create " in line
                    assert "git fetch origin\n" in script[: script.index(line)]


def test_a_conflict_of_two_roots_is_one_of_several_control_planes() -> None:
    merge = ["git", "merge", "origin/trunk"]
    assert merge in commands(section(readme(*VARIANTS["two"]), "6. Pin the root"))
    assert merge not in commands(readme(HOST))


def test_two_roots_that_conflict_are_brought_together_as_it_says(
    extcp: Command, tmp_path: Path, istioctl_path: Path, render_cache: Path
) -> None:
    root = tmp_path / "mesh"
    remote = meshes.replaced(meshes.REMOTE, "external-istiod", "second")
    changes = {
        "mesh.yaml": f"{meshes.MESH}{AUTHORITY}{SECOND}{AUTHORITY}",
        "clusters/remote-cluster-2/cluster.yaml": remote.format(name="remote-cluster-2"),
    }
    repositories.create(root, meshes.mesh(changes), istioctl_path, render_cache)
    repositories.commit(root)
    gitrepo.git(root, "remote", "add", "origin", str(gitrepo.bare(tmp_path / "forge.git")))
    gitrepo.git(root, "push", "--quiet", "origin", "main")
    (root / "root-cert.pem").write_text(meshes.certificate())

    first, second, mend = scripts(section((root / "README.md").read_text(), "6. Pin the root"))
    follow(first, root, istioctl_path, "-ue")
    follow(second, root, istioctl_path, "-ue")
    gitrepo.git(root, "push", "--quiet", "origin", "pin-root-external-istiod:main")
    said = follow(mend, root, istioctl_path, "-u")

    assert "Merge conflict in README.md" in said
    assert said.count("CONFLICT") == 1
    planes = load_directory(root).inventory.mesh.control_planes
    assert [plane.ca.root_certificate for plane in planes] == [meshes.certificate()] * 2
    assert extcp("-C", root, "generate", "--check") == 0
    assert gitrepo.status(root) == ["?? root-cert.pem"]
    gitrepo.git(root, "fetch", "--quiet", "origin")
    gitrepo.git(root, "merge-base", "--is-ancestor", "origin/main", "origin/pin-root-second")
    assert gitrepo.git(root, "diff", "origin/pin-root-second", "--") == ""
