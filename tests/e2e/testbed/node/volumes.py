"""The volumes of one Pod as directories, kept up to date as kubelet keeps them."""

from __future__ import annotations

import base64
import time
import uuid
from typing import TYPE_CHECKING

from tests.e2e.testbed.api import Api, Object, url

from .environment import Missing, field, resource

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Files = dict[str, bytes]

# Renew a token when this much of its life is over, as kubelet does.
RENEW_AT = 0.8


class Volumes:
    """Materialises the volumes of one Pod below a directory."""

    def __init__(self, api: Api, pod: Object, directory: Path) -> None:
        self._api = api
        self._pod = pod
        self._namespace: str = pod["metadata"]["namespace"]
        self._directory = directory
        self._tokens: dict[str, tuple[float, bytes]] = {}
        self._written: dict[str, Files] = {}

    def path(self, name: str) -> Path:
        """The directory of one volume."""
        return self._directory / name

    def refresh(self) -> None:
        """Write what is new or has changed.

        Raises:
            Missing: An object that is not optional is not there.
        """
        for volume in self._pod["spec"].get("volumes", []):
            name = volume["name"]
            files = self._files(volume)
            if files is None:
                self.path(name).mkdir(parents=True, exist_ok=True)
                self.path(name).chmod(0o777)
            elif self._written.get(name) != files:
                publish(self.path(name), files)
                self._written[name] = files

    def _files(self, volume: Object) -> Files | None:
        """The files of a volume, None for an empty directory that the Pod writes to."""
        if "emptyDir" in volume:
            return None
        for kind, read in self._readers().items():
            if kind in volume:
                return read(volume[kind])
        raise Missing(f"volume {volume['name']} is of a kind that this node does not know")

    def _readers(self) -> dict[str, Callable[[Object], Files]]:
        return {
            "configMap": self._config_map,
            "secret": self._secret,
            "downwardAPI": self._downward,
            "projected": self._projected,
        }

    def _projected(self, source: Object) -> Files:
        files: Files = {}
        for part in source["sources"]:
            for kind, read in {**self._readers(), "serviceAccountToken": self._token}.items():
                if kind in part:
                    files |= read(part[kind])
        return files

    def _config_map(self, source: Object) -> Files:
        item = self._find("v1/configmaps", source)
        text = {key: value.encode() for key, value in (item.get("data") or {}).items()}
        binary = {k: base64.b64decode(v) for k, v in (item.get("binaryData") or {}).items()}
        return _chosen({**text, **binary}, source)

    def _secret(self, source: Object) -> Files:
        item = self._find("v1/secrets", source)
        data = {key: base64.b64decode(value) for key, value in (item.get("data") or {}).items()}
        return _chosen(data, source)

    def _find(self, plural: str, source: Object) -> Object:
        name = source.get("name") or source["secretName"]
        item = self._api.find(plural, self._namespace, name)
        if item is None and not source.get("optional"):
            raise Missing(f"{plural} {self._namespace}/{name} is not there")
        return item or {}

    def _downward(self, source: Object) -> Files:
        return {item["path"]: self._downward_item(item).encode() for item in source["items"]}

    def _downward_item(self, item: Object) -> str:
        if reference := item.get("fieldRef"):
            return field(self._pod, reference["fieldPath"])
        return resource(self._pod, item["resourceFieldRef"], None)

    def _token(self, source: Object) -> Files:
        path = source["path"]
        renew, token = self._tokens.get(path, (0.0, b""))
        if time.monotonic() > renew:
            seconds = source.get("expirationSeconds", 3600)
            token = self._request_token(source.get("audience"), seconds)
            self._tokens[path] = (time.monotonic() + RENEW_AT * seconds, token)
        return {path: token}

    def _request_token(self, audience: str | None, seconds: int) -> bytes:
        metadata = self._pod["metadata"]
        bound = {"apiVersion": "v1", "kind": "Pod", "name": metadata["name"]}
        spec = {
            "audiences": [audience] if audience else [],
            "expirationSeconds": seconds,
            "boundObjectRef": {**bound, "uid": metadata["uid"]},
        }
        account = self._pod["spec"].get("serviceAccountName", "default")
        answer = self._api.call(
            "POST",
            url("v1/serviceaccounts", self._namespace, account, "token"),
            {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec},
        )
        token: str = answer["status"]["token"]
        return token.encode()


def _chosen(data: Files, source: Object) -> Files:
    items = source.get("items")
    if not items:
        return data
    missing = [item["key"] for item in items if item["key"] not in data]
    if missing and not source.get("optional"):
        raise Missing(f"keys {', '.join(missing)} are not there")
    return {item["path"]: data[item["key"]] for item in items if item["key"] in data}


def publish(directory: Path, files: Files) -> None:
    """Make ``directory`` hold exactly ``files``, all of them at once.

    The layout is kubelet's: programs watch the link ``..data``, which is replaced in one step.
    """
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o755)
    old = (directory / "..data").resolve() if (directory / "..data").exists() else None
    fresh = directory / f"..{uuid.uuid4().hex}"
    for name, content in files.items():
        path = fresh / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o644)
    fresh.mkdir(exist_ok=True)
    link = directory / "..data_new"
    link.symlink_to(fresh.name)
    link.replace(directory / "..data")
    tops = {name.split("/")[0] for name in files}
    for name in tops:
        if not (directory / name).is_symlink():
            (directory / name).symlink_to(f"..data/{name}")
    for path in directory.iterdir():
        if not path.name.startswith("..") and path.name not in tops:
            path.unlink()
    if old is not None:
        _remove(old)


def _remove(directory: Path) -> None:
    for path in sorted(directory.rglob("*"), reverse=True):
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink()
    directory.rmdir()
