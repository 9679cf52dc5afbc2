from __future__ import annotations

import re
from dataclasses import replace

import pytest

from extcp_gitops.inventory.model import Bot, Forge, InClusterBot, Inventory
from extcp_gitops.render import runbook
from tests.runbooks import HOST, commands, mesh, readme, section

POD = InClusterBot("registry.example.com/bot@sha256:0", "forge", "tools")
WITH_KUBECONFIG = InClusterBot("registry.example.com/bot@sha256:0", "forge", "tools", "clusters")


def with_bot(bot: Bot, forge: Forge = Forge.GITHUB) -> str:
    inventory = mesh(HOST)
    repository = replace(inventory.mesh.repository, forge=forge)
    changed = replace(inventory.mesh, bot=bot, repository=repository)
    return runbook.readme(Inventory(changed, inventory.clusters))


def test_a_mesh_without_a_bot_has_no_chapter_on_it() -> None:
    assert "## The bot" not in readme(HOST)
    assert "`extcp-bot check`" in section(readme(HOST), "Verify")


def test_the_bots_status_alone_would_block_people() -> None:
    text = section(with_bot(Bot("*/30 * * * *")), "The bot")
    assert "require the job of the generated CI" in text
    assert "bypass" in text


@pytest.mark.parametrize("forge", [Forge.GITHUB, Forge.GITEA, Forge.GITLAB])
@pytest.mark.parametrize(
    "bot",
    [Bot("*/30 * * * *"), Bot(None, POD), Bot("*/30 * * * *", WITH_KUBECONFIG)],
    ids=["schedule", "cluster", "both"],
)
def test_with_a_bot_its_form_stays(bot: Bot, forge: Forge) -> None:
    text = with_bot(bot, forge)
    assert "\n\n\n" not in text
    assert not re.search(r"[ \t]$", text, re.MULTILINE)
    assert not re.search(r"^ (?! )", text, re.MULTILINE)
    found = section(text, "The bot")
    assert ("### On the forge" in found) is (bot.schedule is not None)
    assert ("### In the external cluster" in found) is (bot.in_cluster is not None)
    assert "extcp-gitops.io/mesh=mesh1" in found


def test_the_bots_secrets_are_made_and_never_shown() -> None:
    text = section(with_bot(Bot(None, WITH_KUBECONFIG)), "The bot")
    create = ["kubectl", "--context=$CTX_EXTERNAL", "--namespace=tools", "create", "secret"]
    made = [words for words in commands(text) if words[:5] == create]
    assert [words[5:] for words in made] == [
        ["generic", "forge", "--from-file=token=forge-token"],
        ["generic", "clusters", "--from-file=config=kubeconfig"],
    ]
    assert "`mesh1.ext.bot`" in text


def test_gitlab_is_told_of_the_times() -> None:
    assert "pipeline schedule" in with_bot(Bot("*/30 * * * *"), Forge.GITLAB)
    assert "`*/30 * * * *`" in with_bot(Bot("*/30 * * * *"), Forge.GITLAB)
