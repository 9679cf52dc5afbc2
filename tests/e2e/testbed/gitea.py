"""A Git forge: Gitea over HTTPS, with one user and, on request, repositories and pull requests.

For the testbed at its host name, and for tests of what speaks to a forge on a loopback address.
"""

from __future__ import annotations

import json
import os
import pwd
import secrets
from typing import TYPE_CHECKING, Any

import urllib3

from . import network
from .errors import TestbedError
from .parts import part
from .processes import Process, run, wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from .pki import Authority

HOST = "git.example.com"
PORT = 3000
USER = "platform"
READY_SECONDS = 60
MERGE_SECONDS = 20

_CONFIG = """\
APP_NAME = Testbed
RUN_MODE = prod
RUN_USER = {user}
I_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true
WORK_PATH = {base}
[server]
PROTOCOL = https
STATIC_ROOT_PATH = {static}
HTTP_ADDR = {address}
HTTP_PORT = {port}
ROOT_URL = https://{host}:{port}/
CERT_FILE = {base}/serving.crt
KEY_FILE = {base}/serving.key
DISABLE_SSH = true
OFFLINE_MODE = true
[database]
DB_TYPE = sqlite3
PATH = {base}/gitea.db
[repository]
DEFAULT_BRANCH = main
ROOT = {base}/repositories
[security]
INSTALL_LOCK = true
SECRET_KEY = {secret}
[service]
DISABLE_REGISTRATION = true
[actions]
ENABLED = false
[cron]
ENABLED = false
[log]
LEVEL = Warn
[indexer]
ISSUE_INDEXER_TYPE = db
"""


class Gitea:
    """A running Gitea.

    Args:
        base: Directory for a directory of its own, and for its log.
        authority: Signs its certificate.
        host: The name or the address that it is called by.
        address: Where it listens.
        port: Where it listens.
        roots: PEM file that its certificate is verified against; the machine's by default.
    """

    def __init__(
        self,
        base: Path,
        authority: Authority,
        *,
        host: str = HOST,
        address: str = str(network.HUB),
        port: int = PORT,
        roots: Path | None = None,
    ) -> None:
        self.url = f"https://{host}:{port}"
        self._host, self._address, self._port = host, address, port
        self.user = USER
        self.password = secrets.token_urlsafe(16)
        self._base = base / "gitea"
        self._config = self._base / "app.ini"
        self._write_files(authority)
        self._pool = urllib3.PoolManager(
            retries=False, timeout=30, ca_certs=None if roots is None else str(roots)
        )
        self._program: list[str | Path] = [part("gitea"), "--config", self._config]
        self.process = Process(
            "gitea",
            [*self._program, "web"],
            base / "logs" / "gitea.log",
            env=self._environment(),
            cwd=self._base,
        )

    def wait_ready(self) -> None:
        """Wait until it serves, then make its user."""
        self.process.wait_ready(
            lambda: self._request("GET", "/api/healthz").status == 200, READY_SECONDS
        )
        account = [
            "--username",
            USER,
            "--password",
            self.password,
            "--email",
            f"{USER}@example.com",
        ]
        run(
            [
                *self._program,
                "admin",
                "user",
                "create",
                *account,
                "--admin",
                "--must-change-password=false",
            ],
            env=self._environment(),
            cwd=self._base,
        )

    def call(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        """One call of Gitea's API as its user.

        Raises:
            TestbedError: Gitea refused.
        """
        response = self._request(method, f"/api/v1{path}", body)
        if response.status >= 400:
            raise TestbedError(f"{method} {path}: {response.status} {response.data[:500]!r}")
        return json.loads(response.data) if response.data else None

    def create_repository(self, name: str) -> str:
        """A new private repository; gives its URL."""
        self.call("POST", "/user/repos", {"name": name, "private": True, "auto_init": False})
        return f"{self.url}/{USER}/{name}.git"

    def merge(self, repository: str, branch: str, title: str) -> int:
        """Open a pull request for a pushed branch and merge it; gives its number."""
        base = f"/repos/{USER}/{repository}/pulls"
        pull = self.call("POST", base, {"head": branch, "base": "main", "title": title})
        number = int(pull["number"])

        def merged() -> bool:
            # Gitea works out in the background whether it can be merged, and says 405 until then;
            # where its answer is lost, the pull request says what has come of it.
            self._request("POST", f"/api/v1{base}/{number}/merge", {"Do": "merge"})
            return bool(self.call("GET", f"{base}/{number}")["merged"])

        wait_for(f"pull request {number} merged", merged, MERGE_SECONDS)
        self.call("DELETE", f"/repos/{USER}/{repository}/branches/{branch}")
        return number

    def close(self) -> None:
        """Give the connections back, and end the program."""
        self._pool.clear()
        self.process.stop()

    def git_environment(self) -> dict[str, str]:
        """What git needs to push as Gitea's user; the password is in no URL and no argument."""
        return {
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "credential.helper",
            "GIT_CONFIG_VALUE_0": f"store --file={self._base / 'credentials'}",
        }

    def _request(self, method: str, path: str, body: object = None) -> urllib3.BaseHTTPResponse:
        headers = urllib3.make_headers(basic_auth=f"{USER}:{self.password}")
        headers["Content-Type"] = "application/json"
        data = None if body is None else json.dumps(body).encode()
        try:
            return self._pool.request(method, self.url + path, body=data, headers=headers)
        except urllib3.exceptions.HTTPError as error:
            raise TestbedError(f"{method} {path}: {error}") from None

    def _environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "HOME": str(self._base), "USER": _account()}

    def _write_files(self, authority: Authority) -> None:
        self._base.mkdir(parents=True)
        serving = authority.serve([self._host])
        config = _CONFIG.format(
            base=self._base,
            user=_account(),
            static=part("gitea-static"),
            address=self._address,
            port=self._port,
            host=self._host,
            secret=secrets.token_hex(32),
        )
        credentials = f"https://{USER}:{self.password}@{self._host}%3a{self._port}\n"
        files = {
            "app.ini": config,
            "serving.crt": serving.certificate,
            "serving.key": serving.key,
            "credentials": credentials,
        }
        for name, content in files.items():
            (self._base / name).touch(mode=0o600)
            (self._base / name).write_text(content)


def _account() -> str:
    """Whoever runs this; Gitea refuses to run as anybody but whom it is told."""
    return pwd.getpwuid(os.geteuid()).pw_name
