"""A small client of the Kubernetes API: JSON in, JSON out, and no call without a time limit."""

from __future__ import annotations

import contextlib
import json
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import urllib3
import yaml

from .errors import TestbedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0
WATCH_SECONDS = 120
RETRY_SECONDS = 0.5

Object: TypeAlias = dict[str, Any]

MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"
JSON = "application/json"


class ApiError(TestbedError):
    """The API server answered with an error."""

    def __init__(self, status: int, message: str, call: str) -> None:
        super().__init__(f"{call}: {status} {message}")
        self.status = status
        self.message = message


def url(resource: str, namespace: str | None = None, *rest: str) -> str:
    """The path of a resource such as ``v1/pods`` or ``apps/v1/deployments``."""
    group_version, plural = resource.rsplit("/", 1)
    root = "/apis" if "/" in group_version else "/api"
    scope = ["namespaces", namespace] if namespace else []
    return "/".join([root, group_version, *scope, plural, *rest])


class Api:
    """One API server as one user."""

    def __init__(self, server: str, token: str, ca: Path) -> None:
        self.server = server
        self._headers = {"Authorization": f"Bearer {token}"}
        self._pool = urllib3.PoolManager(
            maxsize=32,
            ca_certs=str(ca),
            retries=False,
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
        )

    @classmethod
    def from_kubeconfig(cls, path: Path) -> Api:
        """The client of a kubeconfig that the testbed wrote."""
        config = yaml.safe_load(path.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        return cls(cluster["server"], user["token"], Path(cluster["certificate-authority"]))

    def raw(self, method: str, path: str, body: object = None, content: str = JSON) -> str:
        """One call, as text.

        Raises:
            ApiError: The server refused.
            TestbedError: The server could not be reached in time.
        """
        call = f"{method} {path}"
        try:
            response = self._pool.request(
                method,
                self.server + path,
                body=None if body is None else json.dumps(body).encode(),
                headers={**self._headers, "Content-Type": content},
            )
        except urllib3.exceptions.HTTPError as error:
            raise TestbedError(f"{call}: {error}") from None
        text: str = response.data.decode(errors="replace")
        if response.status >= 400:
            raise ApiError(response.status, _message(text), call)
        return text

    def call(self, method: str, path: str, body: object = None, content: str = JSON) -> Object:
        """One call, as an object."""
        result: Object = json.loads(self.raw(method, path, body, content))
        return result

    def get(self, resource: str, namespace: str | None, name: str) -> Object:
        """One object."""
        return self.call("GET", url(resource, namespace, name))

    def find(self, resource: str, namespace: str | None, name: str) -> Object | None:
        """One object, or None where there is none (nor its kind)."""
        try:
            return self.get(resource, namespace, name)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def list(self, resource: str, namespace: str | None = None, query: str = "") -> list[Object]:
        """The objects of a resource, none where the server does not know it."""
        try:
            items = self.call("GET", f"{url(resource, namespace)}?{query}").get("items")
        except ApiError as error:
            if error.status == 404:
                return []
            raise
        return items or []

    def create(self, resource: str, namespace: str | None, body: Object) -> Object:
        """A new object."""
        return self.call("POST", url(resource, namespace), body)

    def merge(self, resource: str, namespace: str | None, name: str, body: Object) -> Object:
        """A JSON merge patch on the object ``name``, or on ``name/status``."""
        return self.call("PATCH", url(resource, namespace, *name.split("/")), body, MERGE)

    def delete(self, resource: str, namespace: str | None, name: str, *, now: bool = False) -> None:
        """Delete an object, with its grace period or ``now``; fine if it is gone already."""
        body = {"gracePeriodSeconds": 0} if now else None
        try:
            self.call("DELETE", url(resource, namespace, name), body)
        except ApiError as error:
            if error.status != 404:
                raise

    def watch(self, path: str, version: str) -> Iterator[tuple[str, Object]]:
        """The events after ``version``; ends when the server ends the watch."""
        query = f"watch=1&allowWatchBookmarks=true&timeoutSeconds={WATCH_SECONDS}"
        try:
            response = self._pool.request(
                "GET",
                f"{self.server}{path}?{query}&resourceVersion={version}",
                headers=self._headers,
                preload_content=False,
                timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=WATCH_SECONDS + 10),
            )
            with contextlib.closing(response):
                if response.status >= 400:
                    raise ApiError(response.status, "no watch", path)
                for line in _lines(response.stream(65536)):
                    event = json.loads(line)
                    yield event["type"], event["object"]
        except urllib3.exceptions.HTTPError as error:
            raise TestbedError(f"watch {path}: {error}") from None


def _message(text: str) -> str:
    try:
        return str(json.loads(text).get("message", text[:500]))
    except (ValueError, AttributeError):
        return text[:500]


def _lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole


def key_of(item: Object) -> str:
    """Namespace and name of an object."""
    metadata = item["metadata"]
    return f"{metadata.get('namespace', '')}/{metadata['name']}"


class Reflector(threading.Thread):
    """Keeps a copy of one resource of the whole cluster and tells of each change."""

    def __init__(
        self, api: Api, resource: str, changed: Callable[[str, Object], None] | None = None
    ) -> None:
        super().__init__(name=f"reflector {resource}", daemon=True)
        self._api = api
        self._path = url(resource)
        self._changed = changed or (lambda _type, _item: None)
        self._items: dict[str, Object] = {}
        self._lock = threading.Lock()
        self.synced = threading.Event()

    def items(self) -> list[Object]:
        """The copy as it is now."""
        with self._lock:
            return list(self._items.values())

    def find(self, namespace: str, name: str) -> Object | None:
        """One object of the copy."""
        with self._lock:
            return self._items.get(f"{namespace}/{name}")

    def run(self) -> None:
        """List and watch for ever, whatever the server does meanwhile."""
        pause = threading.Event()
        while True:
            with contextlib.suppress(TestbedError, ValueError, KeyError):
                self._list_and_watch()
            pause.wait(RETRY_SECONDS)

    def _list_and_watch(self) -> None:
        listed = self._api.call("GET", self._path)
        fresh = {key_of(item): item for item in listed.get("items") or []}
        with self._lock:
            gone = [item for key, item in self._items.items() if key not in fresh]
            self._items = fresh
        for item in gone:
            self._changed("DELETED", item)
        for item in list(fresh.values()):
            self._changed("MODIFIED", item)
        self.synced.set()
        version = listed["metadata"]["resourceVersion"]
        while True:
            for kind, item in self._api.watch(self._path, version):
                if kind == "ERROR":
                    return
                version = item["metadata"]["resourceVersion"]
                if kind != "BOOKMARK":
                    self._store(kind, item)

    def _store(self, kind: str, item: Object) -> None:
        with self._lock:
            if kind == "DELETED":
                self._items.pop(key_of(item), None)
            else:
                self._items[key_of(item)] = item
        self._changed(kind, item)
