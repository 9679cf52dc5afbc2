"""EXTCP-H14: all clusters of a control plane trust one root, and it is the one that was meant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from extcp_bot.checks import asking_istiod, parts
from extcp_bot.checks.model import (
    CONTROL_PLANE_NAMESPACE,
    Observation,
    Permission,
    Problem,
    Scope,
    Severity,
    Side,
    check,
    healthy,
    unknown,
)
from extcp_bot.checks.remedies import RESTORE, RESTORE_COMMAND, RESTORE_EXTERNAL_COMMAND
from extcp_bot.kube.failure import CannotLookError
from extcp_bot.live import certificates, istiod, mesh_config, mesh_root, roots, signer
from extcp_gitops.inventory.model import CAType

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime

    from extcp_bot.live.certificates import Certificate
    from extcp_bot.live.istiod import Replica
    from extcp_bot.target import Target

WARNED: Final = timedelta(days=30)
SIGNER_WARNED: Final = timedelta(days=7)
"""Less than for a root, since no workload has to take part in the change; and cert-manager renews
what it makes by itself when a third of its life is left, which is not to be warned of."""
PLUGGED_IN: Final = "cacerts"
_PIN: Final = "extcp-gitops control-plane pin-root {plane} --context {config}"
_DEFAULT_TRUST_DOMAIN: Final = "cluster.local"

ANOTHER_ROOT = Problem(
    "another-root",
    "The cluster's workloads trust another root than those of the config cluster, so that neither "
    "take the other's certificates.",
    "delete the ConfigMap; istiod writes it anew within seconds. Where the other root comes back, "
    "a second istiod writes it: see EXTCP-H15. Then restart the cluster's workloads",
    "kubectl --context {context} --namespace {namespace} delete configmap istio-ca-root-cert",
    severity=Severity.CRITICAL,
)
NOT_THE_PINNED_ROOT = Problem(
    "not-the-pinned-root",
    "istiod has another root than the one that the repository pins.",
    "where istiod has a new CA on purpose, pin its root; else give istiod its old CA back",
    _PIN,
)
PARTLY_PINNED = Problem(
    "partly-pinned",
    "The mesh trusts other roots beside the one that the repository pins, or fewer.",
    "where one root takes over from another, let both be in rootCertificate until it has",
    _PIN,
    severity=Severity.WARNING,
)
EXPIRED = Problem(
    "expired",
    "The root of trust has expired: no proxy takes any certificate.",
    "give istiod a new CA and pin its root, as README.md says under 'The root has changed'",
    severity=Severity.CRITICAL,
)
EXPIRING = Problem(
    "expiring",
    "The root of trust ends soon, and with it all traffic of the mesh.",
    "give istiod a new CA whose bundle holds both roots, as README.md says under 'The root has "
    "changed'; every workload has to be restarted before the end",
    severity=Severity.WARNING,
)
ONE_ROOT_EXPIRING = Problem(
    "one-root-expiring",
    "One of several roots ends soon, and istiod does not say whether it signs with it.",
    "where it does, give istiod the CA of the other root, as README.md says under 'The root has "
    "changed', and restart every workload; where it does not, take the old root out of the bundle",
    severity=Severity.WARNING,
)
SIGNER_EXPIRED = Problem(
    "signer-expired",
    "The certificate that istiod signs with has expired: no proxy takes what it signs.",
    "give istiod a new one under the same root: deliver the Secret cacerts anew as README.md says, "
    "under 'Give the external cluster its certificates'; where cert-manager makes it, see its "
    "Certificate. Then restart istiod and every workload",
    severity=Severity.CRITICAL,
)
SIGNER_EXPIRING = Problem(
    "signer-expiring",
    "The certificate that istiod signs with ends soon, and with it all that it signs.",
    "give istiod a new one under the same root: deliver the Secret cacerts anew as README.md says, "
    "under 'Give the external cluster its certificates'; where cert-manager makes it, see its "
    "Certificate. Where istiod goes on with the old one, restart it",
    severity=Severity.WARNING,
)
CACERTS_MISSING = Problem(
    "cacerts-missing",
    "The repository wants a plugged-in CA, and istiod has been given none: it signs for itself, "
    "with a key that is kept in the config cluster.",
    "deliver the Secret cacerts as README.md says, under 'Give the external cluster its "
    "certificates'; where cert-manager makes it, see its Certificate",
    "kubectl --context {external} --namespace {namespace} get secrets,events",
)
CACERTS_UNEXPECTED = Problem(
    "cacerts-unexpected",
    "The repository takes the CA for one that istiod makes itself, and there is a plugged-in one.",
    "look at the root in the Secret cacerts, set certificateAuthority.type of the control plane to "
    "plugged-in in mesh.yaml, and pin that root. Where it is the published one, istiod signs with "
    "it: without it the next start makes a new root, which no workload trusts. Only where it is "
    "another one, and nobody wants it, delete the Secret before istiod's next start",
    "kubectl --context {external} --namespace {namespace} get secret cacerts "
    "--output 'go-template={{{{base64decode "
    """(or (index .data "root-cert.pem") (index .data "ca.crt"))}}}}'""",
    severity=Severity.WARNING,
)
MESH_ID = Problem(
    "mesh-id",
    "istiod goes by another mesh ID than the repository.",
    RESTORE,
    RESTORE_EXTERNAL_COMMAND,
)
TRUST_DOMAIN = Problem(
    "trust-domain",
    "The config cluster says another trust domain than istiod uses.",
    RESTORE,
    RESTORE_COMMAND,
    severity=Severity.WARNING,
)


def _config_map(side: Side, name: str) -> Permission:
    return Permission(side, "configmaps", ("get",), "", CONTROL_PLANE_NAMESPACE, (name,))


@check(
    "EXTCP-H14",
    "root-of-trust",
    title="Do all clusters of the control plane trust one root, the one that was meant?",
    scope=Scope.REMOTE,
    severity=Severity.ERROR,
    permissions=(
        Permission(Side.REMOTE, "configmaps", names=(roots.CONFIG_MAP,)),
        _config_map(Side.CONFIG, mesh_root.CONFIG_MAP),
        _config_map(Side.CONFIG, mesh_config.CONFIG_MAP),
        _config_map(Side.EXTERNAL, mesh_config.CONFIG_MAP),
        Permission(
            Side.EXTERNAL, "secrets", namespace=CONTROL_PLANE_NAMESPACE, names=(PLUGGED_IN,)
        ),
        *asking_istiod.PERMISSIONS,
    ),
    problems=(
        ANOTHER_ROOT,
        NOT_THE_PINNED_ROOT,
        PARTLY_PINNED,
        EXPIRED,
        EXPIRING,
        ONE_ROOT_EXPIRING,
        SIGNER_EXPIRED,
        SIGNER_EXPIRING,
        CACERTS_MISSING,
        CACERTS_UNEXPECTED,
        MESH_ID,
        TRUST_DOMAIN,
    ),
)
async def look(target: Target) -> AsyncIterator[Observation]:
    """Two workloads speak to each other only where both trust the root of the other.

    Looked at is the root in `istio-ca-root-cert` of the control plane's namespace, certificate by
    certificate: that of each cluster beside that of the config cluster. For the config cluster
    also whether it is the root that mesh.yaml pins, when it ends, whether the CA is plugged in
    (Secret `cacerts` beside istiod, of which only the name is read) or istiod's own as the
    repository says, and whether istiod and the config cluster agree on mesh ID and trust domain.
    When the certificate ends that istiod signs with, which a root may outlive, is what its metrics
    say, through port-forwarding; where they do not, each of several roots has to last. Control
    planes of one mesh may have roots of their own, and are not compared. Where there is no root
    yet, see EXTCP-H09. User reports: istio#32501, #52356, #55005.
    """
    if not target.is_config:
        yield await _compared(target)
        return
    async for seen in parts.each(
        _root(target), _signer(target), _authority(target), _identity(target)
    ):
        yield seen


async def _compared(target: Target) -> Observation:
    place = f"ConfigMap {target.plane.namespace}/{roots.CONFIG_MAP}"
    bundle = (await roots.of(target)).get(target.plane.namespace, "")
    if not bundle:
        return _missing(place)
    wanted, found = await _of_the_mesh(target), _parsed(bundle)
    if set(found) == set(wanted):
        return healthy(place, f"as in the config cluster: {certificates.named(found)}")
    return ANOTHER_ROOT.at(
        target, place, found=certificates.named(found), wanted=certificates.named(wanted)
    )


async def _root(target: Target) -> AsyncIterator[Observation]:
    place = mesh_root.place(target)
    found = await _of_the_mesh(target)
    pinned = _parsed(target.plane.ca.root_certificate or "")
    names = certificates.named(found), certificates.named(pinned)
    if not pinned:
        yield healthy(place, f"{names[0]}, not pinned")
    elif set(found) == set(pinned):
        yield healthy(place, f"{names[0]}, as pinned")
    else:
        problem = PARTLY_PINNED if set(found) & set(pinned) else NOT_THE_PINNED_ROOT
        yield problem.at(target, place, found=names[0], wanted=names[1])
    yield _ROOT_END.judge(target, f"{place}, end", max(each.end for each in found))


@dataclass(frozen=True, slots=True)
class _End:
    """What follows from the end of a certificate.

    Attributes:
        expired: Once it has ended.
        expiring: Before.
        warned: How long before.
    """

    expired: Problem
    expiring: Problem
    warned: timedelta

    def judge(self, target: Target, place: str, end: datetime) -> Observation:
        """What there is to say of one."""
        left = end - target.fleet.now()
        if left <= timedelta():
            found, wanted = f"{end:%Y-%m-%d}", "a day to come"
            return self.expired.at(target, place, found=found, wanted=wanted)
        found = f"{end:%Y-%m-%d}, in {left.days} days"
        if left < self.warned:
            wanted = f"more than {self.warned.days} days"
            return self.expiring.at(target, place, found=found, wanted=wanted)
        return healthy(place, found)


_ROOT_END: Final = _End(EXPIRED, EXPIRING, WARNED)  # of the root that lives longest
_ONE_ROOT_END: Final = _End(ONE_ROOT_EXPIRING, ONE_ROOT_EXPIRING, WARNED)
_SIGNER_END: Final = _End(SIGNER_EXPIRED, SIGNER_EXPIRING, SIGNER_WARNED)


async def _signer(target: Target) -> AsyncIterator[Observation]:
    """The end of what istiod signs with, where a root outlives it; the root's own is said."""
    last, *others = sorted(await _of_the_mesh(target), key=lambda each: each.end, reverse=True)
    ends: dict[datetime, Replica] = {}
    blocked: list[CannotLookError] = []
    for replica in await istiod.ready(target):
        try:
            if said := await signer.end(target, replica):
                ends[said] = replica
        except CannotLookError as error:
            blocked.append(error)
    if not ends:
        for each in others:
            place = f"{mesh_root.place(target)}, end of {certificates.named((each,))}"
            yield _ONE_ROOT_END.judge(target, place, each.end)
    elif (first := min(ends)) < last.end:
        place = f"{ends[first].place}, end of the certificate that it signs with"
        yield _SIGNER_END.judge(target, place, first)
    for why in blocked:
        yield unknown(why.looked_at, why.why, why.remedy)


async def _authority(target: Target) -> AsyncIterator[Observation]:
    """Where istiod has its CA from."""
    namespace = target.plane.namespace
    secrets = await target.external.list(
        f"/api/v1/namespaces/{namespace}/secrets",
        fields=f"metadata.name={PLUGGED_IN}",
        metadata_only=True,  # the key of the CA stays where it is
    )
    place, ca = f"Secret {namespace}/{PLUGGED_IN}", target.plane.ca
    if secrets and ca.type is CAType.SELF_SIGNED:
        published = certificates.named(_parsed(await mesh_root.published(target)))
        found = f"one, beside the published root {published}"
        yield CACERTS_UNEXPECTED.at(target, place, found=found, wanted="none")
    elif not secrets and ca.type is CAType.PLUGGED_IN:
        yield CACERTS_MISSING.at(target, place, found="none", wanted="one")
    else:
        yield healthy(place, f"a {ca.type} CA, as in mesh.yaml")


async def _identity(target: Target) -> AsyncIterator[Observation]:
    """The mesh ID and the trust domain, on which istiod and its config cluster have to agree."""
    namespace, name = target.plane.namespace, mesh_config.CONFIG_MAP
    own, other = await mesh_config.of_istiod(target), await mesh_config.of_config_cluster(target)
    place, wanted = f"ConfigMap {namespace}/{name}", target.fleet.inventory.mesh.mesh_id
    mesh_id, trust_domain = own.mesh_id or other.mesh_id, own.trust_domain or _DEFAULT_TRUST_DOMAIN
    is_one = mesh_id == wanted
    if not is_one:
        where = f"{place} beside istiod, defaultConfig.meshId"
        yield MESH_ID.at(target, where, found=mesh_id or "none", wanted=wanted)
    if (other.trust_domain or trust_domain) != trust_domain:
        where = f"{place} of the config cluster, trustDomain"
        yield TRUST_DOMAIN.at(target, where, found=other.trust_domain, wanted=trust_domain)
    elif is_one:
        yield healthy(place, f"mesh ID {mesh_id}, trust domain {trust_domain}")


async def _of_the_mesh(target: Target) -> tuple[Certificate, ...]:
    """The roots in the config cluster.

    Raises:
        CannotLookError: There is none, or nobody shows it.
    """
    found = _parsed(await mesh_root.published(target))
    if not found:
        seen = _missing(mesh_root.place(target))
        raise CannotLookError(seen.found, seen.remedy, seen.looked_at)
    return found


def _missing(place: str) -> Observation:
    return unknown(place, "there is no root to compare", "see what EXTCP-H09 says of it")


def _parsed(bundle: str) -> tuple[Certificate, ...]:
    try:
        return certificates.of_pem(bundle)
    except ValueError:
        return ()
