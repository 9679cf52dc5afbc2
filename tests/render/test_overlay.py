from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

import extcp_gitops
from extcp_gitops.render import overlay
from extcp_gitops.render.overlay import OverlayError
from tests import strategies

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

VALUES = st.recursive(
    st.one_of(strategies.texts(), st.integers(), st.booleans(), st.none()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(strategies.texts(), inner, max_size=3)
    ),
    max_leaves=6,
)

STRUCTURE = """\
# A comment with {{ value }} in it.
key: {{ value }}
{{ name }}: [1, {{ value }}]
list:
{% for item in items %}
  - {{ item }}
  - name: {{ item }}  # {{ item }}
{% endfor %}
script: |
  echo {% raw %}${{ x }}{% endraw %}

"""


@pytest.fixture(scope="module")
def skeleton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """Writes a skeleton of the test's own where the package's are, and gives its name."""
    package = tmp_path_factory.mktemp("package")
    directory = package / "_overlays"
    directory.mkdir()
    patch = pytest.MonkeyPatch()
    patch.setattr(overlay, "directory", functools.partial(overlay.directory, package=package))

    def write(text: str) -> str:
        name = f"{len(list(directory.iterdir()))}.j2"
        (directory / name).write_text(text)
        return name

    yield write
    patch.undo()


@pytest.fixture(scope="module")
def structure(skeleton: Callable[[str], str]) -> str:
    return skeleton(STRUCTURE)


@given(value=VALUES, name=strategies.texts(), items=st.lists(strategies.texts(), max_size=3))
@example(value="x\n---\nkind: Evil", name="<<", items=["{{7*7}}", "\u2028", "\U000e0001"])
def test_no_value_alters_the_structure(
    structure: str, value: object, name: str, items: list[str]
) -> None:
    text = overlay.render_yaml(structure, {"value": value, "name": name, "items": items})
    # A name that the skeleton has, too, overwrites it, in the order of the file.
    expected: dict[str, Any] = {"key": value}
    expected[name] = [1, value]
    expected["list"] = [one for item in items for one in (item, {"name": item})] or None
    expected["script"] = "echo ${{ x }}\n"
    assert yaml.safe_load(text) == expected
    assert len(text.splitlines()) == len(text.split("\n")) - 1, "a value broke a line"


def test_values_keep_their_type_and_texts_are_quoted(structure: str) -> None:
    text = overlay.render_yaml(structure, {"value": "1e3", "name": "on", "items": []})
    assert 'key: "1e3"\n"on": [1, "1e3"]\n' in text
    for value in (True, 1, 10**30, None, {"a": [False]}):
        text = overlay.render_yaml(structure, {"value": value, "name": "x", "items": []})
        result = yaml.safe_load(text)["key"]
        assert result == value
        assert type(result) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "key: '{{ value }}'\n",
        'key: "a {{ value }}"\n',
        "key: |\n  echo {{ value }}\n",
        "key: prefix-{{ value }}\n",
        "key: {% if true %}x{{ value }}{% endif %}\n",
    ],
)
def test_a_value_inside_a_larger_scalar_is_refused(
    skeleton: Callable[[str], str], text: str
) -> None:
    name = skeleton(text)
    with pytest.raises(OverlayError, match=r"a value stands inside|no YAML"):
        overlay.render_yaml(name, {"value": "plain"})


def test_what_is_no_yaml_is_refused(skeleton: Callable[[str], str]) -> None:
    name = skeleton("key: [{{ value }}\n")
    with pytest.raises(OverlayError, match="is no YAML"):
        overlay.render_yaml(name, {"value": "plain"})


def test_a_variable_that_is_not_there_is_named(skeleton: Callable[[str], str]) -> None:
    name = skeleton("key: {{ value }}\n")
    with pytest.raises(jinja2.UndefinedError, match="'value' is undefined"):
        overlay.render_yaml(name, {})


@pytest.mark.parametrize("value", [1.5, object(), {"a": {1, 2}}, b"bytes"])
def test_what_json_has_not_is_refused(skeleton: Callable[[str], str], value: object) -> None:
    name = skeleton("key: {{ value }}\n")
    with pytest.raises(TypeError):
        overlay.render_yaml(name, {"value": value})


def test_a_lone_surrogate_is_refused(skeleton: Callable[[str], str]) -> None:
    name = skeleton("key: {{ value }}\n")
    with pytest.raises(ValueError, match="surrogates not allowed"):
        overlay.render_yaml(name, {"value": "\ud800"})


def test_a_template_in_a_value_stays_a_value(skeleton: Callable[[str], str]) -> None:
    name = skeleton("key: {{ value }}\n")
    text = overlay.render_yaml(name, {"value": "{{ 7*7 }}{% include '/etc/passwd' %}"})
    assert yaml.safe_load(text) == {"key": "{{ 7*7 }}{% include '/etc/passwd' %}"}


def test_templates_come_from_the_one_directory_alone(tmp_path: Path) -> None:
    (tmp_path / "elsewhere.j2").write_text("a: b\n")
    for name in ("../pyproject.toml", str(tmp_path / "elsewhere.j2")):
        with pytest.raises(jinja2.TemplateNotFound):
            overlay.render_yaml(name, {})


def test_markdown_with_values_in_their_places(skeleton: Callable[[str], str]) -> None:
    name = skeleton(
        "# {{ value }}\n\n| {{ value }} | `x` {{ value }} |\n\n1. list\n\n"
        "   ```sh\n   echo {{ value | sh }} --a={{ value | sh }}\n   ```\n"
    )
    text = overlay.render_markdown(name, {"value": "a b"})
    assert "| `a b` | `x` `a b` |" in text
    assert "   echo 'a b' --a='a b'\n" in text


@pytest.fixture(scope="module")
def fence(skeleton: Callable[[str], str]) -> str:
    return skeleton("{{ value }}\n```sh\n{{ value | sh }}\n```\n")


@given(value=strategies.texts().filter(lambda text: "\0" not in text))
@example(value="``\n```\nid")
def test_no_value_opens_or_closes_a_fence(fence: str, value: str) -> None:
    lines = overlay.render_markdown(fence, {"value": value}).split("\n")
    assert [line.startswith("```") for line in lines] == [False, True, False, True, False]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("```sh\necho {{ value }}\n```\n", "line 2: in a fenced block"),
        ("```sh\necho {{ '--a=' ~ (value | sh) }}\n```\n", "line 2: in a fenced block"),
        ("a\nb {{ value | sh }}\n", "line 2: in a fenced block"),
        ("run `echo {{ value }}`\n", "line 1: a value is a code span already"),
        ("```sh\necho {{ value | sh }}\n", "not closed"),
    ],
)
def test_a_value_in_the_wrong_place_is_refused(
    skeleton: Callable[[str], str], text: str, message: str
) -> None:
    name = skeleton(text)
    with pytest.raises(OverlayError, match=message):
        overlay.render_markdown(name, {"value": "x"})


def test_markdown_names_a_variable_that_is_not_there(skeleton: Callable[[str], str]) -> None:
    for text in ("{{ value }}\n", "```\n{{ value | sh }}\n```\n"):
        name = skeleton(text)
        with pytest.raises(jinja2.UndefinedError, match="'value' is undefined"):
            overlay.render_markdown(name, {})


def test_skeletons_of_a_checkout_are_at_its_top() -> None:
    root = Path(__file__).parents[2]
    assert overlay.directory(package=Path(extcp_gitops.__file__).parent) == root / "overlays"


def test_skeletons_of_a_wheel_are_inside_the_package(tmp_path: Path) -> None:
    package = tmp_path / "site-packages" / "extcp_gitops"
    shipped = package / "_overlays"
    shipped.mkdir(parents=True)
    # Some other package may well leave a directory of this name up there.
    (tmp_path / "overlays").mkdir()
    assert overlay.directory(package=package) == shipped


def test_an_installation_without_skeletons_says_so(tmp_path: Path) -> None:
    with pytest.raises(OverlayError, match="install extcp-gitops anew"):
        overlay.directory(package=tmp_path / "lib" / "extcp_gitops")
