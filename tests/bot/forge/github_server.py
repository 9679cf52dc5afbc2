"""GitHub as its documentation describes it (docs.github.com, REST API 2022-11-28)."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from aiohttp import web
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from tests.bot.forge.store import Simulated
from tests.e2e.testbed.pki import rsa_key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.bot.forge.store import Json, Note, Thing

APP_ID, INSTALLATION, SLUG = "4711", "815", "mesh-app"
APP_KEY = rsa_key()
_ID = "/repositories/1"
_REPO = f"(?:/repos/mesh/[^/]+|{_ID})"


class GitHubServer(Simulated):
    """GitHub.

    Attributes:
        renamed_from: An old name of the repository, which leads to its id.
        lifetime: Of the tokens of an installation.
        given: How many of them were given.
    """

    renamed_from = ""
    lifetime = timedelta(hours=1)
    given = 0

    def __init__(self, scratch: Path) -> None:
        super().__init__(scratch)
        self.invisible = False

    @property
    def url(self) -> str:
        return self.server.url

    def who(self, request: web.Request) -> str | None:
        return self.tokens.get(request.headers.get("Authorization", "").removeprefix("Bearer "))

    def error(self, status: int, words: str) -> web.Response:
        said = {"message": words, "documentation_url": "https://docs.github.com/rest"}
        return web.json_response({**said, "status": str(status)}, status=status)

    async def _do(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        if path.startswith("/app"):
            return self._app(request)
        if self.who(request) is None:
            return self.error(401, "Bad credentials")
        old = f"/repos/{self.renamed_from}"
        if self.renamed_from and f"{path}/".startswith(f"{old}/"):
            where = f"{self.url}{_ID}{path.removeprefix(old)}"
            status = 301 if request.method == "GET" else 307
            said = {"message": "Moved Permanently", "url": where}
            return web.json_response(said, status=status, headers={"Location": where})
        if self.invisible and path != "/user":
            return self.error(404, "Not Found")
        if self.archived and request.method != "GET":
            return self.error(403, "Repository was archived so is read-only.")
        return await super()._do(request)

    def routes(self) -> Iterator[tuple[str, str, Any]]:
        yield "GET", "/user", self._user
        yield "GET", _REPO, self._repository
        yield "GET", f"{_REPO}/pulls", self._pulls
        yield "POST", f"{_REPO}/pulls", self._create_pull
        yield "GET", f"{_REPO}/pulls/([0-9]+)", self._one_pull
        yield "PATCH", f"{_REPO}/pulls/([0-9]+)", self._edit
        yield "GET", f"{_REPO}/issues", self._issues
        yield "POST", f"{_REPO}/issues", self._create_issue
        yield "PATCH", f"{_REPO}/issues/([0-9]+)", self._edit
        yield "GET", f"{_REPO}/issues/([0-9]+)/comments", self._comments
        yield "POST", f"{_REPO}/issues/([0-9]+)/comments", self._comment
        yield "PATCH", f"{_REPO}/issues/comments/([0-9]+)", self._edit_comment
        yield "GET", f"{_REPO}/issues/comments/([0-9]+)/reactions", self._reactions
        yield "POST", f"{_REPO}/issues/comments/([0-9]+)/reactions", self._react
        yield "GET", f"{_REPO}/issues/([0-9]+)/labels", self._labels_of
        yield "POST", f"{_REPO}/issues/([0-9]+)/labels", self._add_labels
        yield "DELETE", f"{_REPO}/issues/([0-9]+)/labels/([^/]+)", self._remove_label
        yield "GET", f"{_REPO}/labels", self._labels
        yield "POST", f"{_REPO}/labels", self._create_label
        yield "GET", f"{_REPO}/collaborators/([^/]+)/permission", self._permission
        yield "GET", f"{_REPO}/commits/([0-9a-f]+)/status", self._status
        yield "POST", f"{_REPO}/statuses/([0-9a-f]+)", self._set_status
        yield "GET", f"{_REPO}/git/ref/heads/(.+)", self._branch

    def _app(self, request: web.Request) -> web.Response:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not _is_of_app(token):
            return self.error(401, "A JSON web token could not be decoded")
        if request.path == "/app":
            return web.json_response({"id": int(APP_ID), "slug": SLUG})
        if request.path != f"/app/installations/{INSTALLATION}/access_tokens":
            return self.error(404, "Not Found")
        self.given += 1
        given = f"ghs_token-of-the-installation-{self.given}"
        self.tokens[given] = f"{SLUG}[bot]"
        until = (datetime.now(UTC) + self.lifetime).isoformat(timespec="seconds")
        return web.json_response({"token": given, "expires_at": until}, status=201)

    def _user(self, request: web.Request, _: Json) -> web.Response:
        login = self.who(request) or ""
        if login.endswith("[bot]"):
            return self.error(403, "Resource not accessible by integration")
        return web.json_response({"login": login, "id": 7, "type": "User"})

    def _repository(self, request: web.Request, _: Json) -> web.Response:
        may = self.members.get(self.who(request) or "", "write")
        said = {
            "id": 1,
            "full_name": self.path,
            "default_branch": self.default_branch,
            "archived": self.archived,
            "html_url": f"https://github.com/{self.path}",
            "permissions": {"admin": may == "admin", "push": may != "read", "pull": True},
        }
        return web.json_response(said)

    def _pulls(self, request: web.Request, _: Json) -> web.Response:
        head = request.query.get("head", "")
        states = {"all": ("open", "closed"), "open": ("open",)}[request.query.get("state", "open")]
        found = [
            self._pull(thing)
            for (kind, _), thing in reversed(self.things.items())
            if kind == "pull"
            and (":" not in head or f"{thing.origin.partition('/')[0]}:{thing.head}" == head)
            and ("open" if thing.state == "open" else "closed") in states
        ]
        return self.paged(request, found)

    def _pull(self, thing: Thing) -> Json:
        is_merged = thing.state == "merged"
        origin = {"full_name": thing.origin} if thing.origin else None
        return {
            **self._issue(thing),
            "head": {
                "ref": thing.head,
                "label": f"{thing.origin.partition('/')[0]}:{thing.head}",
                "sha": self.branches.get(thing.head, f"{9:040x}"),
                "repo": origin,
            },
            "base": {"ref": thing.base, "repo": {"full_name": self.path}},
            "merged_at": thing.ended if is_merged else None,
            # Of an open one it is the merge that was tried.
            "merge_commit_sha": thing.merge_sha or f"{8:040x}",
        }

    def _issue(self, thing: Thing) -> Json:
        said = {
            "number": thing.number,
            "state": "open" if thing.state == "open" else "closed",
            "title": thing.title,
            "body": thing.body or None,
            "labels": [{"id": 1, "name": name} for name in sorted(thing.labels)],
            "user": {"login": thing.author} if thing.author else None,
            "html_url": f"https://github.com/{self.path}/pull/{thing.number}",
            "created_at": thing.created,
            "updated_at": thing.created,
            "closed_at": thing.ended,
        }
        return {**said, "pull_request": {}} if thing.base else said

    def _create_pull(self, request: web.Request, body: Json) -> web.Response:
        for thing in self.things.values():
            if thing.head == body["head"] and thing.state == "open":
                words = f"A pull request already exists for mesh:{thing.head}."
                said = {"message": "Validation Failed", "errors": [{"message": words}]}
                return web.json_response(said, status=422)
        if body["head"] not in self.branches:
            said = {
                "message": "Validation Failed",
                "errors": [{"field": "head", "code": "invalid"}],
            }
            return web.json_response(said, status=422)
        fields = {name: body[name] for name in ("head", "base", "title", "body")}
        made = self.add("pull", self.who(request) or "", origin=self.path, **fields)
        return web.json_response(self._pull(made), status=201)

    def _find(self, number: str) -> Thing:
        for (_, found), thing in self.things.items():
            if found == int(number):
                return thing
        raise web.HTTPNotFound(text=json.dumps({"message": "Not Found"}))

    def _one_pull(self, _request: web.Request, _: Json, number: str) -> web.Response:
        return web.json_response(self._pull(self._find(number)))

    def _edit(self, _request: web.Request, body: Json, number: str) -> web.Response:
        thing = self._find(number)
        for name in {"title", "body", "state"} & body.keys():
            setattr(thing, name, body[name])
        thing.ended = None if thing.state == "open" else self.now()
        return web.json_response(self._pull(thing) if thing.base else self._issue(thing))

    def _issues(self, request: web.Request, _: Json) -> web.Response:
        assert "type" not in request.query  # which would be that of an organization's issue types
        label = request.query["labels"].casefold()
        things = [
            thing
            for thing in reversed(self.things.values())
            if label in {each.casefold() for each in thing.labels}
        ]
        return self.paged(request, list(map(self._issue, things)))

    def _create_issue(self, request: web.Request, body: Json) -> web.Response:
        labels = self._known(body["labels"])
        made = self.add("issue", self.who(request) or "", **{**body, "labels": labels})
        return web.json_response(self._issue(made), status=201)

    def _known(self, names: list[str]) -> set[str]:
        """The labels as they are called, made where they do not exist."""
        by_name = {each.casefold(): each for each in self.labels}
        for name in names:
            if name.casefold() not in by_name:
                self.labels[name] = {"name": name, "color": "ededed", "description": None}
        return {by_name.get(name.casefold(), name) for name in names}

    def _comments(self, request: web.Request, _: Json, number: str) -> web.Response:
        notes = [note for note in self.notes.values() if note.on[1] == int(number)]
        return self.paged(request, list(map(_said, notes)))

    def _comment(self, request: web.Request, body: Json, number: str) -> web.Response:
        note = self.say(("any", int(number)), self.who(request) or "", body["body"])
        return web.json_response(_said(note), status=201)

    def _edit_comment(self, _request: web.Request, body: Json, identity: str) -> web.Response:
        note = self.notes[int(identity)]
        note.body = body["body"]
        return web.json_response(_said(note))

    def _reactions(self, request: web.Request, _: Json, identity: str) -> web.Response:
        found = self.notes[int(identity)].reactions
        return self.paged(request, [{"user": {"login": a}, "content": b} for a, b in found])

    def _react(self, request: web.Request, body: Json, identity: str) -> web.Response:
        reactions, new = (
            self.notes[int(identity)].reactions,
            (self.who(request) or "", body["content"]),
        )
        if new in reactions:
            return web.json_response({"content": new[1]}, status=200)
        reactions.append(new)
        return web.json_response({"content": new[1]}, status=201)

    def _labels_of(self, request: web.Request, _: Json, number: str) -> web.Response:
        labels = sorted(self._find(number).labels)
        return self.paged(request, [{"id": 1, "name": name} for name in labels])

    def _add_labels(self, _request: web.Request, body: Json, number: str) -> web.Response:
        thing = self._find(number)
        thing.labels |= self._known(body["labels"])
        return web.json_response([{"name": name} for name in sorted(thing.labels)])

    def _remove_label(self, _request: web.Request, _: Json, number: str, name: str) -> web.Response:
        labels, name = self._find(number).labels, unquote(name)
        if name not in labels:
            return self.error(404, "Label does not exist")
        labels.remove(name)
        return web.json_response([])

    def _labels(self, request: web.Request, _: Json) -> web.Response:
        return self.paged(request, list(self.labels.values()))

    def _create_label(self, _request: web.Request, body: Json) -> web.Response:
        if body["name"].casefold() in {each.casefold() for each in self.labels}:
            said = {"message": "Validation Failed", "errors": [{"code": "already_exists"}]}
            return web.json_response(said, status=422)
        self.labels[body["name"]] = body
        return web.json_response(body, status=201)

    def _permission(self, _request: web.Request, _: Json, login: str) -> web.Response:
        if login not in self.members:
            return self.error(404, f"{login} is not a user")
        return web.json_response({"permission": self.members[login], "user": {"login": login}})

    def _status(self, request: web.Request, _: Json, sha: str) -> web.Response:
        newest = {each["context"]: each for commit, each in self.statuses if commit == sha}
        found = list(newest.values())
        return self.paged(request, found, lambda part: {"state": "pending", "statuses": part})

    def _set_status(self, _request: web.Request, body: Json, sha: str) -> web.Response:
        if len(body["description"]) > 140:
            return self.error(422, "description is too long (maximum is 140 characters)")
        self.statuses.append((sha, {**body, "created_at": self.now()}))
        return web.json_response(self.statuses[-1][1], status=201)

    def _branch(self, _request: web.Request, _: Json, name: str) -> web.Response:
        if (name := unquote(name)) not in self.branches:
            return self.error(404, "Not Found")
        said = {"type": "commit", "sha": self.branches[name]}
        return web.json_response({"ref": f"refs/heads/{name}", "object": said})


def _said(note: Note) -> Json:
    return {
        "id": note.identity,
        "user": {"login": note.author} if note.author else None,
        "body": note.body,
        "created_at": note.created,
    }


def _is_of_app(token: str) -> bool:
    """Whether it is a JWT that GitHub takes: signed by the App, for ten minutes at most."""
    try:
        signed, _, signature = token.rpartition(".")
        APP_KEY.public_key().verify(
            _raw(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256()
        )
        header, claims = (json.loads(_raw(part)) for part in signed.split("."))
    except (InvalidSignature, ValueError):
        return False
    now = datetime.now(UTC).timestamp()
    in_time = claims["iat"] <= now < claims["exp"] <= now + 600
    return bool(header["alg"] == "RS256" and claims["iss"] == APP_ID and in_time)


def _raw(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
