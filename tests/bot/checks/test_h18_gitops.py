from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from extcp_bot.checks.model import Severity, State
from extcp_bot.kube.failure import CannotLookError
from tests import repositories
from tests.bot.fleets import CONFIG, EXTERNAL, NOW, PLANE, SECOND, World
from tests.gitrepo import git

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from extcp_bot.result import Result

CODE = "EXTCP-H18"
APPLICATIONS = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications"
ROOT, APP = "extcp-mesh1", f"mesh1.{SECOND}"
WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
INJECTOR = f"{WEBHOOKS}/istio-sidecar-injector-{PLANE}"
DEPLOYMENTS = f"/apis/apps/v1/namespaces/{PLANE}/deployments"
REFRESH = (
    f"kubectl --context {EXTERNAL} --namespace argocd annotate applications.argoproj.io {APP} "
    "argocd.argoproj.io/refresh=normal --overwrite"
)


def application(mesh: World, name: str = APP) -> Any:  # noqa: ANN401 - an object
    return mesh.external.objects[f"{APPLICATIONS}/{name}"]


def wrong(mesh: World, cluster: str = SECOND) -> list[Result]:
    return [each for each in mesh.check(CODE, cluster) if each.state is not State.HEALTHY]


def one(mesh: World, cluster: str = SECOND) -> Result:
    (found,) = wrong(mesh, cluster)
    return found


def test_every_application_and_what_it_deployed_is_looked_at(healthy_mesh: World) -> None:
    found = healthy_mesh.check(CODE)
    assert {each.state for each in found} == {State.HEALTHY}
    places = {(each.cluster, each.looked_at) for each in found}
    assert places == {
        (EXTERNAL, "Application extcp-mesh1"),
        *((name, f"objects of {name}") for name in (EXTERNAL, CONFIG, SECOND)),
        *((name, f"Application mesh1.{name}") for name in (EXTERNAL, CONFIG, SECOND)),
        *((name, f"Application mesh1.{name}.crds") for name in (EXTERNAL, CONFIG, SECOND)),
    }
    said = {each.cluster: each.found for each in found if "objects" in each.looked_at}
    assert said[SECOND] == "2 compared, all as in the working tree"
    assert said[EXTERNAL].startswith("12 compared")


def test_the_applications_are_read_once_for_all_clusters(healthy_mesh: World) -> None:
    healthy_mesh.check(CODE)
    reads = [each for each in healthy_mesh.external.requests if "applications" in each]
    assert len(reads) == 1


def test_a_missing_application_can_be_applied(healthy_mesh: World) -> None:
    del healthy_mesh.external.objects[f"{APPLICATIONS}/{APP}"]
    found = one(healthy_mesh)
    assert (found.problem, found.severity) == ("no-application", Severity.ERROR)
    assert found.command == (
        f"kubectl --context {EXTERNAL} apply --server-side --force-conflicts "
        f"--filename clusters/{SECOND}/argocd/applications.yaml"
    )


def test_the_root_stands_with_the_external_cluster(healthy_mesh: World) -> None:
    del healthy_mesh.external.objects[f"{APPLICATIONS}/{ROOT}"]
    found = one(healthy_mesh, EXTERNAL)
    assert (found.problem, found.looked_at) == ("no-application", f"Application {ROOT}")
    assert found.command.endswith("--filename argocd/application.yaml")
    assert not wrong(healthy_mesh, SECOND)


def test_argocd_may_have_a_context_of_its_own(healthy_mesh: World) -> None:
    del healthy_mesh.external.objects[f"{APPLICATIONS}/{APP}"]
    healthy_mesh.fleet = replace(healthy_mesh.fleet, argocd_context="management")
    assert "--context management " in one(healthy_mesh).command


@pytest.mark.parametrize("suffix", ["", "/background", "/foreground"])
def test_a_cascading_finalizer_can_be_taken_away(healthy_mesh: World, suffix: str) -> None:
    finalizer = f"resources-finalizer.argocd.argoproj.io{suffix}"
    application(healthy_mesh)["metadata"]["finalizers"] = [finalizer]
    found = one(healthy_mesh)
    assert (found.problem, found.found) == ("cascades", finalizer)
    assert found.command == (
        f"kubectl --context {EXTERNAL} --namespace argocd patch applications.argoproj.io {APP} "
        """--type merge --patch '{"metadata":{"finalizers":null}}'"""
    )


def test_another_finalizer_is_no_danger(healthy_mesh: World) -> None:
    application(healthy_mesh)["metadata"]["finalizers"] = ["example.com/keep"]
    assert not wrong(healthy_mesh)


def test_an_application_on_its_way_out_is_critical(healthy_mesh: World) -> None:
    application(healthy_mesh)["metadata"]["deletionTimestamp"] = "2026-06-01T00:00:00Z"
    found = one(healthy_mesh)
    assert (found.problem, found.severity) == ("being-deleted", Severity.CRITICAL)


def _no_automation(app: Any) -> None:  # noqa: ANN401
    del app["spec"]["syncPolicy"]["automated"]


def _paused(app: Any) -> None:  # noqa: ANN401
    app["spec"]["syncPolicy"]["automated"]["enabled"] = False


def _another_branch(app: Any) -> None:  # noqa: ANN401
    app["spec"]["source"]["targetRevision"] = "try"


def _overlooks(app: Any) -> None:  # noqa: ANN401
    app["spec"]["ignoreDifferences"] = [{"kind": "Deployment", "jsonPointers": ["/spec"]}]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_no_automation, "syncPolicy.automated.prune is none, not True"),
        (_paused, "syncPolicy.automated.enabled is false, not true"),
        (_another_branch, "source.targetRevision is try, not main"),
        (_overlooks, "ignoreDifferences is 1 entries, not 0 entries"),
    ],
)
def test_a_changed_application_is_named_with_the_change(
    healthy_mesh: World, change: Callable[[Any], None], said: str
) -> None:
    change(application(healthy_mesh))
    found = one(healthy_mesh)
    assert found.problem == "changed-application"
    assert said in found.found
    assert f"--filename clusters/{SECOND}/argocd/applications.yaml" in found.command


def test_what_argocd_writes_out_is_no_change(healthy_mesh: World) -> None:
    app = application(healthy_mesh)
    app["spec"]["syncPolicy"]["automated"]["allowEmpty"] = False
    app["spec"]["syncPolicy"]["automated"]["enabled"] = True
    assert not wrong(healthy_mesh)


def test_out_of_sync_resources_are_named(healthy_mesh: World) -> None:
    app = application(healthy_mesh)
    app["status"]["sync"]["status"] = "OutOfSync"
    app["status"]["resources"] = [
        {"kind": "Namespace", "name": PLANE, "status": "Synced"},
        *(
            {"kind": "Role", "namespace": PLANE, "name": name, "status": "OutOfSync"}
            for name in "abcd"
        ),
    ]
    found = one(healthy_mesh)
    roles = ", ".join(f"Role {PLANE}/{name}" for name in "abc")
    assert (found.problem, found.found) == ("out-of-sync", f"OutOfSync: {roles} and 1 more")
    assert found.command == REFRESH


def test_an_application_that_was_never_compared_is_not_synced(healthy_mesh: World) -> None:
    application(healthy_mesh)["status"]["sync"] = {}
    assert (one(healthy_mesh).problem, one(healthy_mesh).found) == ("out-of-sync", "never compared")


def test_a_failed_sync_says_which_resource(healthy_mesh: World) -> None:
    app = application(healthy_mesh)
    app["status"]["sync"]["status"] = "OutOfSync"
    failed = {"kind": "Role", "name": "a", "status": "SyncFailed", "message": "denied"}
    app["status"]["operationState"] = {
        "phase": "Failed",
        "message": "one or more objects failed",
        "syncResult": {"resources": [failed]},
    }
    found = one(healthy_mesh)
    assert found.problem == "sync-failed"
    assert found.found == "Failed: Role a: denied, one or more objects failed"


def test_an_error_of_argocd_says_more_than_its_status(healthy_mesh: World) -> None:
    app = application(healthy_mesh)
    app["status"]["sync"]["status"] = "Unknown"
    app["status"]["conditions"] = [{"type": "ComparisonError", "message": "no such path"}]
    found = one(healthy_mesh)
    assert (found.problem, found.found) == ("application-error", "ComparisonError: no such path")


def test_a_warning_of_argocd_is_a_warning(healthy_mesh: World) -> None:
    condition = {"type": "SharedResourceWarning", "message": "Role a is part of b"}
    application(healthy_mesh)["status"]["conditions"] = [condition]
    found = one(healthy_mesh)
    assert (found.problem, found.severity) == ("application-warning", Severity.WARNING)


@pytest.mark.parametrize(
    ("health", "problem", "severity"),
    [
        ("Degraded", "degraded", Severity.ERROR),
        ("Missing", "degraded", Severity.ERROR),
        ("Progressing", "not-yet-healthy", Severity.WARNING),
        ("", "not-yet-healthy", Severity.WARNING),
    ],
)
def test_health_is_that_of_what_was_deployed(
    healthy_mesh: World, health: str, problem: str, severity: Severity
) -> None:
    application(healthy_mesh)["status"]["health"] = {"status": health, "message": "why"}
    found = one(healthy_mesh)
    assert (found.problem, found.severity) == (problem, severity)
    assert found.found == f"{health or 'unknown'}: why"


def syncing(mesh: World, started: object, cluster: str = SECOND) -> None:
    """Argo CD applies a merge, of which it has brought nothing yet."""
    status = application(mesh, f"mesh1.{cluster}")["status"]
    status["sync"]["status"] = "OutOfSync"
    status["health"] = {"status": "Missing"}
    status["operationState"] = {"phase": "Running", "startedAt": started, "message": ""}
    del mesh.servers[cluster].objects[INJECTOR]


def minutes_ago(mesh: World, minutes: int) -> str:
    return (mesh.fleet.now() - timedelta(minutes=minutes)).isoformat()


def test_what_a_running_sync_has_yet_to_bring_is_no_error(healthy_mesh: World) -> None:
    syncing(healthy_mesh, minutes_ago(healthy_mesh, 9))
    found = {each.looked_at: each for each in healthy_mesh.check(CODE, SECOND)}
    health = found.pop(f"Application {APP}, health")
    assert (health.problem, health.severity) == ("not-yet-healthy", Severity.WARNING)
    assert {each.state for each in found.values()} == {State.HEALTHY}
    objects = found[f"objects of {SECOND}"]
    assert objects.found == "not compared while Argo CD's sync runs"


def test_a_sync_that_runs_is_told_of_an_application_in_order(healthy_mesh: World) -> None:
    syncing(healthy_mesh, minutes_ago(healthy_mesh, 1))
    application(healthy_mesh)["status"]["health"] = {"status": "Healthy"}
    said = {each.looked_at: each.found for each in healthy_mesh.check(CODE, SECOND)}
    assert said[f"Application {APP}"].startswith("OutOfSync and Healthy at ")
    assert said[f"Application {APP}"].endswith(", a sync runs")


def out_of_sync(mesh: World, *, ended: int | None, compared: int, is_asked: bool = False) -> None:
    """Argo CD found a difference when it last compared; times are seconds ago."""
    item = application(mesh)
    now = mesh.fleet.now()
    if is_asked:
        item["operation"] = {"sync": {}}
    item["status"]["sync"]["status"] = "OutOfSync"
    item["status"]["reconciledAt"] = (now - timedelta(seconds=compared)).isoformat()
    item["status"]["operationState"] = {"phase": "Succeeded", "message": ""}
    if ended is not None:
        end = (now - timedelta(seconds=ended)).isoformat()
        item["status"]["operationState"]["finishedAt"] = end


@pytest.mark.parametrize(
    ("ended", "compared", "is_asked"), [(5, 5, False), (5, 8, False), (9, 1, False), (500, 2, True)]
)
def test_what_argocd_says_while_a_sync_begins_and_ends_is_no_error(
    healthy_mesh: World, ended: int, compared: int, *, is_asked: bool
) -> None:
    out_of_sync(healthy_mesh, ended=ended, compared=compared, is_asked=is_asked)
    assert not wrong(healthy_mesh)


@pytest.mark.parametrize(
    ("ended", "compared", "is_asked"),
    [(60, 2, False), (None, 2, False), (660, 655, False), (660, 655, True)],
)
def test_a_difference_that_argocd_finds_at_another_time_is_one(
    healthy_mesh: World, ended: int | None, compared: int, *, is_asked: bool
) -> None:
    out_of_sync(healthy_mesh, ended=ended, compared=compared, is_asked=is_asked)
    assert one(healthy_mesh).problem == "out-of-sync"


@pytest.mark.parametrize("minutes", [11, None])
def test_a_sync_that_does_not_end_excuses_nothing(healthy_mesh: World, minutes: int | None) -> None:
    syncing(healthy_mesh, minutes and minutes_ago(healthy_mesh, minutes))
    found = {each.problem for each in wrong(healthy_mesh)}
    assert found == {"out-of-sync", "degraded", "drift"}


@pytest.mark.parametrize("status", [{}, {"sync": {"status": 1}, "health": {}, "resources": {}}])
def test_a_status_that_is_none_breaks_nothing(healthy_mesh: World, status: object) -> None:
    application(healthy_mesh)["status"] = status
    found = wrong(healthy_mesh)
    assert {each.problem for each in found} == {"out-of-sync", "not-yet-healthy"}


def test_a_changed_webhook_is_drift_whatever_argocd_says(healthy_mesh: World) -> None:
    hook = healthy_mesh.second.objects[INJECTOR]["webhooks"][0]
    hook["clientConfig"]["url"] = "https://elsewhere.example.com"
    found = one(healthy_mesh)
    assert (found.problem, found.severity) == ("drift", Severity.ERROR)
    assert f"webhooks[{hook['name']}].clientConfig.url is https://elsewhere" in found.found
    assert found.command == (
        f"kubectl --context {SECOND} apply --server-side --force-conflicts "
        f"--kustomize clusters/{SECOND}"
    )


def test_what_a_cloud_adds_to_the_selectors_of_webhooks_is_no_drift(healthy_mesh: World) -> None:
    for hook in healthy_mesh.second.objects[INJECTOR]["webhooks"]:
        added = {"key": "control-plane", "operator": "DoesNotExist"}
        hook["namespaceSelector"]["matchExpressions"].append(added)
    assert not wrong(healthy_mesh)


def test_a_namespace_that_somebody_leaves_out_of_a_webhook_is_drift(healthy_mesh: World) -> None:
    hook = healthy_mesh.second.objects[INJECTOR]["webhooks"][0]
    added = {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["sample"]}
    hook["namespaceSelector"]["matchExpressions"].append(added)
    assert "namespaceSelector.matchExpressions" in one(healthy_mesh).found


def test_a_deleted_webhook_configuration_is_drift(healthy_mesh: World) -> None:
    del healthy_mesh.second.objects[INJECTOR]
    found = one(healthy_mesh)
    assert (found.problem, found.found) == ("drift", "not there")


def test_a_lost_annotation_of_the_namespace_is_drift(healthy_mesh: World) -> None:
    namespace = healthy_mesh.second.objects[f"/api/v1/namespaces/{PLANE}"]
    del namespace["metadata"]["annotations"]["topology.istio.io/controlPlaneClusters"]
    assert "metadata.annotations.topology.istio.io/controlPlaneClusters" in one(healthy_mesh).found


def test_what_others_add_is_no_drift(healthy_mesh: World) -> None:
    namespace = healthy_mesh.second.objects[f"/api/v1/namespaces/{PLANE}"]
    namespace["metadata"]["labels"]["team"] = "payments"
    assert not wrong(healthy_mesh)


@pytest.mark.parametrize(
    "path",
    [
        f"/apis/networking.istio.io/v1/namespaces/{PLANE}/virtualservices/{PLANE}-vs",
        f"/apis/networking.istio.io/v1/namespaces/{PLANE}/destinationrules/{PLANE}-dr",
        "/apis/apps/v1/namespaces/istio-system/deployments/istio-ingressgateway",
        f"{DEPLOYMENTS}/istiod",
    ],
)
def test_the_external_cluster_is_compared_from_the_gateway_to_istiod(
    healthy_mesh: World, path: str
) -> None:
    healthy_mesh.external.objects[path]["spec"] = {}
    found = one(healthy_mesh, EXTERNAL)
    assert found.problem == "drift"
    assert path.rpartition("/")[2] in found.looked_at


def test_istiod_may_patch_its_own_webhooks(healthy_mesh: World) -> None:
    base = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
    for hook in healthy_mesh.external.objects[f"{base}/istio-validator-istio-system"]["webhooks"]:
        hook["failurePolicy"] = "Fail"
        hook["clientConfig"]["caBundle"] = "Q0E="
    assert not wrong(healthy_mesh, EXTERNAL)


def test_no_way_to_argocd_is_unknown_and_drift_is_seen_all_the_same(healthy_mesh: World) -> None:
    del healthy_mesh.second.objects[INJECTOR]
    nobody = CannotLookError("nobody said how", "say how", "Argo CD")
    healthy_mesh.fleet = replace(healthy_mesh.fleet, argocd=nobody)
    found = wrong(healthy_mesh)
    assert [(each.state, each.problem) for each in found] == [
        (State.UNKNOWN, ""),
        (State.UNHEALTHY, "drift"),
    ]


def test_no_permission_is_unknown_and_says_which(healthy_mesh: World) -> None:
    healthy_mesh.external.denied.add(APPLICATIONS)
    assert APPLICATIONS in one(healthy_mesh).found


def test_without_kustomize_nothing_is_compared(
    healthy_mesh: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("env", "git"):
        program = shutil.which(name)
        assert program is not None
        (tmp_path / name).symlink_to(program)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = one(healthy_mesh)
    assert found.state is State.UNKNOWN
    assert "kustomize" in found.found


def test_a_cluster_that_is_not_on_the_main_branch_is_not_compared(
    healthy_mesh: World, tmp_path: Path
) -> None:
    healthy_mesh.fleet = replace(healthy_mesh.fleet, root=tmp_path)
    found = one(healthy_mesh)
    assert found.state is State.UNKNOWN
    assert f"the working tree does not have clusters/{SECOND}" in found.found


class TestInGit:
    """The repository as a clone, and Argo CD at one of its commits."""

    @pytest.fixture
    def mesh(self, healthy_mesh: World, tmp_path: Path) -> World:
        root = tmp_path / "clone"
        shutil.copytree(healthy_mesh.fleet.root, root)
        repositories.commit(root)
        git(root, "update-ref", "refs/remotes/origin/main", "HEAD")
        healthy_mesh.fleet = replace(healthy_mesh.fleet, root=root, now=lambda: NOW)
        self.sync(healthy_mesh)
        return healthy_mesh

    def sync(self, mesh: World, minutes: int = 1) -> None:
        """Let Argo CD look at the main branch, some time ago."""
        head = git(mesh.fleet.root, "rev-parse", "HEAD").strip()
        looked = (NOW - timedelta(minutes=minutes)).isoformat()
        for name in (ROOT, *(f"mesh1.{c}{s}" for c in mesh.servers for s in ("", ".crds"))):
            status = application(mesh, name)["status"]
            status["sync"]["revision"], status["reconciledAt"] = head, looked

    def merge(self, mesh: World, path: str, old: str, new: str) -> None:
        """Change a file on origin's main branch, and nothing in the working tree."""
        root = mesh.fleet.root
        file = root / path
        before = file.read_text()
        assert old in before
        file.write_text(before.replace(old, new))
        identity = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
        git(root, *identity, "commit", "--quiet", "--all", "--message=Change")
        git(root, "update-ref", "refs/remotes/origin/main", "HEAD")
        git(root, "reset", "--quiet", "--hard", "HEAD~1")

    def annotate(self, mesh: World) -> None:
        path = f"clusters/{SECOND}/namespace.yaml"
        self.merge(mesh, path, "  annotations:\n", "  annotations:\n    new: one\n")

    def test_what_was_fetched_of_the_main_branch_counts(self, mesh: World) -> None:
        found = mesh.check(CODE, SECOND)
        assert {each.state for each in found} == {State.HEALTHY}
        head = git(mesh.fleet.root, "rev-parse", "--short=12", "HEAD").strip()
        assert found[-1].found == f"2 compared, all as in origin/main ({head})"

    def test_a_branch_that_nobody_fetched_counts_where_there_is_no_other(self, mesh: World) -> None:
        git(mesh.fleet.root, "update-ref", "-d", "refs/remotes/origin/main")
        assert "all as in main (" in mesh.check(CODE, SECOND)[-1].found

    def test_the_working_tree_does_not_count(self, mesh: World) -> None:
        path = mesh.fleet.root / f"clusters/{SECOND}/namespace.yaml"
        path.write_text(path.read_text().replace("  annotations:\n", "  annotations:\n    a: b\n"))
        assert not wrong(mesh)

    def test_argocd_may_take_ten_minutes_to_see_a_merge(self, mesh: World) -> None:
        self.annotate(mesh)
        self.sync(mesh, minutes=9)
        assert not wrong(mesh)

    def test_after_that_it_is_behind_and_the_merge_is_not_live(self, mesh: World) -> None:
        self.sync(mesh, minutes=11)
        self.annotate(mesh)
        behind, drift = wrong(mesh)
        assert (behind.problem, behind.severity) == ("behind", Severity.WARNING)
        assert behind.command == REFRESH
        assert (drift.problem, "metadata.annotations.new" in drift.found) == ("drift", True)
        assert not wrong(mesh, CONFIG)

    def test_what_was_merged_is_compared_once_argocd_has_seen_it(self, mesh: World) -> None:
        self.annotate(mesh)
        git(mesh.fleet.root, "checkout", "--quiet", "origin/main")
        self.sync(mesh)
        assert one(mesh).problem == "drift"

    def test_a_changed_application_arrives_with_the_root(self, mesh: World) -> None:
        path = f"clusters/{SECOND}/argocd/applications.yaml"
        self.merge(mesh, path, "revisionHistoryLimit: 3", "revisionHistoryLimit: 4")
        assert not wrong(mesh)
        self.sync(mesh, minutes=11)
        assert {each.problem for each in wrong(mesh)} == {"behind", "changed-application"}
        assert one(mesh, EXTERNAL).problem == "behind"

    @pytest.mark.parametrize("revision", ["0" * 40, "--output=x", "main", "z" * 999])
    def test_a_commit_that_the_clone_does_not_have_is_unknown(
        self, mesh: World, revision: str
    ) -> None:
        application(mesh)["status"]["sync"]["revision"] = revision
        found = one(mesh)
        assert found.state is State.UNKNOWN
        assert "git fetch" in found.remedy

    def test_a_large_mesh_is_compared_where_argocd_finds_something(
        self, mesh: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("extcp_bot.checks.h18_gitops._MOST_BUILDS", 2)
        del mesh.second.objects[INJECTOR]
        assert not wrong(mesh)
        application(mesh)["status"]["sync"]["status"] = "OutOfSync"
        assert {each.problem for each in wrong(mesh)} == {"out-of-sync", "drift"}

    def test_no_more_than_some_of_a_large_mesh_are_compared_at_once(
        self, mesh: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("extcp_bot.checks.h18_gitops._MOST_BUILDS", 0)
        del mesh.second.objects[INJECTOR]
        application(mesh)["status"]["sync"]["status"] = "OutOfSync"
        found = {each.problem: each for each in wrong(mesh)}
        assert set(found) == {"out-of-sync", ""}
        assert found[""].state is State.UNKNOWN
        assert found[""].remedy == f"look at it alone: --cluster {SECOND}"

    def test_nothing_of_a_large_mesh_is_compared_where_argocd_says_nothing(
        self, mesh: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("extcp_bot.checks.h18_gitops._MOST_BUILDS", 2)
        del mesh.second.objects[INJECTOR]
        mesh.external.denied.add(APPLICATIONS)
        assert one(mesh).state is State.UNKNOWN
