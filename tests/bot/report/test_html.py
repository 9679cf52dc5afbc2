"""The page in a real browser: nothing in it runs, fetches or overlaps, and it says what it must."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from extcp_bot.report import html, render
from tests.bot.reports import (
    CRITICAL,
    HOSTILE,
    bad,
    hostile_mesh,
    mesh,
    mixed,
    report,
    unknown,
)
from tests.browser import Browser

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from extcp_bot.result import Report
    from extcp_gitops.inventory.model import Inventory

RAN = "document.documentElement.dataset.ran || document.title === 'ran'"
ATTACKS = (
    HOSTILE,
    "</title></style></svg><script>document.documentElement.dataset.ran = 1</script>",
    "<svg onload=\"document.documentElement.dataset.ran = 1\"><img src='http://127.0.0.1:9/x'>",
    '" autofocus onfocus="document.documentElement.dataset.ran = 1" x="',
    "javascript:document.documentElement.dataset.ran = 1",
    "<style>@import 'http://127.0.0.1:9/y'; * { display: none }</style><base href=//evil>",
)


@pytest.fixture(scope="module")
def browser(chromium: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(chromium, tmp_path_factory.mktemp("browser")) as made:
        yield made


@pytest.fixture
def page(tmp_path: Path) -> Path:
    return tmp_path / "report.html"


def write(page: Path, found: Report, inventory: Inventory) -> None:
    page.write_text(render("html", found, inventory), encoding="utf-8")


def test_the_browser_would_tell_if_something_ran(browser: Browser, page: Path) -> None:
    page.write_text(f"<!doctype html><title>x</title>{''.join(ATTACKS)}")
    browser.open(page)
    assert browser.ask(RAN)
    assert "http://127.0.0.1:9/x" in browser.requests


def test_nothing_hostile_runs_or_is_fetched(browser: Browser, page: Path) -> None:
    inventory = hostile_mesh()
    found = report(
        inventory,
        *(
            bad(inventory, HOSTILE, found=text, looked_at=text, remedy=text, command=text)
            for text in ATTACKS
        ),
        unknown(inventory, "remote-cluster-1", ATTACKS[1]),
    )
    write(page, found, inventory)
    browser.open(page)
    assert not browser.ask(RAN)
    assert browser.requests == [page.as_uri()]
    assert browser.complaints == []
    assert browser.ask("document.querySelectorAll('script, img, iframe, base, link').length") == 0
    links = "[...document.querySelectorAll('a')].map(a => a.getAttribute('href'))"
    assert all(link.startswith("#") for link in browser.ask(links))
    assert browser.ask("document.querySelectorAll('.finding').length") == len(ATTACKS) + 1


def test_the_policy_stops_what_escaping_would_let_through(browser: Browser, page: Path) -> None:
    inventory = mesh()
    text = render("html", report(inventory), inventory)
    page.write_text(text.replace("</main>", f"{''.join(ATTACKS)}</main>"))
    browser.open(page)
    assert not browser.ask(RAN)
    assert browser.requests == [page.as_uri()]
    assert browser.complaints


@pytest.mark.parametrize("remotes", [2, 1000])
@pytest.mark.parametrize("dark", [False, True])
def test_it_is_a_page_for_any_size_of_mesh(
    browser: Browser, page: Path, remotes: int, dark: bool
) -> None:
    inventory = mesh(remotes, min(remotes, 4))
    write(page, mixed(inventory), inventory)
    browser.open(page, dark=dark)
    background = browser.ask("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(13, 17, 23)") is dark
    assert browser.ask("document.querySelectorAll('.picture .cluster').length") == remotes
    assert browser.ask("document.querySelectorAll('tbody tr').length") == remotes + 1
    # Nothing makes the page itself wider than the window; what is wide scrolls in its place.
    assert browser.ask("document.documentElement.scrollWidth <= innerWidth")
    assert browser.complaints == []


def test_text_stays_within_its_box(browser: Browser, page: Path) -> None:
    inventory = mesh(24, 3, second_plane=True)
    clusters = tuple(
        replace(each, name="W" * 60) if each.name == "remote-cluster-2" else each
        for each in inventory.clusters
    )
    inventory = replace(inventory, clusters=clusters)
    write(page, report(inventory), inventory)
    browser.open(page)
    outside = """
        [...document.querySelectorAll('.picture g')].flatMap(g => {
            const box = g.querySelector('rect').getBoundingClientRect();
            return [...g.querySelectorAll(':scope > text, :scope > a > text')]
                .filter(t => t.getBoundingClientRect().right > box.right + 1)
                .map(t => t.textContent);
        }).filter(text => !text.startsWith('W'))"""
    assert browser.ask(outside) == []


def test_findings_are_filtered_without_a_script(browser: Browser, page: Path) -> None:
    inventory = mesh(9)
    write(page, mixed(inventory), inventory)
    browser.open(page)
    shown = """[...document.querySelectorAll('.finding')]
        .filter(f => getComputedStyle(f).display !== 'none').map(f => f.classList[1])"""
    assert browser.ask(shown) == ["critical", "error", "warning", "unknown"]
    browser.ask("document.querySelector('label[for=show-warning]').click()")
    assert browser.ask(shown) == ["warning"]
    browser.ask("document.querySelector('label[for=show-all]').click()")
    assert len(browser.ask(shown)) == 4


def test_links_lead_to_something_on_the_page(browser: Browser, page: Path) -> None:
    inventory = mesh(100, second_plane=True)
    write(page, mixed(inventory), inventory)
    browser.open(page)
    lost = """[...document.querySelectorAll('a')].map(a => a.getAttribute('href'))
        .filter(h => !h.startsWith('#') || !document.getElementById(h.slice(1)))"""
    known = {"#about-EXTCP-H06", "#about-EXTCP-H05"}
    assert set(browser.ask(lost)) <= known - {"#about-EXTCP-H05"}
    ids = "[...document.querySelectorAll('[id]')].map(e => e.id)"
    found = browser.ask(ids)
    assert len(found) == len(set(found))


def test_who_cannot_see_it_can_read_it(browser: Browser, page: Path) -> None:
    inventory = mesh(9)
    write(page, mixed(inventory), inventory)
    browser.open(page)
    nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
    seen = [
        (node["role"]["value"], node.get("name", {}).get("value", "").strip())
        for node in nodes
        if not node["ignored"]
    ]
    assert ("image", "The clusters of mesh mesh1") in seen
    headings = [name for role, name in seen if role == "heading"]
    assert headings[:3] == ["Mesh mesh1", "The mesh", "4 findings"]
    assert ("radio", "all") in seen
    assert ("rowheader", "remote-cluster-3") in seen


def test_words_stand_out_from_what_is_behind_them(browser: Browser, page: Path) -> None:
    inventory = mesh(9)
    write(page, mixed(inventory), inventory)
    contrast = """
        (() => {
        const light = c => c.match(/[\\d.]+/g).slice(0, 3).map(v => v / 255)
            .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
            .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
        const behind = e => {
            for (; e; e = e.parentElement) {
                const c = getComputedStyle(e).backgroundColor;
                if (c !== 'rgba(0, 0, 0, 0)') return c;
            }
            return 'rgb(255, 255, 255)';
        };
        return Math.min(...[...document.querySelectorAll('main *, header *')]
            .filter(e => !e.closest('svg') && [...e.childNodes].some(n => n.nodeValue?.trim()))
            .map(e => [light(getComputedStyle(e).color), light(behind(e))].sort((a, b) => b - a))
            .map(([a, b]) => (a + 0.05) / (b + 0.05)));
        })()"""
    for dark in (False, True):
        browser.open(page, dark=dark)
        assert browser.ask(contrast) > 4.5  # WCAG AA


def test_the_checks_behind_the_findings_are_explained() -> None:
    inventory = mesh()
    text = render("html", report(inventory, bad(inventory, "remote-cluster-1")), inventory)
    assert "Is the Secret with the cluster&#39;s credential one that istiod takes?" in text
    assert "<code>istio-kubeconfig</code>" in text
    assert "EXTCP-H05 secret-shape: " not in render("html", report(inventory), inventory)


def test_too_many_findings_are_counted() -> None:
    inventory = mesh()
    found = report(
        inventory,
        *(bad(inventory, "remote-cluster-1", CRITICAL, found=str(n)) for n in range(3_001)),
    )
    text = render("html", found, inventory)
    assert "3,001 findings" in text
    assert "1 more finding: see the report in JSON" in text


def test_it_needs_nothing_but_itself() -> None:
    inventory = mesh(9)
    text = render("html", mixed(inventory), inventory)
    assert not re.search(r"https?:|//\w|url\(|@import", text)
    assert html.policy() in text.replace("&#39;", "'")
