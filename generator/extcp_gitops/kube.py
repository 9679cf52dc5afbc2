"""The one place that talks to Kubernetes, for the one thing that the generator asks of it.

A kubeconfig can run programs: exec and auth-provider plugins are refused unless a person asks
for them, the rule of Istio and Flux for credentials that they are handed.
"""

from __future__ import annotations

import json
import os
from typing import Any

from extcp_gitops.errors import CouldNotTellError, ExtcpError, Finding

_TIMEOUT_SECONDS = (5, 15)
_OK = 200
_NOT_FOUND = 404
_MAX_BYTES = 1 << 20
_BROKEN_KUBECONFIG = (TypeError, AttributeError, LookupError, ValueError)
_ROOT_CONFIG_MAP = "istio-ca-root-cert"
_ROOT_KEY = "root-cert.pem"


def root_certificate(context: str, namespace: str, *, allow_exec: bool = False) -> str:
    """The root of a control plane's CA, as istiod publishes it in its config cluster.

    Args:
        context: kubeconfig context of the config cluster.
        namespace: The control plane's namespace.
        allow_exec: Let the kubeconfig run a program to get a credential.

    Returns:
        PEM.

    Raises:
        ExtcpError: The context is not usable, or istiod has not published a root yet.
        CouldNotTellError: The cluster did not answer.
    """
    from kubernetes import client, config  # noqa: PLC0415 - slow to import
    from urllib3.exceptions import HTTPError  # noqa: PLC0415

    try:
        settings = client.Configuration()
        _loader(context, allow_exec=allow_exec).load_and_set(settings)
        with client.ApiClient(settings) as api:
            # Raw, because the typed client raises what it likes about an answer that is none.
            answer: Any = client.CoreV1Api(api).read_namespaced_config_map(
                _ROOT_CONFIG_MAP,
                namespace,
                _preload_content=False,
                _request_timeout=_TIMEOUT_SECONDS,
            )
            status, body = answer.status, answer.read(_MAX_BYTES)
    except client.ApiException as error:
        raise _refused(int(error.status or 0), context, namespace) from error
    except (config.ConfigException, *_BROKEN_KUBECONFIG) as error:
        raise _unusable(context) from error
    except (HTTPError, OSError) as error:
        finding = Finding(
            "EXTCP-K003",
            f"the cluster of context '{context}' did not answer ({type(error).__name__})",
            "check the route to its API server, or read the root yourself and give it by --file",
        )
        raise CouldNotTellError(finding) from None
    if status != _OK:
        raise _refused(status, context, namespace)
    try:
        root = json.loads(body)["data"][_ROOT_KEY]
    except (ValueError, LookupError, TypeError):
        root = None
    if not isinstance(root, str) or not root:
        raise _refused(_NOT_FOUND, context, namespace)
    return root


def _loader(context: str, *, allow_exec: bool) -> Any:  # noqa: ANN401 - untyped library
    """A loader for one context of the user's kubeconfig files, once it is known to be tame."""
    from kubernetes.config.kube_config import (  # noqa: PLC0415 - slow to import
        KUBE_CONFIG_DEFAULT_LOCATION,
        KubeConfigLoader,
        KubeConfigMerger,
    )

    files = os.environ.get("KUBECONFIG", KUBE_CONFIG_DEFAULT_LOCATION)
    merged = KubeConfigMerger(files).config  # type: ignore[no-untyped-call]
    entry = merged["contexts"].get_with_name(context, safe=True) if merged else None
    if entry is None:
        raise _unusable(context)
    user = merged["users"].get_with_name(entry["context"].safe_get("user"), safe=True)
    plugins = {"exec", "auth-provider"} & set(user["user"].value if user else ())
    if plugins and not allow_exec:
        raise ExtcpError.of(
            "EXTCP-K004",
            f"the kubeconfig of context '{context}' runs a program to get its credential",
            "allow that with --allow-exec-kubeconfig, or read the root yourself with kubectl and "
            "give it by --file",
        )
    return KubeConfigLoader(merged, active_context=context)  # type: ignore[no-untyped-call]


def _unusable(context: str) -> ExtcpError:
    return ExtcpError.of(
        "EXTCP-K001",
        f"the kubeconfig has no usable context '{context}'",
        "see 'kubectl config get-contexts', or set KUBECONFIG",
    )


def _refused(status: int, context: str, namespace: str) -> ExtcpError:
    where = f"ConfigMap {namespace}/{_ROOT_CONFIG_MAP} of context '{context}'"
    if status == _NOT_FOUND:
        return ExtcpError.of(
            "EXTCP-K002",
            f"{where} is not there",
            "it appears once istiod runs and has reached its config cluster; and check that the "
            "context is that of the config cluster",
        )
    return ExtcpError.of(
        "EXTCP-K002",
        f"the cluster refused to show {where} (HTTP {status})",
        "check the credential of the context: kubectl auth can-i get configmaps",
    )
