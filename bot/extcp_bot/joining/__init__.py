"""How a cluster comes into the mesh after the merge, step by step, and how it leaves it."""
