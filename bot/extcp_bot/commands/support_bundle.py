"""``extcp-bot support-bundle``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from extcp_bot.commands import options

if TYPE_CHECKING:
    from extcp_bot.bundle import Bundle
    from extcp_bot.passes import Plan
    from extcp_gitops.commands.context import Context


@click.command(
    name="support-bundle",
    epilog="""\b
Examples:
  extcp-bot support-bundle
  extcp-bot support-bundle --cluster remote-cluster-2 --output evidence.tar.gz
""",
)
@options.looks
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The archive; by default a new file here, named after the mesh and the time.",
)
def support_bundle(context: Context, *, plan: Plan, output: Path | None) -> int:
    """Pack the evidence about all clusters into one archive, without secrets.

    Runs the checks, and packs their report in all forms, what they read of each cluster, what each
    replica of istiod says, the end of its log, and the inventory. Values of Secrets, credentials
    and what looks like one are replaced by ***. Look through it before you give it to somebody.

    The exit code is 0 where there is an archive, however ill the mesh is.
    """
    from extcp_bot import bundle as bundles  # noqa: PLC0415 - not for --help
    from extcp_bot import files, interrupts  # noqa: PLC0415
    from extcp_bot.commands import looking, showing  # noqa: PLC0415
    from extcp_bot.passes import Pass  # noqa: PLC0415

    async def collect() -> tuple[Pass, Bundle]:
        progress = showing.Progress()
        one = await Pass.begin(replace(plan, keeps_reads=True))
        options.require_work(plan, len(one.work))
        try:
            await one.carry_out(progress)
        finally:
            progress.clear()
        return one, await bundles.collect(one)

    looking.raise_limit_of_files()
    one, bundle = interrupts.run(collect())
    path = output or Path(bundles.file_name(one.report))
    content = bundles.pack(bundle, one.report)
    files.replace(path, content, private=True)
    size = f"{len(bundle.members):,} files, {len(content) / 1e6:.1f} MB"
    context.say(f"{size}; for you alone to read (mode 0600)")
    for line in bundle.missing:
        context.say(f"could not be had: {line}")
    click.echo(path)
    return 0
