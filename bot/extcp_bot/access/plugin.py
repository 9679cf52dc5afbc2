"""Credential plugins of kubeconfigs (``exec``), run only where a person asked for them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from extcp_bot.kube.failure import CannotLookError
from extcp_gitops import process
from extcp_gitops.errors import ExtcpError

if TYPE_CHECKING:
    from collections.abc import Mapping

_SECONDS: Final = 30.0
_FIELDS: Final = {
    "token": "token",
    "clientCertificateData": "client-certificate",
    "clientKeyData": "client-key",
}


def credential(plugin: Mapping[str, Any], server: str, origin: str) -> dict[str, str]:
    """Run a plugin and read the credential that it prints (client.authentication.k8s.io).

    Args:
        plugin: The ``exec`` of a kubeconfig's user.
        server: URL of the API server, told to the plugin where it asks for it.
        origin: Of the kubeconfig, for messages.

    Returns:
        Fields of a kubeconfig's user, with the values in place of files.

    Raises:
        CannotLookError: It failed, took longer than 30 s, or printed no credential.
    """
    import base64  # noqa: PLC0415 - beside its only use

    try:
        argv = [str(plugin["command"]), *map(str, plugin.get("args") or [])]
        own = {str(each["name"]): str(each["value"]) for each in plugin.get("env") or []}
        spec: dict[str, Any] = {"interactive": False}
        if plugin.get("provideClusterInfo"):
            spec["cluster"] = {"server": server}
        info = {"kind": "ExecCredential", "apiVersion": plugin["apiVersion"], "spec": spec}
        environment = process.environment(**own, KUBERNETES_EXEC_INFO=json.dumps(info))
        said = process.run(argv, timeout=_SECONDS, env=environment)
        status = json.loads(said.stdout)["status"]
        found = {name: str(status[key]) for key, name in _FIELDS.items() if status.get(key)}
    except ExtcpError as error:
        raise _failed(origin, str(error.findings[0].message)) from None
    except (ValueError, LookupError, TypeError, AttributeError):
        raise _failed(origin, "it printed no ExecCredential") from None
    return {
        name if name == "token" else f"{name}-data": (
            value if name == "token" else base64.b64encode(value.encode()).decode()
        )
        for name, value in found.items()
    }


def _failed(origin: str, why: str) -> CannotLookError:
    return CannotLookError(
        f"{origin}: its credential plugin failed: {why}", "run the plugin by hand", origin
    )
