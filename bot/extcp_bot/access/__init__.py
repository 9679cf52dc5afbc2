"""How the bot reaches a cluster: from kubeconfigs, Argo CD's cluster Secrets, or from inside.

Whatever comes out is an :class:`extcp_bot.access.model.Access`; a credential that would run a
program or read a file that nobody named is refused unless a person asks for it.
"""
