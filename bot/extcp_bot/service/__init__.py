"""Running the bot all the time: passes on an interval, by one of several replicas, until its end.

A replica acts while it holds a Lease of Kubernetes, and asks :class:`extcp_bot.service.gate.Gate`
before each write, so that none is begun by a replica that may no longer act.
"""
