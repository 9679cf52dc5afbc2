from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from extcp_bot.forge import tokens
from extcp_gitops.errors import ExtcpError

if TYPE_CHECKING:
    from pathlib import Path

CANARY = "canary-0123456789-canary"


def private(path: Path, content: str, mode: int = 0o600) -> str:
    path.touch()
    path.chmod(mode)
    path.write_text(content)
    return str(path)


def test_a_token_comes_from_the_environment(tmp_path: Path) -> None:
    assert tokens.token({tokens.TOKEN: CANARY}).reveal() == CANARY
    for mode in (0o400, 0o440, 0o600, 0o640):
        file = private(tmp_path / f"token-{mode:o}", f"{CANARY}\n", mode | 0o200)
        assert tokens.token({tokens.TOKEN_FILE: file}).reveal() == CANARY


def test_a_secret_of_a_pod_is_a_link(tmp_path: Path) -> None:
    data = tmp_path / "..2026_01_02"
    data.mkdir()
    private(data / "token", CANARY, 0o640)
    link = tmp_path / "token"
    link.symlink_to(data / "token")
    assert tokens.token({tokens.TOKEN_FILE: str(link)}).reveal() == CANARY


@pytest.mark.parametrize(
    "environment",
    [{}, {tokens.TOKEN: ""}, {tokens.TOKEN: CANARY, tokens.TOKEN_FILE: "/x"}],
    ids=["none", "empty", "two"],
)
def test_one_token_is_needed(environment: dict[str, str]) -> None:
    with pytest.raises(ExtcpError, match="EXTCP-F010") as caught:
        tokens.token(environment)
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("text", ["two words", "line\nline", "ü" * 20, " ", "\x1b[31m"], ids=repr)
def test_what_cannot_be_a_token_is_not_shown(tmp_path: Path, text: str) -> None:
    with pytest.raises(ExtcpError, match="EXTCP-F011") as caught:
        tokens.token({tokens.TOKEN: text})
    assert text.strip() not in str(caught.value) or not text.strip()
    file = private(tmp_path / "token", text)
    with pytest.raises(ExtcpError, match=r"EXTCP-F01[12]"):
        tokens.token({tokens.TOKEN_FILE: file})


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o644, 0o666])
def test_a_file_for_everybody_is_refused(tmp_path: Path, mode: int) -> None:
    file = private(tmp_path / "token", CANARY, mode)
    with pytest.raises(ExtcpError, match="EXTCP-F013") as caught:
        tokens.token({tokens.TOKEN_FILE: file})
    assert CANARY not in str(caught.value)
    assert "defaultMode" in caught.value.findings[0].remedy


def test_a_file_that_is_not_there_or_none_is_refused(tmp_path: Path) -> None:
    for file in (tmp_path / "none", tmp_path):
        with pytest.raises(ExtcpError, match="EXTCP-F012"):
            tokens.token({tokens.TOKEN_FILE: str(file)})


def test_an_app_needs_all_three_and_no_token(tmp_path: Path) -> None:
    whole = {
        tokens.APP_ID: "4711",
        tokens.APP_KEY_FILE: private(tmp_path / "key", CANARY),
        tokens.APP_INSTALLATION: "815",
    }
    found = tokens.app(whole)
    assert (found.identity, found.installation, found.key.reveal()) == ("4711", "815", CANARY)
    assert tokens.app({**whole, tokens.APP_ID: "Iv23liABC"}).identity == "Iv23liABC"
    assert CANARY not in repr(found)
    for name in whole:
        assert tokens.is_app({name: "x"})
        with pytest.raises(ExtcpError, match="EXTCP-F014"):
            tokens.app({**whole, name: ""})
    with pytest.raises(ExtcpError, match="EXTCP-F014"):
        tokens.app({**whole, tokens.APP_INSTALLATION: "../x"})
    with pytest.raises(ExtcpError, match="EXTCP-F014") as caught:
        tokens.app({**whole, tokens.TOKEN: CANARY})
    assert CANARY not in str(caught.value)
    assert not tokens.is_app({tokens.TOKEN: CANARY})
