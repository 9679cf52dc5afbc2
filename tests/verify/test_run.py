"""The whole of ``validate`` on real repositories."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from extcp_gitops.errors import ExitCode, ExtcpError, Severity
from extcp_gitops.generate import Options, generate, generated_tree
from extcp_gitops.verify.run import check_objects, validate
from tests import gitrepo, meshes
from tests.strategies import inventories

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from extcp_gitops.inventory.model import Inventory
    from extcp_gitops.verify.run import Report
    from tests.repositories import Scene

COMPONENT = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"
REMOTE = "clusters/remote-cluster-2"


@pytest.fixture
def root(host_name: Scene, tmp_path: Path) -> Path:
    return shutil.copytree(host_name.root, tmp_path / "root")


@pytest.fixture
def run(
    root: Path,
    istioctl_path: Path,
    kustomize_on_path: None,  # noqa: ARG001 - on PATH
) -> Callable[..., Report]:
    return lambda *names: validate(root, Options(istioctl=istioctl_path), names)


@pytest.fixture
def customise(root: Path, istioctl_path: Path) -> Callable[[str, str], None]:
    """Put a person's directory beside a cluster."""

    def write(kustomization: str, text: str = "") -> None:
        custom = root / REMOTE / "custom"
        custom.mkdir()
        (custom / "kustomization.yaml").write_text(kustomization)
        (custom / "x.yaml").write_text(text)
        generate(root, Options(istioctl=istioctl_path))

    return write


def codes(report: Report) -> set[str]:
    return {finding.code for finding in report.findings if finding.severity is Severity.ERROR}


def test_a_generated_repository_is_valid(run: Callable[..., Report]) -> None:
    report = run()
    assert report.findings == ()
    assert report.unknown == ()
    assert report.exit_code is ExitCode.OK
    assert report.counts.clusters == 3
    assert 80 < report.counts.distinct < report.counts.objects


def test_a_mesh_below_the_top_of_its_repository_is_not_valid(
    run: Callable[..., Report], root: Path
) -> None:
    gitrepo.begin(root.parent)
    assert codes(run()) == {"EXTCP-V007"}


def test_clusters_can_be_chosen(run: Callable[..., Report], root: Path) -> None:
    (root / "clusters/remote-cluster-1/kustomization.yaml").unlink()
    assert run("remote-cluster-2").counts.clusters == 1
    with pytest.raises(ExtcpError, match="EXTCP-I015"):
        run("remote-cluster-3")


def test_an_inventory_that_is_not_valid_keeps_no_secret(
    run: Callable[..., Report], root: Path
) -> None:
    (root / "mesh.yaml").write_text(f"kind: Mish\n{meshes.private_key()}")
    assert codes(run()) >= {"EXTCP-V031"}
    assert any(code[:7] in {"EXTCP-I", "EXTCP-Y"} for code in codes(run()))


def test_what_is_wrong_with_the_bots_file_is_found(run: Callable[..., Report], root: Path) -> None:
    header = "apiVersion: extcp-gitops.io/v1alpha1\nkind: Bot\n"
    (root / "bot.yaml").write_text(f"{header}proposals: {{maxOpen: 0}}\n")
    (finding,) = run().findings
    assert (finding.location, finding.code) == ("bot.yaml:3:22", "EXTCP-B004")
    (root / "bot.yaml").write_text(header)
    assert run().findings == ()


def test_warnings_about_the_inventory_are_no_failure(
    run: Callable[..., Report], root: Path, istioctl_path: Path
) -> None:
    mesh = root / "mesh.yaml"
    mesh.write_text(mesh.read_text().partition("    certificateAuthority")[0])
    generate(root, Options(istioctl=istioctl_path))
    report = run()
    assert [finding.code for finding in report.findings] == ["EXTCP-I041"]
    assert report.exit_code is ExitCode.OK


RESOURCE = f"{COMPONENT}resources: [x.yaml]\n"
JOB = """\
apiVersion: batch/v1
kind: Job
metadata: {name: x, namespace: external-istiod}
spec: {template: {spec: {containers: []}}}
"""
ELSEWHERE = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: kube-system}\n"
CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"
MISSPELT = """\
apiVersion: v1
kind: Service
metadata: {name: x, namespace: external-istiod}
spec: {port: 80}
"""
GATEWAY = """\
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: x, namespace: external-istiod}
spec: {selector: {istio: ingressgateway}, servers: []}
"""


def patch(kind: str, operation: str) -> str:
    return f"{COMPONENT}patches:\n- target: {{kind: {kind}}}\n  patch: |\n    - {operation}\n"


@pytest.mark.parametrize(
    ("kustomization", "text", "code"),
    [
        (f"{COMPONENT}resources: [nowhere.yaml]\n", "", "EXTCP-V003"),
        (f"{COMPONENT}secretGenerator:\n- name: x\n  literals: [a=b]\n", "", "EXTCP-V030"),
        (RESOURCE, JOB, "EXTCP-V050"),
        (RESOURCE, ELSEWHERE, "EXTCP-V050"),
        (RESOURCE, MISSPELT, "EXTCP-V060"),
        (
            patch(
                "Namespace",
                "{op: replace, path: /metadata/labels/topology.istio.io~1network, value: x}",
            ),
            "",
            "EXTCP-V013",
        ),
        (
            patch(
                "Namespace",
                "{op: remove, path: /metadata/annotations/argocd.argoproj.io~1sync-options}",
            ),
            "",
            "EXTCP-V040",
        ),
    ],
)
def test_what_a_person_adds_is_checked_with_the_rest(
    run: Callable[..., Report],
    customise: Callable[[str, str], None],
    kustomization: str,
    text: str,
    code: str,
) -> None:
    customise(kustomization, text)
    report = run()
    assert codes(report) == {code}
    assert report.exit_code is ExitCode.FINDINGS
    assert all(finding.file.startswith(REMOTE) for finding in report.findings)


def test_a_components_own_objects_and_patches_are_fine(
    run: Callable[..., Report], customise: Callable[[str, str], None]
) -> None:
    annotate = "{op: add, path: /metadata/annotations, value: {example.com/internal: 'true'}}"
    customise(f"{patch('Service', annotate)}resources: [x.yaml]\n", GATEWAY)
    assert run().findings == ()


def test_a_secret_in_a_file_that_nothing_builds_is_found(
    run: Callable[..., Report], root: Path
) -> None:
    (root / REMOTE / "notes.txt").write_text(f"do not lose:\n{meshes.private_key()}")
    (finding,) = run().findings
    assert (finding.code, finding.location) == ("EXTCP-V031", f"{REMOTE}/notes.txt:2:1")


def test_without_kustomize_the_rest_is_checked_and_it_is_no_success(
    root: Path, istioctl_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    options = Options(istioctl=istioctl_path)
    report = validate(root, options)
    assert report.findings == ()
    assert [finding.code for finding in report.unknown] == ["EXTCP-V004"]
    assert report.exit_code is ExitCode.COULD_NOT_TELL
    (root / "argocd/application.yaml").unlink()
    (root / REMOTE / "notes.txt").write_text(meshes.private_key())
    report = validate(root, options)
    assert codes(report) == {"EXTCP-V001", "EXTCP-V031"}
    assert report.exit_code is ExitCode.FINDINGS


@pytest.mark.usefixtures("kustomize_on_path")
def test_without_istioctl_the_rest_is_checked_and_it_is_no_success(
    root: Path, empty_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("EXTCP_ISTIO_RELEASES", "https://127.0.0.1:1/nowhere")
    report = validate(root, Options())
    assert report.findings == ()
    assert report.counts.clusters == 3
    assert {finding.code[:7] for finding in report.unknown} == {"EXTCP-T"}
    assert report.exit_code is ExitCode.COULD_NOT_TELL
    assert empty_cache.is_dir()


@pytest.mark.usefixtures("kustomize_on_path")
@settings(
    max_examples=4,
    derandomize=True,  # so that the render cache knows them the next time
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(inventory=inventories(max_planes=2, max_remotes=4))
def test_every_generated_inventory_is_valid(
    inventory: Inventory,
    istioctl_path: Path,
    istioctl_other: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    root = tmp_path_factory.mktemp("inventory")
    program = istioctl_path if inventory.mesh.istio_version == "1.29.1" else istioctl_other
    for path, raw in generated_tree(inventory, Options(istioctl=program)).contents.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(raw)
    for cluster in inventory.clusters:
        if cluster.custom:
            custom = root / cluster.directory / "custom"
            custom.mkdir()
            (custom / "kustomization.yaml").write_text(RESOURCE)
            (custom / "x.yaml").write_text(CONFIG_MAP)
    report = check_objects(root, inventory, inventory.clusters)
    assert (report.findings, report.unknown) == ((), ())
    assert report.counts.clusters == len(inventory.clusters)
