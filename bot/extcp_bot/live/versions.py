"""Versions as clusters tell them: of Kubernetes, of the CRDs, and in the tags of images."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from extcp_bot.kube.failure import NonsenseError
from extcp_bot.live import fields

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extcp_bot.kube.client import Client

CRD_GROUP: Final = "apiextensions.k8s.io"
CRDS: Final = "customresourcedefinitions"
VERSION_LABEL: Final = "app.kubernetes.io/version"
KUBERNETES_OF_ISTIO: Final = {"1.27": (29, 33), "1.28": (30, 34), "1.29": (31, 35)}
"""By release of Istio the oldest and the newest Kubernetes 1 that it is tested with (istio.io,
Supported Releases)."""
_PART_OF_ISTIO: Final = "app.kubernetes.io/part-of=istio"
_DOMAIN: Final = ".istio.io"
_NUMBERS: Final = re.compile(r"v?([0-9]{1,4})\.([0-9]{1,4})(?:\.([0-9]{1,6}))?(?![0-9])")
_LONGEST: Final = 64


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """A version that can be compared.

    Attributes:
        major: First number.
        minor: Second number.
        patch: Third number; 0 where there is none.
        text: As it was told.
    """

    major: int
    minor: int
    patch: int
    text: str = field(compare=False)

    @classmethod
    def parse(cls, text: str) -> Version | None:
        """The version that a text begins with; None where it begins with none.

        ``1.29.1``, ``1.29.1-distroless``, ``v1.36.3+k3s1`` and ``1.29-alpha.0`` have one,
        ``latest`` does not.
        """
        match = _NUMBERS.match(text[:_LONGEST])
        if match is None:
            return None
        major, minor, patch = (int(number or 0) for number in match.groups())
        return cls(major, minor, patch, text[:_LONGEST])

    @property
    def release(self) -> str:
        """Major and minor, as in ``1.29``."""
        return f"{self.major}.{self.minor}"

    def minors_before(self, other: Version) -> int:
        """How many minor releases this one is before another; below 0 where it comes after it.

        Across major releases it is far.
        """
        if self.major != other.major:
            return 1000 * (other.major - self.major)
        return other.minor - self.minor


def of_image(reference: str) -> Version | None:
    """The version in an image's tag; None where the tag names none, or there is only a digest."""
    name = reference.partition("@")[0].rpartition("/")[2]
    return Version.parse(name.partition(":")[2])


async def of_kubernetes(api: Client) -> Version:
    """The version of an API server; everybody who is logged in may ask.

    Raises:
        CannotLookError: It does not tell.
    """
    found = await api.find("/version")
    version = Version.parse(fields.string(fields.at(found, "gitVersion")))
    if version is None:
        why = f"/version of {api.access.host}: the server tells no version"
        raise NonsenseError(why, "check that the address is that of an API server", "/version")
    return version


async def of_crds(api: Client) -> Mapping[str, Version | None]:
    """Istio's CRDs on a cluster: the version in the label of each, by name.

    Only those with the labels that Istio's chart gives them since it templates them; their labels
    alone are read, for their schemas are a megabyte.

    Raises:
        CannotLookError: The cluster does not show them.
    """
    path = f"/apis/{CRD_GROUP}/v1/{CRDS}"
    found = await api.list(path, labels=_PART_OF_ISTIO, metadata_only=True)
    versions = {}
    for item in found:
        name = fields.string(fields.at(item, "metadata", "name"))
        if name.endswith(_DOMAIN):
            label = fields.string(fields.at(item, "metadata", "labels", VERSION_LABEL))
            versions[name] = Version.parse(label)
    return versions
