"""The forges, behind one small interface: what the bot needs of pull requests, and no more.

One file per forge. All state of the bot is on the forge and in Git (design section 5), so each of
these calls is a read of the truth or one visible write.
"""
