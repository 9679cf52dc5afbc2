"""From the plan to the files of the repository, in memory: ``{path: bytes}``."""
