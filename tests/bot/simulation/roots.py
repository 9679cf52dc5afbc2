"""Certificate authorities of the simulated mesh, made once for all tests."""

from __future__ import annotations

import functools

from tests.e2e.testbed.pki import Authority, Pair, pem, rsa_key


@functools.cache
def gateway() -> Authority:
    """That of the certificate which the ingress gateway presents."""
    return Authority("Example Gateway CA")


@functools.cache
def mesh() -> Authority:
    """That of istiod: the root of trust of the mesh."""
    return Authority("Example Mesh Root")


@functools.cache
def gateway_pair(host: str) -> Pair:
    """The gateway's certificate for a host."""
    return gateway().serve([host])


@functools.cache
def ca_key() -> str:
    """A private key in the place of that of istiod's CA."""
    return pem(rsa_key())
