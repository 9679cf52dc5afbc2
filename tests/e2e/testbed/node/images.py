"""How each container image of the testbed is run without a container engine."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e.testbed.parts import part

APPS = Path(__file__).parent.parent / "apps"
ISTIO_USER = 1337

# Stock Envoy lacks three filters of Istio's own build of it: istiod must not ask for them.
# The third, istio.stats, is a matter of the Telemetry API, for a person's file in the repository.
STOCK_ENVOY = {"PILOT_ENABLE_METADATA_EXCHANGE": "false", "PILOT_ENABLE_ALPN_FILTER": "false"}


@dataclass(frozen=True)
class Image:
    """What stands for an image.

    Attributes:
        entrypoint: The command in front of a container's ``args``.
        files: Path in the container -> file or directory of this machine.
        user: The user and group that the image names.
        environment: The variables that the image sets.
        overrides: The variables that the testbed sets whatever the Pod says.
    """

    entrypoint: tuple[str, ...]
    files: dict[str, Path] = field(default_factory=dict)
    user: int = 0
    environment: dict[str, str] = field(default_factory=dict)
    overrides: dict[str, str] = field(default_factory=dict)


def _pilot() -> Image:
    program = "/usr/local/bin/pilot-discovery"
    files = {program: part("pilot-discovery")}
    return Image((program,), files, ISTIO_USER, overrides=STOCK_ENVOY)


def _proxy(tag: str) -> Image:
    program = "/usr/local/bin/pilot-agent"
    bootstrap = part("istio-samples") / "tools/packaging/common/envoy_bootstrap.json"
    files = {
        program: part("pilot-agent"),
        "/usr/local/bin/envoy": part("envoy"),
        "/var/lib/istio/envoy/envoy_bootstrap_tmpl.json": bootstrap,
    }
    release = tag.split("-", 1)[0]
    return Image((program,), files, ISTIO_USER, {"ISTIO_META_ISTIO_VERSION": release})


def _script(name: str, **environment: str) -> Image:
    path = f"/app/{name}"
    entrypoint = (str(Path(sys.executable).resolve()), "-I", path)
    return Image(entrypoint, {path: APPS / name}, environment=environment)


def find(reference: str) -> Image | None:
    """The image of a reference, or None where a real node could not pull it."""
    name, _, tag = reference.removeprefix("docker.io/").partition(":")
    if name == "istio/pilot":
        return _pilot()
    if name == "istio/proxyv2":
        return _proxy(tag)
    if name == "istio/examples-helloworld-v1":
        return _script("helloworld.py", SERVICE_VERSION="v1")
    if name == "istio/examples-helloworld-v2":
        return _script("helloworld.py", SERVICE_VERSION="v2")
    if name == "curlimages/curl":
        return _script("fetch.py")
    return None
