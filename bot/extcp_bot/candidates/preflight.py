"""Whether a candidate could join the mesh as it is now: all preflight checks, as a report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extcp_bot import run
from extcp_bot.candidates import model
from extcp_bot.candidates.checks import all_preflight_checks

if TYPE_CHECKING:
    from extcp_bot.candidates.model import Candidate
    from extcp_bot.result import Report
    from extcp_bot.run import Pace
    from extcp_bot.target import Fleet


async def preflight(
    fleet: Fleet, candidate: Candidate, pace: Pace, *, may_probe: bool = True
) -> Report:
    """Look at a candidate, and at what of the mesh it would meet.

    Args:
        fleet: The mesh; it is left as it is, and no connection of it is used.
        candidate: Without a problem.
        pace: How long each check may take.
        may_probe: Whether an object of our own may stand in the candidate for some seconds, so that
            its API server tries the way to the control plane (EXTCP-P07). Without it that is
            unknown.

    Returns:
        The results, in the form of those of a check of the mesh's health.
    """
    if candidate.problem:
        raise ValueError(f"{candidate.name} cannot be a candidate: {candidate.problem}")
    target = model.target(fleet, candidate, probes=may_probe)
    work = [run.Job(check, target) for check in all_preflight_checks().values()]
    return await run.run(target.fleet, work, pace)


def unproven(candidate: Candidate) -> tuple[str, ...]:
    """What no preflight check can prove, as sentences for whoever reviews the proposal."""
    name, network = candidate.name, candidate.cluster.network
    of_istiod = (
        f"That istiod's Pods reach the API server of {name}: the bot asked it from where the bot "
        "runs. EXTCP-H06 and EXTCP-H08 see it after the merge."
    )
    of_pods = (
        f"That Pods of {name} reach the control plane's address: its API server does, which may "
        "have another route, resolver and roots. EXTCP-H12 sees it in the first proxies."
    )
    of_ranges = (
        f"That Pods of {name} and of other clusters of the network {network} reach each other: "
        "only their addresses were compared."
    )
    of_gateways = "That the cluster gives the gateways that are asked for an address, and room."
    return of_istiod, of_pods, of_ranges, of_gateways
