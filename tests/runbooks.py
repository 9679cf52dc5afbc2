"""Runbooks of small meshes, and what is in them: sections, scripts, commands."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace

from extcp_gitops.inventory.model import (
    CAType,
    CertificateAuthority,
    Cluster,
    ControlPlane,
    Destination,
    GatewayTLS,
    Inventory,
    Issuer,
    Mesh,
    Repository,
    Role,
)
from extcp_gitops.render import runbook
from tests import strategies

FENCE = re.compile(r"^( *)```sh\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
EXTERNAL = Cluster("ext", Role.EXTERNAL, Destination(name="argo-ext"))
HOST = ControlPlane("plane-1", "istiod.example.com", "conf-1", tls=GatewayTLS("gateway-tls"))
BY_IP = ControlPlane("plane-1", "198.51.100.7", "conf-1")
PLUGGED_IN = CertificateAuthority(type=CAType.PLUGGED_IN)

VARIANTS = {
    "host name": (HOST,),
    "IP address": (BY_IP,),
    "private CA": (replace(HOST, ca_bundle=strategies.PEM),),
    "plugged-in": (replace(HOST, ca=PLUGGED_IN),),
    "cert-manager": (
        replace(
            HOST,
            tls=GatewayTLS("gateway-tls", Issuer("public")),
            ca=replace(PLUGGED_IN, issuer=Issuer("private")),
        ),
    ),
    "pinned": (replace(HOST, ca=CertificateAuthority(root_certificate=strategies.PEM)),),
    "unverified": (replace(HOST, ca=CertificateAuthority(insecure_skip_verify=True)),),
    "two": (
        HOST,
        ControlPlane("plane-2", "two.example.com", "a/conf-2", tls=GatewayTLS("two-tls")),
    ),
}


def mesh(*planes: ControlPlane, external: Cluster = EXTERNAL) -> Inventory:
    clusters = [external]
    for plane in planes:
        destination = Destination(server=f"https://{plane.config_cluster}.example.com:6443")
        clusters.append(
            Cluster(
                plane.config_cluster,
                Role.REMOTE,
                destination,
                control_plane=plane.name,
                network="network1",
            )
        )
    repository = Repository("https://git.example.com/mesh.git", "trunk")
    return Inventory(Mesh("mesh1", "1.29.1", repository, "ext", planes, "argo"), tuple(clusters))


def readme(*planes: ControlPlane, external: Cluster = EXTERNAL) -> str:
    return runbook.readme(mesh(*planes, external=external))


def section(text: str, title: str) -> str:
    """From a heading to the next one of its level or above."""
    level = re.search(rf"^(#+) .*{re.escape(title)}", text, re.MULTILINE)
    assert level, f"no section {title}"
    rest = text[level.end() :]
    following = re.search(rf"^#{{1,{len(level[1])}}} ", rest, re.MULTILINE)
    return rest[: following.start()] if following else rest


def scripts(text: str) -> list[str]:
    return [found[2] for found in FENCE.finditer(text)]


def commands(text: str) -> list[list[str]]:
    """Each command as its words, comments left out, variables as they stand."""
    result = []
    for script in scripts(text):
        for line in script.replace("\\\n", " ").replace("|\n", "| ").splitlines():
            lexer = shlex.shlex(line, posix=True, punctuation_chars="|>")
            lexer.whitespace_split = True
            command: list[str] = []
            for word in lexer:
                if word in {"|", ">"}:
                    result.append(command)
                    command = []
                else:
                    command.append(word)
            result.append(command)
    return [command for command in result if command]
