"""Simulated API servers that keep what is written to them, as Kubernetes does.

With UIDs and resource versions, conflicts, dry runs, and the token controller that fills Secrets
for the tokens of ServiceAccounts. A test may have it end all connections after so many writes, as
where the writer is killed.
"""

from __future__ import annotations

import base64
import copy
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aiohttp import web

from extcp_bot.kube.writes import APPLY_PATCH
from tests.bot.apiserver import ROOT, status
from tests.bot.identities import jwt

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.bot.apiserver import ApiServer

    Object = dict[str, Any]

ACCOUNT = "kubernetes.io/service-account.name"
TOKEN_TYPE = "kubernetes.io/service-account-token"  # noqa: S105 - a type of Secrets
UID = "kubernetes.io/serviceaccount/service-account.uid"
NAME = "kubernetes.io/serviceaccount/secret.name"
INVALID = "kubernetes.io/legacy-token-invalid-since"


class Store:
    """Writes to one server.

    Args:
        server: Keeps them among its objects.

    Attributes:
        written: Verb and path of each write that was done; of dry runs none.
        fills: Whether the token controller works.
        heeds: Whether the API server heeds the label of tokens that are not valid any more.
        heals: Paths of Secrets that Argo CD makes anew, empty, once they are gone.
        cut: After this many writes the server ends each connection without an answer.
        seen: Called with verb and path of each write once it was done.
    """

    def __init__(self, server: ApiServer) -> None:
        self.written: list[str] = []
        self.fills = True
        self.heeds = True
        self.heals: set[str] = set()
        self.cut: int | None = None
        self.seen: Callable[[str, str], object] = lambda _verb, _path: None
        self._server = server
        self._number = 5_000
        server.writes = self._answer

    @property
    def verbs(self) -> list[str]:
        """The verbs of the writes that were done."""
        return [each.partition(" ")[0] for each in self.written]

    def put(self, collection: str, item: Object) -> Object:
        """Keep an object as if somebody had made it."""
        item = copy.deepcopy(item)
        metadata = item["metadata"]
        self._number += 1
        metadata.setdefault("uid", f"uid-{self._number}")
        metadata.setdefault("resourceVersion", str(self._number))
        metadata.setdefault("creationTimestamp", datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
        self._server.put(collection, item)
        if item.get("type") == TOKEN_TYPE and self.fills:
            self.fill(f"{collection}/{metadata['name']}")
        return item

    def fill(self, path: str) -> str:
        """Do as the token controller does; gives the token, which the server accepts from now.

        It is always the same for a Secret of one name and a ServiceAccount of one UID.
        """
        item = self._server.objects[path]
        metadata = item["metadata"]
        account = metadata["annotations"][ACCOUNT]
        own = path.rpartition("/secrets/")[0] + f"/serviceaccounts/{account}"
        uid = self._server.objects.get(own, {"metadata": {"uid": ""}})["metadata"]["uid"]
        name = f"system:serviceaccount:{metadata['namespace']}:{account}"
        token = jwt({"sub": name, UID: uid, NAME: metadata["name"]})
        self._server.accepted.add(token)
        item["data"] = {"token": _encoded(token), "ca.crt": _encoded(ROOT)}
        return token

    def forget(self, path: str) -> None:
        """Take an object away, and the token that it holds; Argo CD may make it anew."""
        gone = self._server.objects.pop(path)
        self._revoke(gone)
        if path in self.heals:
            kept = {name: gone["metadata"].get(name) for name in ("name", "annotations")}
            collection = path.rpartition("/")[0]
            self.put(collection, {"metadata": kept, "kind": "Secret", "type": gone.get("type")})

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if self.cut is not None and len(self.written) >= self.cut:
            _abort(request)
        body = json.loads(await request.text() or "{}")
        is_dry = "All" in (request.query.get("dryRun"), *body.get("dryRun", []))
        verb = request.method if request.method != "POST" else "CREATE"
        answer = {"POST": self._create, "PUT": self._replace, "PATCH": self._patch}.get(
            request.method, self._delete
        )(request, body, is_dry)
        if answer.status < 400 and not is_dry:
            self.written.append(f"{verb} {request.path}")
            self.seen(verb, request.path)
            if self.cut is not None and len(self.written) >= self.cut:
                _abort(request)
        return answer

    def _create(self, request: web.Request, body: Object, is_dry: bool) -> web.Response:
        collection = request.path
        parts = collection.split("/")
        if "namespaces" in parts[:-1]:
            namespace = parts[parts.index("namespaces") + 1]
            if f"/api/v1/namespaces/{namespace}" not in self._server.objects:
                return status(404, f'namespaces "{namespace}" not found')
        name = body["metadata"]["name"]
        if f"{collection}/{name}" in self._server.objects:
            return status(409, f'"{name}" already exists')
        if is_dry:
            return web.json_response(body, status=201)
        made = self.put(collection, body)
        return web.json_response(made, status=201)

    def _replace(self, request: web.Request, body: Object, is_dry: bool) -> web.Response:
        found = self._server.objects.get(request.path)
        if found is None:
            return status(404, "not found")
        if body["metadata"].get("resourceVersion") != found["metadata"].get("resourceVersion"):
            return status(409, "the object has been modified")
        return self._keep(request.path, found, body, is_dry)

    def _patch(self, request: web.Request, body: Object, is_dry: bool) -> web.Response:
        found = self._server.objects.get(request.path)
        if found is None:
            if request.content_type == APPLY_PATCH:
                made = body if is_dry else self.put(request.path.rpartition("/")[0], body)
                return web.json_response(made, status=201)
            return status(404, "not found")
        wanted = body["metadata"].get("resourceVersion") if "metadata" in body else None
        if wanted not in (None, found["metadata"]["resourceVersion"]):
            return status(409, "the object has been modified")
        return self._keep(request.path, found, _merged(found, body), is_dry)

    def _delete(self, request: web.Request, body: Object, is_dry: bool) -> web.Response:
        found = self._server.objects.get(request.path)
        if found is None:
            return status(404, "not found")
        for name, value in body.get("preconditions", {}).items():
            if found["metadata"].get(name) != value:
                return status(409, f"Precondition failed: {name}")
        if not is_dry:
            self.forget(request.path)
        return web.json_response({"kind": "Status", "status": "Success"})

    def _keep(self, path: str, found: Object, body: Object, is_dry: bool) -> web.Response:
        if is_dry:
            return web.json_response(body)
        self._number += 1
        kept = {name: found["metadata"][name] for name in ("uid", "creationTimestamp", "name")}
        body = copy.deepcopy(body)
        body["metadata"] = {**body["metadata"], **kept, "resourceVersion": str(self._number)}
        self._server.put(path.rpartition("/")[0], body)
        if self.heeds and INVALID in (body["metadata"].get("labels") or {}):
            self._revoke(body)
        return web.json_response(body)

    def _revoke(self, secret: Object) -> None:
        if token := (secret.get("data") or {}).get("token"):
            self._server.accepted.discard(base64.b64decode(token).decode())


def _merged(found: Any, patch: Any) -> Any:  # noqa: ANN401 - JSON
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    result = dict(found) if isinstance(found, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = _merged(result.get(name), value)
    return result


def _abort(request: web.Request) -> None:
    assert request.transport is not None
    request.transport.abort()


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
