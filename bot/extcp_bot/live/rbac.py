"""Rules of Kubernetes' RBAC, and whether some of them allow what others ask for.

As ``k8s.io/component-helpers/auth/rbac/validation`` does: a request for ``*`` is only covered by a
rule that says ``*``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from extcp_bot.live import fields

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

_ALL: Final = "*"


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """One verb on one kind of object, or on one path of the API server.

    Attributes:
        target: For people: ``pods``, ``endpointslices.discovery.k8s.io``, ``/healthz``.
        verb: Such as ``list``.
        group: API group; empty for the core.
        resource: Plural, with its subresource; empty for a path.
        name: Of the one object; empty for all.
        url: The path, for what is no resource.
    """

    target: str
    verb: str
    group: str = ""
    resource: str = ""
    name: str = ""
    url: str = ""

    @classmethod
    def on(cls, verb: str, group: str, resource: str, name: str = "") -> Self:
        """The right to do something with a resource."""
        target = f"{resource}.{group}" if group else resource
        return cls(f"{target}/{name}" if name else target, verb, group, resource, name)


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of a Role or a ClusterRole.

    Attributes:
        verbs: What may be done.
        groups: API groups.
        resources: Plurals, with their subresources.
        names: Of the only objects; empty for all.
        urls: Paths, for what is no resource.
    """

    verbs: frozenset[str]
    groups: frozenset[str]
    resources: frozenset[str]
    names: frozenset[str]
    urls: frozenset[str]

    @classmethod
    def of(cls, rule: Mapping[str, object]) -> Self:
        """A rule as Kubernetes writes it; nothing is allowed by what is none."""
        names = ("verbs", "apiGroups", "resources", "resourceNames", "nonResourceURLs")
        return cls(*(frozenset(fields.strings(rule.get(name))) for name in names))

    def rights(self) -> Iterator[Right]:
        """All that it allows, one by one."""
        for verb in self.verbs:
            for url in self.urls:
                yield Right(url, verb, url=url)
            for group in self.groups:
                for resource in self.resources:
                    for name in self.names or [""]:
                        yield Right.on(verb, group, resource, name)

    def allows(self, right: Right) -> bool:
        """Whether it covers a right."""
        if not _has(self.verbs, right.verb):
            return False
        if right.url:
            return any(_is_below(right.url, url) for url in self.urls)
        return (
            _has(self.groups, right.group)
            and self._has_resource(right.resource)
            and (not self.names or right.name in self.names)
        )

    def _has_resource(self, resource: str) -> bool:
        subresource = resource.partition("/")[2]
        return _has(self.resources, resource) or (
            bool(subresource) and f"*/{subresource}" in self.resources
        )


def lacking(wanted: Iterable[Rule], granted: Collection[Rule]) -> list[Right]:
    """The rights of ``wanted`` that no rule of ``granted`` covers, sorted."""
    rights = {right for rule in wanted if rule not in granted for right in rule.rights()}
    return sorted(right for right in rights if not any(rule.allows(right) for rule in granted))


def _has(words: frozenset[str], word: str) -> bool:
    return word in words or _ALL in words


def _is_below(url: str, pattern: str) -> bool:
    return url == pattern or (pattern.endswith(_ALL) and url.startswith(pattern[:-1]))
