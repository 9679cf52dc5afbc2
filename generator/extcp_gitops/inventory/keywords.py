"""The forms that the schemas of a person's files are made of.

``shape`` knows these keywords and no others. ``patternErrorMessage`` is the one that editors show
instead of a regular expression, so that they and we say the same words. ``default`` is what holds
where a key is absent; tests compare it with what the readers of the files do.
"""

from __future__ import annotations

from typing import Any, Final

from extcp_gitops.inventory import names

API_VERSION: Final = "extcp-gitops.io/v1alpha1"

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]


def record(description: str, properties: Schema, required: tuple[str, ...] = ()) -> Schema:
    """A mapping with these keys and no others."""
    return {
        "type": "object",
        "description": description,
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def file(title: str, kind: str, description: str, properties: Schema, *required: str) -> Schema:
    """A whole file: its header, and what is its own."""
    header = {
        "apiVersion": {"description": "Version of this format.", "const": API_VERSION},
        "kind": {"description": "What this file describes.", "const": kind},
    }
    whole = record(description, header | properties, (*header, *required))
    return {"$schema": DRAFT, "title": title, **whole}


def free(description: str, key: str, value: Schema) -> Schema:
    """A mapping whose keys a person chooses.

    Args:
        description: Of it.
        key: Regular expression of a key.
        value: Form of each value.
    """
    return {
        "type": "object",
        "description": description,
        "propertyNames": {"pattern": f"^{key}$"},
        "additionalProperties": value,
    }


def text(
    description: str, pattern: str, rule: str, longest: int = 253, default: str | None = None
) -> Schema:
    """A string in which a regular expression matches from end to end; ``rule`` says it in words."""
    form: Schema = {
        "type": "string",
        "description": description,
        "pattern": f"^{pattern}$",
        "patternErrorMessage": rule,
        "maxLength": longest,
    }
    return form if default is None else {**form, "default": default}


def line(description: str, longest: int = 1024, default: str | None = None) -> Schema:
    """A string that is not empty."""
    form = {"type": "string", "description": description, "minLength": 1, "maxLength": longest}
    return form if default is None else {**form, "default": default}


def one_of(description: str, *values: str, default: str | None = None) -> Schema:
    """One of these strings."""
    form: Schema = {"type": "string", "description": description, "enum": list(values)}
    return form if default is None else {**form, "default": default}


def flag(description: str) -> Schema:
    """True or false; false where nothing is said."""
    return {"type": "boolean", "description": description, "default": False}


def number(description: str, least: int, most: int, default: int) -> Schema:
    """A whole number between two, both allowed."""
    form = {"type": "integer", "description": description, "minimum": least, "maximum": most}
    return {**form, "default": default}


def pem(description: str) -> Schema:
    """Certificates; ``inventory.pem`` looks at them."""
    return {"type": "string", "description": description, "maxLength": 65536}


def name_of(description: str, default: str | None = None) -> Schema:
    """The name of a Kubernetes object."""
    rule = "lower-case letters, digits, '-' and '.', as Kubernetes asks of an object's name"
    return text(description, names.SUBDOMAIN, rule, default=default)


def cluster_name(description: str) -> Schema:
    """The name of a cluster of the mesh."""
    rule = "lower-case letters, digits and '-', in parts joined by '/'"
    return text(description, names.CLUSTER_NAME, rule, 63)


def namespace(description: str, default: str | None = None) -> Schema:
    """A Kubernetes namespace."""
    rule = "lower-case letters, digits and '-', as Kubernetes asks of a namespace"
    return text(description, names.LABEL, rule, 63, default)
