"""Credential plugins of kubeconfigs (``exec``), run only where a person asked for them."""

from __future__ import annotations

import base64
import json
import os
import threading
from typing import TYPE_CHECKING, Any, Final

from extcp_bot.kube.failure import CannotLookError
from extcp_gitops import process
from extcp_gitops.errors import ExtcpError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_SECONDS: Final = 30.0
_MAX_OUTPUT: Final = 1 << 20
_FILES: Final = {
    "clientCertificateData": "client-certificate-data",
    "clientKeyData": "client-key-data",
}


class Plugins:
    """Runs each plugin once, however many clusters of a fleet name the same one.

    Threads may share it. What a plugin answers, or why it failed, is remembered: a login that has
    run out takes its time once, and not a thousand times.
    """

    def __init__(self) -> None:
        self._known: dict[str, dict[str, str] | str] = {}
        self._locks: dict[str, threading.Lock] = {}

    def credential(
        self, plugin: object, server: str, origin: str, directory: Path | None
    ) -> dict[str, str]:
        """Run a plugin and read the credential that it prints (client.authentication.k8s.io).

        Args:
            plugin: The ``exec`` of a kubeconfig's user.
            server: URL of the API server, told to the plugin where it asks for it.
            origin: Of the kubeconfig, for messages.
            directory: Where the kubeconfig lies; a command with a ``/`` is relative to it.

        Returns:
            Fields of a kubeconfig's user: the token, the certificate and its key.

        Raises:
            CannotLookError: It failed, took longer than 30 s, or printed no credential.
        """
        try:
            argv, environment = _command(plugin, server, directory)
        except (LookupError, TypeError, AttributeError, ValueError):
            raise _failed(origin, "the kubeconfig does not say what to run") from None
        key = json.dumps([argv, environment])
        # setdefault is atomic: all threads that want one credential wait for one run of it.
        with self._locks.setdefault(key, threading.Lock()):
            if key not in self._known:
                self._known[key] = _outcome(argv, environment)
        found = self._known[key]
        if isinstance(found, str):
            raise _failed(origin, found)
        return found


def _command(
    plugin: Any,  # noqa: ANN401 - whatever a person wrote
    server: str,
    directory: Path | None,
) -> tuple[list[str], dict[str, str]]:
    """The command line, and the variables that it has beside those of this process."""
    program = str(plugin["command"])
    if directory is not None and "/" in program:
        program = str(directory.absolute() / program)
    own = {str(each["name"]): str(each["value"]) for each in plugin.get("env") or []}
    spec: dict[str, Any] = {"interactive": False}
    if plugin.get("provideClusterInfo"):
        spec["cluster"] = {"server": server}
    info = {"kind": "ExecCredential", "apiVersion": str(plugin["apiVersion"]), "spec": spec}
    argv = [program, *map(str, plugin.get("args") or [])]
    return argv, {**own, "KUBERNETES_EXEC_INFO": json.dumps(info)}


def _outcome(argv: list[str], environment: Mapping[str, str]) -> dict[str, str] | str:
    """The credential, or why there is none."""
    # Plugins find their own login by variables such as AWS_PROFILE, as under kubectl.
    variables = {**os.environ, **process.environment(), **environment}
    try:
        said = process.run(argv, timeout=_SECONDS, env=variables, max_output=_MAX_OUTPUT)
        return _read(said.stdout)
    except ExtcpError as error:
        return error.findings[0].message
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return "it printed no ExecCredential"


def _read(printed: bytes) -> dict[str, str]:
    status = json.loads(printed)["status"]
    found = {
        name: base64.b64encode(status[key].encode()).decode()
        for key, name in _FILES.items()
        if status.get(key)
    }
    if token := status.get("token"):
        found["token"] = str(token)
    if not found:
        raise ValueError("no credential in it")
    return found


def _failed(origin: str, why: str) -> CannotLookError:
    return CannotLookError(
        f"{origin}: its credential plugin failed: {why}", "run the plugin by hand", origin
    )
