"""Pull requests that change the mesh, each with the proof in it, and what follows from them.

There is no database: what the forge and Git say is the state. A pass looks at them and at the
clusters (``look``, ``evidence``), decides what should be otherwise (``decide``, which asks nobody),
and carries that out (``apply``). So a pass that was killed anywhere is continued by the next one,
and a pass over what is as it should be writes nothing.
"""
