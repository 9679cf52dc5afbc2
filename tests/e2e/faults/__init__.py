"""What goes wrong in meshes, done to the live one: each fault, what names it, and what mends it.

docs/checks.md shows these faults in a table, with what istioctl says of each beside what the bot
says; ``test_faults.py`` breaks, looks, mends and looks again.
"""
