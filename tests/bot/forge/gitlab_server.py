"""GitLab as its documentation describes it (docs.gitlab.com, REST API v4)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from aiohttp import web

from tests.bot.forge.store import PERSON, Simulated

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.bot.forge.store import Json, Note, Thing

_P = "/api/v4/projects/7"
_KINDS = {"merge_requests": "pull", "issues": "issue"}
_LEVELS = {"read": 20, "write": 30, "admin": 40}
_ACTIONS = re.compile(r"^/(?:close|merge|label|rebase)\b[^\n]*\n?", re.MULTILINE | re.IGNORECASE)


class GitLabServer(Simulated):
    """GitLab.

    Attributes:
        obeyed: The quick actions that it found in texts.
        links: Whether it sends Link headers; proxies take them away at times.
    """

    links = True

    def __init__(self, scratch: Path) -> None:
        super().__init__(scratch)
        self.path = "mesh/teams/fleet"
        self.obeyed: list[str] = []
        self.ids = {login: 100 + number for number, login in enumerate(self.members)}

    @property
    def url(self) -> str:
        return f"{self.server.url}/api/v4"

    def who(self, request: web.Request) -> str | None:
        return self.tokens.get(request.headers.get("PRIVATE-TOKEN", ""))

    def error(self, status: int, words: str) -> web.Response:
        return web.json_response({"message": f"{status} {words}"}, status=status)

    def shares(self, one: str, other: str) -> bool:
        return one == other

    def page_headers(self, request: web.Request, number: int, *, more: bool) -> dict[str, str]:
        headers = {"X-Next-Page": str(number + 1) if more else ""}
        return headers | (super().page_headers(request, number, more=more) if self.links else {})

    async def _do(self, request: web.Request) -> web.StreamResponse:
        if self.who(request) is None:
            return self.error(401, "Unauthorized")
        if self.archived and request.method != "GET":
            return self.error(403, "Forbidden")
        return await super()._do(request)

    def routes(self) -> Iterator[tuple[str, str, Any]]:
        kinds = "(merge_requests|issues)"
        yield "GET", "/api/v4/user", self._user
        yield "GET", "/api/v4/users", self._users
        yield "GET", f"/api/v4/projects/{self.path.replace('/', '%2F')}", self._repository
        yield "GET", f"{_P}/members/all/([0-9]+)", self._member
        yield "GET", f"{_P}/merge_requests", self._pulls
        yield "POST", f"{_P}/merge_requests", self._create_pull
        yield "GET", f"{_P}/merge_requests/([0-9]+)", self._one_pull
        yield "GET", f"{_P}/issues", self._issues
        yield "POST", f"{_P}/issues", self._create_issue
        yield "PUT", f"{_P}/{kinds}/([0-9]+)", self._edit
        yield "GET", f"{_P}/{kinds}/([0-9]+)/notes", self._notes
        yield "POST", f"{_P}/{kinds}/([0-9]+)/notes", self._comment
        yield "PUT", f"{_P}/{kinds}/[0-9]+/notes/([0-9]+)", self._edit_note
        yield "GET", f"{_P}/{kinds}/[0-9]+/notes/([0-9]+)/award_emoji", self._awards
        yield "POST", f"{_P}/{kinds}/[0-9]+/notes/([0-9]+)/award_emoji", self._award
        yield "GET", f"{_P}/labels", self._labels
        yield "POST", f"{_P}/labels", self._create_label
        yield "GET", f"{_P}/repository/commits/([0-9a-f]+)/statuses", self._statuses
        yield "POST", f"{_P}/statuses/([0-9a-f]+)", self._set_status
        yield "GET", f"{_P}/repository/branches/([^/]+)", self._branch

    def _user(self, request: web.Request, _: Json) -> web.Response:
        login = self.who(request) or ""
        return web.json_response({"id": self.ids[login], "username": login})

    def _users(self, request: web.Request, _: Json) -> web.Response:
        login = request.query["username"]
        found = [
            {"id": number, "username": name} for name, number in self.ids.items() if name == login
        ]
        return web.json_response(found)

    def _repository(self, _request: web.Request, _: Json) -> web.Response:
        said = {
            "id": 7,
            "path_with_namespace": self.path,
            "default_branch": self.default_branch,
            "archived": self.archived,
            "web_url": f"https://gitlab.com/{self.path}",
        }
        return web.json_response(said)

    def _member(self, _request: web.Request, _: Json, number: str) -> web.Response:
        by_id = {number: login for login, number in self.ids.items()}
        login = by_id.get(int(number), "")
        if login not in self.members:
            return self.error(404, "Not found")
        level = _LEVELS[self.members[login]]
        said = {"id": int(number), "username": login, "state": "active", "access_level": level}
        return web.json_response(said)

    def _pulls(self, request: web.Request, _: Json) -> web.Response:
        branch, state = request.query.get("source_branch"), request.query["state"]
        found = [
            self._pull(thing)
            for (kind, _), thing in reversed(self.things.items())
            if kind == "pull" and branch in {None, thing.head}
        ]
        return self.paged(request, [each for each in found if state in {"all", each["state"]}])

    def _pull(self, thing: Thing) -> Json:
        is_merged = thing.state == "merged"
        return {
            **self._issue(thing),
            "state": {"open": "opened"}.get(thing.state, thing.state),
            "source_branch": thing.head,
            "target_branch": thing.base,
            "source_project_id": 7 if thing.origin == self.path else 8,
            "target_project_id": 7,
            "sha": self.branches.get(thing.head),
            "merge_commit_sha": thing.merge_sha,
            "squash_commit_sha": None,
            "merged_at": thing.ended if is_merged else None,
            "closed_at": None if is_merged else thing.ended,
        }

    def _issue(self, thing: Thing) -> Json:
        return {
            "id": 1000 + thing.number,
            "iid": thing.number,
            "state": "opened" if thing.state == "open" else "closed",
            "title": thing.title,
            "description": thing.body or None,
            "labels": sorted(thing.labels),
            "author": {"username": thing.author} if thing.author else None,
            "web_url": f"https://gitlab.com/{self.path}/-/{thing.number}",
            "created_at": thing.created,
            "updated_at": thing.created,
            "closed_at": thing.ended,
        }

    def _obey(self, text: str) -> str:
        """Take the commands out of a text, as GitLab does before it keeps it."""
        text = text.replace("\r", "")
        self.obeyed += _ACTIONS.findall(text)
        return _ACTIONS.sub("", text).rstrip()

    def _create_pull(self, request: web.Request, body: Json) -> web.Response:
        for (_, number), thing in self.things.items():
            if thing.head == body["source_branch"] and thing.state == "open":
                words = "Another open merge request already exists for this source branch"
                return web.json_response({"message": [f"{words}: !{number}"]}, status=409)
        fields = {"head": body["source_branch"], "base": body["target_branch"]}
        made = self._new("pull", request, body, origin=self.path, **fields)
        return web.json_response(self._pull(made), status=201)

    def _new(self, kind: str, request: web.Request, body: Json, **fields: str) -> Thing:
        text, names = self._obey(body["description"]), set(filter(None, body["labels"].split(",")))
        self._know(names)
        fields = {"title": body["title"], "body": text, **fields}
        return self.add(kind, self.who(request) or "", labels=names, **fields)

    def _know(self, names: set[str]) -> None:
        for name in names - self.labels.keys():
            self.labels[name] = {"id": 1, "name": name, "color": "#6699cc"}

    def _one_pull(self, _request: web.Request, _: Json, number: str) -> web.Response:
        thing = self.things.get(("pull", int(number)))
        return web.json_response(self._pull(thing)) if thing else self.error(404, "Not found")

    def _issues(self, request: web.Request, _: Json) -> web.Response:
        label = request.query["labels"]
        things = [each for (kind, _), each in reversed(self.things.items()) if kind == "issue"]
        return self.paged(request, [self._issue(each) for each in things if label in each.labels])

    def _create_issue(self, request: web.Request, body: Json) -> web.Response:
        return web.json_response(self._issue(self._new("issue", request, body)), status=201)

    def _edit(self, _request: web.Request, body: Json, kind: str, number: str) -> web.Response:
        thing = self.things[_KINDS[kind], int(number)]
        thing.title = body.get("title", thing.title)
        if "description" in body:
            thing.body = self._obey(body["description"])
        added = set(filter(None, body.get("add_labels", "").split(",")))
        self._know(added)
        thing.labels = (thing.labels | added) - set(body.get("remove_labels", "").split(","))
        if event := body.get("state_event"):
            thing.state = {"close": "closed", "reopen": "open"}[event]
            thing.ended = None if thing.state == "open" else self.now()
            self.say((_KINDS[kind], int(number)), PERSON, thing.state, "system")
        return web.json_response(self._pull(thing) if thing.base else self._issue(thing))

    def _notes(self, request: web.Request, _: Json, kind: str, number: str) -> web.Response:
        return self.paged(request, list(map(_said, self.about(_KINDS[kind], int(number)))))

    def _comment(self, request: web.Request, body: Json, kind: str, number: str) -> web.Response:
        on, text = (_KINDS[kind], int(number)), self._obey(body["body"])
        return web.json_response(_said(self.say(on, self.who(request) or "", text)), status=201)

    def _edit_note(self, _request: web.Request, body: Json, _: str, identity: str) -> web.Response:
        note = self.notes[int(identity)]
        note.body = self._obey(body["body"])
        return web.json_response(_said(note))

    def _awards(self, request: web.Request, _: Json, _kind: str, identity: str) -> web.Response:
        found = self.notes[int(identity)].reactions
        return self.paged(request, [{"name": b, "user": {"username": a}} for a, b in found])

    def _award(self, request: web.Request, body: Json, _: str, identity: str) -> web.Response:
        reactions, new = (
            self.notes[int(identity)].reactions,
            (self.who(request) or "", body["name"]),
        )
        if new in reactions:
            return self.error(404, "Award Emoji Name has already been taken Not Found")
        reactions.append(new)
        return web.json_response({"name": new[1]}, status=201)

    def _labels(self, request: web.Request, _: Json) -> web.Response:
        return self.paged(request, list(self.labels.values()))

    def _create_label(self, _request: web.Request, body: Json) -> web.Response:
        if body["name"] in self.labels:
            return self.error(409, "Label already exists")
        self.labels[body["name"]] = body
        return web.json_response(body, status=201)

    def _statuses(self, request: web.Request, _: Json, sha: str) -> web.Response:
        name = request.query["name"]
        found = [each for commit, each in self.statuses if commit == sha and each["name"] == name]
        return self.paged(request, found)

    def _set_status(self, _request: web.Request, body: Json, sha: str) -> web.Response:
        name = body["name"]
        mine = [each for commit, each in self.statuses if (commit, each["name"]) == (sha, name)]
        if mine and mine[-1]["status"] == body["state"] == "pending":
            words = "Cannot transition status via :enqueue from :pending (Reason(s): Status cannot)"
            return web.json_response({"message": words}, status=400)
        new = {"id": len(self.statuses), "name": body["name"], "status": body["state"]}
        new |= {"description": body["description"], "created_at": self.now()}
        self.statuses.append((sha, new))
        return web.json_response(new, status=201)

    def _branch(self, _request: web.Request, _: Json, name: str) -> web.Response:
        if (name := unquote(name)) not in self.branches:
            return self.error(404, "Branch Not Found")
        return web.json_response({"name": name, "commit": {"id": self.branches[name]}})


def _said(note: Note) -> Json:
    return {
        "id": note.identity,
        "type": note.kind if note.kind != "system" else None,
        "system": note.kind == "system",
        "author": {"username": note.author} if note.author else None,
        "body": note.body,
        "created_at": note.created,
    }
