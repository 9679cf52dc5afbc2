"""One command a file: parse, call, print, return.

Only this folder, commandline.py and cli.py know Click.
"""
