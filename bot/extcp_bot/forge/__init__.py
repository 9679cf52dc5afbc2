"""The forges, behind one small interface: what the bot needs of pull requests, and no more.

One file per forge. All state of the bot is on the forge and in Git (design section 5), so each of
these calls is a read of the truth or one visible write.

The client is our own, over aiohttp, and not PyGithub, python-gitlab and py-gitea. These are well
kept for GitHub and GitLab (py-gitea wants a newer Python than this project), but each is
synchronous and has its own idea of time limits, pages and errors; PyGithub sends a POST again after
a server's failure, which here would make a second pull request; and three large dependencies would
stand for some twenty calls. What we lose is what they know of old server releases: the calls used
here have been the same for years, and tests hold them against a real Gitea.
"""
