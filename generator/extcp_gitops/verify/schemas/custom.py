"""Kinds that a CRD defines, by the schema that the CRD itself holds.

The API server drops fields that a structural schema does not name; here they are problems, as
they are to ``kubectl --validate=strict``. Rules in CEL (``x-kubernetes-validations``) are left to
the API server.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any, Final

from extcp_gitops.verify.objects import at, sequence
from extcp_gitops.verify.schemas import kubernetes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from extcp_gitops.verify.objects import Document

Schema = dict[str, Any]

_OPEN: Final = "x-kubernetes-preserve-unknown-fields"


class Definitions:
    """The kinds that CRDs among some documents define."""

    def __init__(self, documents: Iterable[Document]) -> None:
        self._schemas: dict[tuple[str, str], Schema] = {}
        for document in documents:
            is_crd = document.kind == "CustomResourceDefinition"
            if is_crd and kubernetes.problems(document) == []:
                self._add(document)
        self._validator = functools.cache(self._make_validator)

    def problems(self, document: Document) -> list[str] | None:
        """What is wrong with an object.

        Returns:
            Problems, each with the path of its field and without the field's value; None when no
            CRD defines the object's kind, or in a way that cannot be checked here.
        """
        key = (document.api_version, document.kind)
        if key not in self._schemas:
            return None
        found = kubernetes.metadata_problems(document)
        try:
            errors = list(self._validator(key).iter_errors(document.data))
        except re.error:  # a pattern in Go's syntax that Python's does not have, as \\p{L}
            return found or None
        return found + [_words(error) for error in errors]

    def _add(self, document: Document) -> None:
        group = at(document.data, "spec", "group")
        kind = at(document.data, "spec", "names", "kind")
        for version in sequence(document.data, "spec", "versions"):
            schema = at(version, "schema", "openAPIV3Schema")
            if isinstance(schema, dict) and at(version, "served"):
                self._schemas[f"{group}/{at(version, 'name')}", str(kind)] = schema

    def _make_validator(self, key: tuple[str, str]) -> Any:  # noqa: ANN401 - of jsonschema
        from jsonschema import Draft4Validator  # noqa: PLC0415 - slow to import

        schema = strict(self._schemas[key])
        # The first two are what led here; the metadata are checked by themselves.
        schema["properties"] = schema.get("properties", {}) | {
            "apiVersion": {},
            "kind": {},
            "metadata": {},
        }
        return Draft4Validator(schema)


def strict(schema: Mapping[str, Any]) -> Schema:
    """A structural schema of OpenAPI 3.0 as JSON Schema (draft 4) that names every field.

    Args:
        schema: Of a CRD, or a part of it.
    """
    result: Schema = {
        key: value for key, value in schema.items() if key not in {"nullable", "description"}
    }
    if "properties" in schema:
        result["properties"] = {k: strict(part) for k, part in schema["properties"].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            result[key] = strict(schema[key])
    if schema.get("type") == "object" and not schema.get(_OPEN):
        result.setdefault("additionalProperties", False)
    if schema.get("nullable"):
        _allow_null(result)
    return result


def _allow_null(schema: Schema) -> None:
    if "type" in schema:
        schema["type"] = [schema["type"], "null"]
    if "enum" in schema:
        schema["enum"] = [*schema["enum"], None]


def _words(error: Any) -> str:  # noqa: ANN401 - jsonschema's error
    place = kubernetes.path(list(error.absolute_path))
    if error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        unknown = sorted(str(key) for key in set(error.instance) - set(known))
        prefix = "" if place == "the object" else f"{place}."
        return f"there is no field {', '.join(prefix + key for key in unknown)}"
    if error.validator == "required":
        return f"{place}: {error.message}"  # names the field, nothing of the value
    if error.validator == "type":
        return f"{place} should be of type {error.validator_value}"
    if error.validator == "enum":
        return f"{place} should be one of {', '.join(map(str, error.validator_value))}"
    return f"{place} does not satisfy '{error.validator}' of its schema"
