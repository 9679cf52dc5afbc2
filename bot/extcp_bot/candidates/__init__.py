"""Clusters that could join the mesh: who they are, and whether anything stands in their way."""
