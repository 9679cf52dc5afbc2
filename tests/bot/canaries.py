"""Credentials of a whole simulated mesh that would be known wherever they came to light."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aiohttp import web

from extcp_bot.access.model import Access, Secret
from tests.bot.apiserver import ROOT
from tests.bot.simulation import roots
from tests.bot.simulation.controllers import encoded
from tests.e2e.testbed.pki import Authority

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.bot.apiserver import ApiServer
    from tests.bot.fleets import World

PIECE = 24
"""So much of a canary in one piece is a leak."""


@dataclass
class Canaries:
    """What must be nowhere.

    Attributes:
        planted: Each canary by where it was planted.
    """

    planted: dict[str, str] = field(default_factory=dict)

    def plant(self, where: str, text: str) -> str:
        """Note a credential; gives it back."""
        self.planted[where] = text
        return text

    def plant_word(self, where: str) -> str:
        """Note a word of its own that no rule would take for a credential."""
        return self.plant(where, f"hunter-number-{len(self.planted):05}-in-the-forest")

    def leaks(self, output: bytes) -> list[str]:
        """Where the canaries were planted of which the output holds a piece, or its base64."""
        return [
            where
            for where, canary in self.planted.items()
            if any(piece in output for piece in _pieces(canary))
        ]


def _pieces(canary: str) -> Iterator[bytes]:
    lines = canary.splitlines()
    if len(lines) > 1:  # the head of a key says only that it is one, in the words of a certificate
        lines = lines[2:-1]
    for line in lines:
        raw = line.encode()
        forms = [raw, *(base64.b64encode(b"x" * before + raw)[4:-4] for before in range(3))]
        for form in forms:
            for start in range(0, max(1, len(form) - PIECE), PIECE // 2):
                yield form[start : start + PIECE]


def plant(mesh: World) -> Canaries:
    """Canaries in each credential of a whole mesh."""
    made = Canaries()
    for name, server in mesh.servers.items():
        token = made.plant(f"the bot's token for {name}", f"canary-of-the-bot-for-{name}-{'7' * 9}")
        server.accepted.add(token)
        pair = Authority("people").serve(["administrator"])
        made.plant(f"the bot's key for {name}", pair.key)
        access = replace(
            server.access,
            token=Secret(token),
            certificate=pair.certificate,
            key=Secret(pair.key),
        )
        mesh.reach(name, access)
        for path, item in server.objects.items():
            if item.get("kind") == "Secret":
                _plant_secret(made, f"{name} {path}", item)
        _log(server, made)
    mesh.fleet.argocd = mesh.fleet.access["external-cluster"]
    made.plant("CA", roots.ca_key())
    return made


def _plant_secret(made: Canaries, where: str, item: dict[str, Any]) -> None:
    """The values of a Secret that are none of public interest."""
    for key, value in item["data"].items():
        text = base64.b64decode(value).decode()
        if key in ("tls.crt", "ca.crt", "ca-cert.pem", "namespace", "name", "server"):
            continue
        if text.startswith("{"):  # a kubeconfig, or what Argo CD has in its place
            document = json.loads(text)
            for token in _tokens(document):
                made.plant(f"{where} {key} token", token)
            if "bearerToken" in document:
                token = made.plant(f"{where} argocd", f"canary-of-argocd-{hash(where):x}-{'5' * 9}")
                item["data"][key] = encoded(json.dumps({**document, "bearerToken": token}))
        else:
            made.plant(f"{where} {key}", text)


def _tokens(found: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    match found:
        case {"token": str(token)}:
            yield token
        case dict():
            for inner in found.values():
                yield from _tokens(inner)
        case list():
            for inner in found:
                yield from _tokens(inner)


def _log(server: ApiServer, made: Canaries) -> None:
    """Pods whose logs say every credential."""
    lines = [f"level=info token={text} Bearer {text}" for text in made.planted.values()]

    async def handler(_: web.Request) -> web.StreamResponse:
        return web.Response(text="\n".join(lines), content_type="text/plain")

    for path in list(server.objects):
        if "/pods/" in path:
            server.handlers[f"{path}/log"] = handler


def kubeconfig(mesh: World, directory: Path) -> Path:
    """A person's kubeconfig, with a context of its own name for each cluster."""
    file = directory / "kubeconfig"
    known = {
        name: access for name, access in mesh.fleet.access.items() if isinstance(access, Access)
    }
    names = [{"name": name, "context": {"cluster": name, "user": name}} for name in known]
    clusters = [
        {
            "name": name,
            "cluster": {"server": access.server, "certificate-authority-data": encoded(ROOT)},
        }
        for name, access in known.items()
    ]
    users = [
        {
            "name": name,
            "user": {
                "token": access.token.reveal() if access.token else "",
                "client-certificate-data": encoded(access.certificate or ""),
                "client-key-data": encoded(access.key.reveal() if access.key else ""),
            },
        }
        for name, access in known.items()
    ]
    file.write_text(json.dumps({"contexts": names, "clusters": clusters, "users": users}))
    return file


def plant_of_people(mesh: World) -> Canaries:
    """Canaries in all that people write into objects, none of which looks like a credential."""
    made = Canaries()
    for name, server in mesh.servers.items():
        server.put("/api/v1/namespaces/sample/events", _event(made, name))
        for path, item in server.objects.items():
            if "metadata" in item:
                _plant_metadata(made, f"{name} {path}", item["metadata"])
            match item.get("kind"):
                case "Pod":
                    _plant_pod(made, f"{name} {path}", item["spec"])
                    for state in item["status"]["containerStatuses"]:
                        said = made.plant_word(f"{name} {path} last words of {state['name']}")
                        state["lastState"] = {"terminated": {"exitCode": 1, "message": said}}
                case "Deployment":
                    template = item["spec"]["template"]
                    _plant_metadata(made, f"{name} {path} template", template["metadata"])
                    _plant_pod(made, f"{name} {path}", template["spec"])
                case "ConfigMap" if "mesh" in item.get("data", {}):
                    _plant_mesh_config(made, f"{name} {path}", item["data"])
    return made


def _event(made: Canaries, name: str) -> dict[str, Any]:
    """What a policy says of a Pod that it refuses, with a piece of it."""
    said = made.plant_word(f"{name} event")
    hook = 'admission webhook "validate.policies.example.com" denied the request'
    return {
        "kind": "Event",
        "metadata": {"name": "app.1"},
        "reason": "FailedCreate",
        "message": f"Error creating: {hook}: arg {said} is not allowed",
        "lastTimestamp": datetime.now(UTC).isoformat(),
    }


def _plant_metadata(made: Canaries, where: str, metadata: dict[str, Any]) -> None:
    metadata["annotations"] = {
        **(metadata.get("annotations") or {}),
        **{
            key: made.plant_word(f"{where} {key}")
            for key in (
                "example.com/notes",
                "kubectl.kubernetes.io/last-applied-configuration",
                "proxy.istio.io/config",
            )
        },
    }
    told = made.plant_word(f"{where} managedFields")
    metadata["managedFields"] = [{"manager": "kubectl", "fieldsV1": {f"f:{told}": {}}}]


def _plant_pod(made: Canaries, where: str, spec: dict[str, Any]) -> None:
    """In what containers are told: in all of it where they are people's own."""
    spec["containers"].append({"name": "helper", "image": "example.com/helper:1"})
    for container in spec["containers"]:
        its = f"{where} {container['name']}"
        container["env"] = [
            *container.get("env", []),
            *(
                {"name": name, "value": made.plant_word(f"{its} {name}")}
                for name in ("DB_PASS", "SMTP_PWD", "GREETING", "ISTIO_METAJSON_ANNOTATIONS")
            ),
        ]
        if container["name"] not in ("discovery", "istio-proxy"):
            container["args"] = ["--db", made.plant_word(f"{its} args")]
            container["command"] = ["serve", f"-p{made.plant_word(f'{its} command')}"]
            probe = {"command": ["probe", made.plant_word(f"{its} probe")]}
            header = {"name": "X-Probe", "value": made.plant_word(f"{its} header")}
            container["livenessProbe"] = {"exec": probe, "httpGet": {"httpHeaders": [header]}}


def _plant_mesh_config(made: Canaries, where: str, data: dict[str, str]) -> None:
    top, key = "defaultConfig:\n", "  proxyMetadata:\n"
    if key not in data["mesh"]:
        data["mesh"] = data["mesh"].replace(top, top + key)
    told = made.plant_word(f"{where} proxyMetadata")
    data["mesh"] = data["mesh"].replace(key, f"{key}    GREETING: {told}\n")
    data["notes"] = made.plant_word(f"{where} notes")
