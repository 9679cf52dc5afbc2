"""One command a file: parse, call, print, return. Only this folder and cli.py know Click."""
