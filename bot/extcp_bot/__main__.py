"""``python -m extcp_bot``."""

from extcp_bot.cli import main

main()
