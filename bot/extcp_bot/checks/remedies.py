"""Remedies that several checks give."""

from __future__ import annotations

from typing import Final

RESTORE: Final = (
    "Argo CD puts back what the repository says once it syncs; where it does not, apply the "
    "cluster's directory from a checkout of the main branch"
)
RESTORE_COMMAND: Final = (
    "kubectl --context {context} apply --server-side --force-conflicts --kustomize {directory}"
)
RESTORE_EXTERNAL_COMMAND: Final = (
    "kubectl --context {external} apply --server-side --force-conflicts "
    "--kustomize {external_directory}"
)
