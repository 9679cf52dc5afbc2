"""File skeletons: Jinja2 templates that travel inside the package, and what may go into them.

A skeleton gives a file its comments and its order; the values in it come from the inventory and
are hostile until shown otherwise. So each output expression goes through a finaliser that belongs
to the kind of the file, and afterwards the result is proven: the skeleton is rendered once more
with a marker in place of each value, and the two have to differ in the values alone.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from extcp_gitops.render import markdown
from extcp_gitops.yamlio.dump import quoted, scalar

if TYPE_CHECKING:
    from jinja2 import Environment, Template

_PACKAGE: Final = Path(__file__).parents[1]
_MARKER: Final = re.compile(r"extcp-value-((?:[0-9a-f]{2})+)")
_CACHED: Final = 256


class OverlayError(Exception):
    """A skeleton lets a value out of its place: a bug of ours, whatever the value is."""


def directory(package: Path = _PACKAGE) -> Path:
    """Where the skeletons are: in a wheel beside the code, in a checkout at its top.

    Args:
        package: Directory of the package ``extcp_gitops``.

    Raises:
        OverlayError: They are in neither place; the installation is not whole.
    """
    for place in (package / "_overlays", package.parents[1] / "overlays"):
        if place.is_dir():
            return place
    raise OverlayError(f"no skeletons beside {package}; install extcp-gitops anew")


def render_yaml(template: str, context: Mapping[str, object]) -> str:
    """A YAML file in which each ``{{ }}`` is one JSON value, whatever the value is.

    Args:
        template: Path of the skeleton below ``overlays``.
        context: Its variables: str, int, bool, None, and lists and dicts with str keys of these.

    Returns:
        The text.

    Raises:
        OverlayError: A value stands inside a larger scalar, or the text is no YAML.
        TypeError: For a value of another type.
        ValueError: For a string that is no Unicode text.
        jinja2.UndefinedError: A variable is not in the context.
    """
    # A thousand clusters have a few different contexts; JSON tells True from 1, == does not.
    return _rendered_yaml(template, json.dumps(context))


@functools.lru_cache(maxsize=_CACHED)
def _rendered_yaml(template: str, context: str) -> str:
    values = json.loads(context)
    text: str = _template(template, _yaml_value).render(values)
    marked: str = _template(template, _marked).render(values)
    if _parse(template, text) != _unmarked(_parse(template, marked)):
        raise OverlayError(f"{template}: a value stands inside a larger scalar")
    return text


def render_markdown(template: str, context: Mapping[str, object]) -> str:
    """A Markdown file in which values can neither mark up text nor end a command.

    A bare ``{{ value }}`` is a code span and stands in prose or in a table. In a fenced block,
    where people copy commands from, a value stands as ``{{ value | sh }}``: one word of a shell.

    Args:
        template: Path of the skeleton below ``overlays``.
        context: Its variables.

    Returns:
        The text.

    Raises:
        OverlayError: A value stands where its form is not safe.
        TypeError: A bare value is no str or int.
        jinja2.UndefinedError: A variable is not in the context.
    """
    marked = _template(template, markdown.mark_span, markdown.mark_word)
    problem = markdown.misplaced(marked.render(context))
    if problem is not None:
        raise OverlayError(f"{template}: {problem}")
    text: str = _template(template, markdown.code_span, markdown.shell_word).render(context)
    return text


def _template(name: str, *filters: Callable[[Any], str]) -> Template:
    return _environment(directory(), *filters).get_template(name)


@functools.cache
def _environment(
    root: Path, finalize: Callable[[Any], str], shell_word: Callable[[str], str] | None = None
) -> Environment:
    import jinja2  # noqa: PLC0415 - loaded when the first skeleton is rendered

    # Nothing is HTML; the finalisers do for YAML and Markdown what autoescape does for that.
    environment = jinja2.Environment(  # noqa: S701
        loader=jinja2.FileSystemLoader(root),
        undefined=jinja2.StrictUndefined,
        finalize=finalize,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    if shell_word is not None:
        environment.filters["sh"] = shell_word
    return environment


def _yaml_value(value: object) -> str:
    """A string without quotes where no reader of YAML needs them; all else as JSON."""
    return scalar(_text(value)) if isinstance(value, str) else _json_value(value)


def _json_value(value: object) -> str:
    """The value as YAML's flow style, which is JSON, on one line."""
    if isinstance(value, str):
        return quoted(_text(value))
    if value is None or isinstance(value, bool | int):
        return json.dumps(value)
    if isinstance(value, Mapping):
        items = (f"{_json_value(key)}: {_json_value(item)}" for key, item in value.items())
        return f"{{{', '.join(items)}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_json_value, value))}]"
    # An undefined variable comes through here, too, and str() of it says which one it is.
    raise TypeError(f"{value} is {type(value).__name__}; a skeleton takes what JSON has")


def _text(value: str) -> str:
    value.encode()  # a lone surrogate is no text; this raises a ValueError
    return value


def _marked(value: object) -> str:
    return f'"extcp-value-{json.dumps(value).encode().hex()}"'


def _unmarked(tree: Any) -> Any:  # noqa: ANN401 - any YAML value
    """The tree with the value in place of each scalar that is a marker and nothing else."""
    if isinstance(tree, dict):
        return {_unmarked(key): _unmarked(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_unmarked(item) for item in tree]
    found = _MARKER.fullmatch(tree) if isinstance(tree, str) else None
    return json.loads(bytes.fromhex(found[1])) if found else tree


def _parse(template: str, text: str) -> list[Any]:
    import yaml  # noqa: PLC0415 - loaded when the first skeleton is rendered

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return list(yaml.load_all(text, loader))
    except yaml.YAMLError as error:
        raise OverlayError(f"{template}: what comes out is no YAML") from error
