"""Kinds of Kubernetes itself, by the models of its official client.

The models forbid unknown fields and convert no types. Where they say less or more than the API
server does, the exceptions below make up for it; there are no others.
"""

from __future__ import annotations

import functools
import importlib.util
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extcp_gitops.verify.objects import Document

_CORE: Final = "core"
_UNION_TAGS: Final = frozenset({"int", "str", "float", "bool"})

# The API server takes a number for a quantity, as in `cpu: 1`; the models want text.
_QUANTITIES: Final = frozenset({"sizeLimit", "divisor", "averageValue"})
_OF_QUANTITIES: Final = frozenset({"limits", "requests"})


def problems(document: Document) -> list[str] | None:
    """What is wrong with an object.

    Returns:
        Problems, each with the path of its field and without the field's value; None when the
        object is of no kind of Kubernetes.
    """
    model = _model(document.api_version, document.kind)
    return None if model is None else check(model, document.data)


def metadata_problems(document: Document) -> list[str]:
    """What is wrong with the metadata of an object of any kind."""
    found = check(_models().V1ObjectMeta, document.data.get("metadata"))
    return [f"metadata.{problem}" for problem in found]


def check(model: Any, data: object) -> list[str]:  # noqa: ANN401 - a pydantic model
    """Problems of data that should fit a model of the client."""
    from pydantic import ValidationError  # noqa: PLC0415 - comes with kubernetes, slow to import

    try:
        read = model.model_validate(data)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=True, include_context=False)
        found = (_words(detail) for detail in details if not _is_quantity(detail))
        if shown := list(dict.fromkeys(found)):
            return shown
        return []
    # Fields are accepted by their Python names, too: `max_unavailable` for `maxUnavailable`.
    return list(_misspelt(data, read.model_dump(by_alias=True, exclude_unset=True), ""))


@functools.cache
def _model(api_version: str, kind: str) -> Any:  # noqa: ANN401 - a pydantic model, or None
    """The client's model of a kind; None for kinds that are not of Kubernetes.

    The client names a model by version and kind, with the group before them only where two groups
    have that kind; that it knows the group shows in its API classes.
    """
    group, _, version = api_version.rpartition("/")
    words = (group.removesuffix(".k8s.io") or _CORE).split(".")
    module = f"kubernetes.client.api.{'_'.join(words)}_{version}_api"
    if not all(word.isalnum() for word in (*words, version)):
        return None
    if importlib.util.find_spec(module) is None:
        return None
    prefix = "".join(word.capitalize() for word in words)
    for name in (f"{prefix}{version.capitalize()}{kind}", f"{version.capitalize()}{kind}"):
        if name in _models().__all__:
            return getattr(_models(), name)
    return None


@functools.cache
def _models() -> Any:  # noqa: ANN401 - a module
    from kubernetes.client import models  # noqa: PLC0415 - takes most of a second

    return models


def _words(detail: Any) -> str:  # noqa: ANN401 - pydantic's own dict
    location = [step for step in detail["loc"] if step not in _UNION_TAGS]
    if detail["type"] == "extra_forbidden":
        return f"there is no field {path(location)}"
    if detail["type"] == "missing":
        return f"the field {path(location)} is missing"
    wanted = detail["msg"].removeprefix("Input should be ")
    return f"{path(location)} should be {wanted}"


def _is_quantity(detail: Any) -> bool:  # noqa: ANN401 - pydantic's own dict
    value, location = detail["input"], detail["loc"]
    if detail["type"] != "string_type" or isinstance(value, bool):
        return False
    is_place = location[-1] in _QUANTITIES or _OF_QUANTITIES.intersection(location[-2:-1])
    return isinstance(value, int | float) and bool(is_place)


def _misspelt(given: object, read: object, place: str) -> Iterator[str]:
    if isinstance(given, dict) and isinstance(read, dict):
        for key, value in given.items():
            here = f"{place}.{key}" if place else str(key)
            if key not in read:
                yield f"there is no field {here}"
            else:
                yield from _misspelt(value, read[key], here)
    elif isinstance(given, list) and isinstance(read, list):
        for index, (value, other) in enumerate(zip(given, read, strict=False)):
            yield from _misspelt(value, other, f"{place}[{index}]")


def path(location: list[Any]) -> str:
    """A place in an object, as ``spec.ports[0].name``."""
    text = ""
    for step in location:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text.removeprefix(".") or "the object"
