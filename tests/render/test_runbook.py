from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import click
import pytest
from hypothesis import given, settings

from extcp_bot.cli import cli as bot
from extcp_gitops.cli import cli
from extcp_gitops.inventory.model import Destination, Inventory
from extcp_gitops.render import runbook
from tests import strategies
from tests.runbooks import BY_IP, EXTERNAL, HOST, VARIANTS, commands, readme, scripts, section

if TYPE_CHECKING:
    from pathlib import Path

# Law 2: additions never collide


@settings(max_examples=40)
@given(inventory=strategies.inventories())
def test_further_remote_clusters_change_nothing_in_it(inventory: Inventory) -> None:
    needed = tuple(
        cluster
        for cluster in inventory.clusters
        if cluster is inventory.external or inventory.is_config_cluster(cluster)
    )
    assert runbook.readme(Inventory(inventory.mesh, needed)) == runbook.readme(inventory)


# Its form


@settings(max_examples=40)
@given(inventory=strategies.inventories())
def test_every_command_is_one_for_a_shell(inventory: Inventory) -> None:
    text = runbook.readme(inventory)
    script = "\n".join(scripts(text))
    done = subprocess.run(
        ["bash", "-n"], input=script.encode(), capture_output=True, timeout=30, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    fences = re.findall(r"^ *```", text, re.MULTILINE)
    assert len(fences) == 2 * len(scripts(text)), "a fenced block is not closed"


@pytest.mark.parametrize("variant", VARIANTS)
def test_its_form_is_that_of_one_written_by_hand(variant: str) -> None:
    text = readme(*VARIANTS[variant])
    assert "\n\n\n" not in text
    assert not re.search(r"[ \t]$", text, re.MULTILINE)
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    for found in re.finditer(r"^( *)```sh\n", text, re.MULTILINE):
        assert text[: found.start()].endswith("\n\n"), "a block stands apart from the prose"
    for line in text.split("\n"):
        assert not line.startswith("|") or line.endswith("|")
    titles = re.findall(r"^## (.*)", text, re.MULTILINE)
    assert titles == [
        *("What is here", "Before you begin", "Bootstrap", "Verify", "Add a remote cluster"),
        *(
            "Remove a remote cluster",
            "Change the network of a remote cluster",
            "Upgrade Istio",
            "Recover",
        ),
    ]


# Its commands


def test_it_names_this_mesh() -> None:
    text = readme(HOST)
    assert "| `plane-1` | `istiod.example.com` | `conf-1` | `network1` |" in text
    assert "| `ext` | `name` `argo-ext` |" in text
    assert "| `conf-1` | `server` `https://conf-1.example.com:6443` |" in text
    for words in (
        ["argocd", "cluster", "add", "$CTX_EXTERNAL", "--name=argo-ext"],
        ["argocd", "cluster", "add", "$CTX_CONFIG"],
        ["kubectl", "--context=$CTX_ARGOCD", "apply", "--kustomize=argocd/"],
        ["curl", "--fail", "--max-time", "10", "https://istiod.example.com:15017/ready"],
    ):
        assert words in commands(text)
    assert "branch `trunk`" in text
    assert "root Application `extcp-mesh1`" in text
    assert "patch applications.argoproj.io mesh1.ext " in section(text, "Upgrade Istio")


def test_every_variable_is_set_before_it_is_used() -> None:
    for planes in VARIANTS.values():
        known = {"EDITOR"}
        for script in scripts(readme(*planes)):
            for line in script.splitlines():
                used = set(re.findall(r"\$\{?([A-Z_0-9]+)", line))
                assert used <= known, line
                known.update(re.findall(r"^ *export ([A-Z_0-9]+)=", line))


def test_the_built_in_cluster_needs_no_registration() -> None:
    here = replace(EXTERNAL, destination=Destination(server="https://kubernetes.default.svc"))
    text = readme(HOST, external=here)
    assert "| `ext` | `server` `https://kubernetes.default.svc` |" in text
    assert 'argocd cluster add "$CTX_EXTERNAL"' not in text


@pytest.mark.parametrize("variant", VARIANTS)
def test_istioctl_knows_what_it_is_asked(variant: str, istioctl_path: Path) -> None:
    asked = [words for words in commands(readme(*VARIANTS[variant])) if words[0] == "istioctl"]
    assert len(asked) >= 3
    for words in asked:
        options = [word for word in words[1:] if word.startswith("-")]
        names = [word for word in words[1:] if not word.startswith("-")]
        done = subprocess.run(
            [istioctl_path, *names, "--help"], capture_output=True, text=True, check=True
        )
        assert f"istioctl {' '.join(names)} [flags]" in done.stdout
        known = set(re.findall(r"--[a-z0-9A-Z-]+", done.stdout))
        assert {option.partition("=")[0] for option in options} <= known


def test_the_config_clusters_credential_bears_no_label() -> None:
    text = section(readme(*VARIANTS["two"]), "4. Give each control plane its config cluster")
    first, second = (script.replace("\\\n", "") for script in scripts(text))
    for script, plane, context in ((first, "plane-1", ""), (second, "plane-2", "_2")):
        words = commands(f"```sh\n{script}```")
        create, unlabel, *more, apply = words[2:-3]
        assert create[:4] == [
            "istioctl",
            f"--context=$CTX_CONFIG{context}",
            f"--namespace={plane}",
            "create-remote-secret",
        ]
        assert {
            "--type=config",
            "--service-account=istiod",
            "--create-service-account=false",
            "--secret-name=istiod-istio-remote-secret-token",
        } <= set(create)
        assert unlabel[:4] == ["kubectl", "label", "--local", "--filename=-"]
        assert "istio/multiCluster-" in unlabel
        assert apply == [
            *("kubectl", "--context=$CTX_EXTERNAL", "apply", "--server-side", "--filename=-")
        ]
        # istioctl takes no '/', so the name is put right afterwards.
        assert bool(more) is (plane == "plane-2")
    assert "--name=conf-1 " in first
    assert "--name=a--slash--conf-2 " in second
    assert "networking.istio.io/cluster=a/conf-2" in second


def test_the_remote_secret_comes_after_the_annotation_is_live() -> None:
    text = section(readme(HOST), "Add a remote cluster")
    live = text.index(
        r"jsonpath='{.metadata.annotations.topology\.istio\.io/controlPlaneClusters}'"
    )
    assert live < text.index("create-remote-secret")
    assert "export CONFIG_CLUSTER=conf-1" in text
    assert "--type=remote" in text


def test_a_removal_takes_the_secret_after_the_drain_and_before_git() -> None:
    text = section(readme(HOST), "Remove a remote cluster")
    places = [
        text.index(words)
        for words in (
            "get pods",
            "delete secret",
            "finalizers",
            "extcp-gitops cluster remove",
            "argocd cluster rm",
            "stay behind",
        )
    ]
    assert places == sorted(places)


def test_remote_clusters_that_are_there_join_in_the_end() -> None:
    for planes in VARIANTS.values():
        text = section(readme(*planes), "7. Add the remote clusters that are here already")
        assert commands(text) == [["extcp-gitops", "cluster", "list"]]
        assert '"Add a remote cluster"' in text


def test_no_image_of_a_dry_run_names_a_registry() -> None:
    images = re.findall(r"--image=(\S+)", readme(HOST))
    assert len(images) == 2
    assert not [image for image in images if "." in image or ":" in image]


@pytest.mark.parametrize("variant", VARIANTS)
def test_our_own_commands_are_known(variant: str) -> None:
    programs = {"extcp-gitops": cli, "extcp-bot": bot}
    asked = [words for words in commands(readme(*VARIANTS[variant])) if words[0] in programs]
    assert {words[0] for words in asked} == set(programs)
    for name, *words in asked:
        command: click.Command = programs[name]
        for word in words:
            if word.startswith("-"):
                known = {option for each in command.params for option in each.opts}
                assert word.partition("=")[0] in known, words
            elif isinstance(command, click.Group):
                found = command.get_command(click.Context(command), word)
                assert found is not None, words
                command = found


def test_an_ip_address_asks_for_endpoint_slices() -> None:
    assert "`resource.exclusions`" in readme(BY_IP)
    assert "`resource.exclusions`" not in readme(HOST)
    assert "--connect-to istiod.plane-1.svc:15017:198.51.100.7:15017" in readme(BY_IP)


def test_certificates_as_the_inventory_has_them() -> None:
    def step(variant: str) -> str:
        return section(readme(*VARIANTS[variant]), "3. Give the external cluster")

    assert "create secret tls gateway-tls" in step("host name")
    assert "create secret generic cacerts" not in step("host name")
    assert "create secret generic cacerts" in step("plugged-in")
    assert "create secret" not in step("cert-manager")
    assert "`public`" in step("cert-manager")
    assert "create secret" not in step("IP address")


def test_roots_as_the_inventory_has_them() -> None:
    def step(variant: str) -> str:
        return section(readme(*VARIANTS[variant]), "6. Pin the root")

    pin = 'extcp-gitops control-plane pin-root plane-1 --context="$CTX_CONFIG" --commit'
    for variant in ("host name", "pinned", "unverified", "cert-manager"):
        assert pin in step(variant)
    assert "--file=root-cert.pem" in step("plugged-in")
    assert "pin-root" not in step("IP address")
    assert "answered with 503" in step("host name")
    assert "done" in step("pinned")
