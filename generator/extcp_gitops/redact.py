"""Take credentials out of text that is about to be shown.

What other programs say goes into messages, logs and pull requests, and may hold what they were
given: a URL with a password, a header, a token, a key. The rules rather take too much than too
little, for a person can run the program by hand to see it all. ``verify.secrets`` is the
counterpart that must not cry wolf: it stops a commit.
"""

from __future__ import annotations

import re

HIDDEN = "***"

# Every repetition is bounded, or stops at what starts the next attempt: no text takes long.
_KEY_BEGIN = r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY-----"
_KEY_END = r"-----END [A-Z0-9 ]{0,30}PRIVATE KEY-----"
_IS = r"[\"']?[ \t]*[:=][ \t]*"
_HEADER = (
    r"(?:proxy-)?authorization|(?:set-)?cookie|(?:private|job)-token|x-[a-z-]{0,30}(?:token|key)"
)
_NAME = (
    r"password|passwd|passphrase|secret|token|(?:api|access|secret|private)[_-]?key|client-key-data"
)

# What to look for, what to put there, and characters of which one is in every text that the rule
# could take something from: to look for those first costs a tenth, and most texts have none.
_RULES = (
    # Private keys, also where the beginning or the end was cut off.
    (rf"(?s){_KEY_BEGIN}.*?(?:{_KEY_END}|\Z)", HIDDEN, "-"),
    (rf"(?s)\A.*{_KEY_END}", HIDDEN, "-"),
    # https://user:password@host; up to the last @ before the path, for passwords that hold one.
    (r"(?i)\b([a-z][a-z0-9+.-]{0,20}://)[^\s/?#\"'<>]*@", rf"\1{HIDDEN}@", "@"),
    # Headers: the whole value, whatever its scheme.
    (rf"(?i)\b({_HEADER})({_IS}).*", rf"\1\2{HIDDEN}", ":="),
    (r"(?i)\b(bearer|basic)[ \t]+(?=[\w.+/~-]*[0-9=])[\w.+/=~-]{8,}", rf"\1 {HIDDEN}", ""),
    # password=..., "token": "...", --token=..., &access_token=...
    (rf"(?i)((?:{_NAME}){_IS}[\"']?)[^\s\"',;&]{{6,}}", rf"\1{HIDDEN}", ":="),
    # Tokens that are known by their form: JWT, forges, clouds, Vault, Slack, age.
    (r"\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?", HIDDEN, "."),
    (r"\b(?:gh[pousr]_|github_pat_|gl[a-z]{2,5}-|hvs\.|xox[abeprs]-|AIza)[\w-]{16,}", HIDDEN, ""),
    (r"\bA[KS]IA[A-Z0-9]{16}\b|\bAGE-SECRET-KEY-1[A-Z0-9]{20,}", HIDDEN, ""),
    # Base64 of keys: a line of PEM, or more in one piece than any name, digest or path is long.
    (r"(?m)^[ \t]*[A-Za-z0-9+/]{60,76}={0,2}[ \t]*$", HIDDEN, ""),
    (r"[A-Za-z0-9+/_-]{130,}={0,2}", HIDDEN, ""),
)
_COMPILED = tuple((re.compile(pattern), put, needs) for pattern, put, needs in _RULES)


def redact(text: str) -> str:
    """The text with ``***`` where it held a credential."""
    for pattern, put, needs in _COMPILED:
        if not needs or any(character in text for character in needs):
            text = pattern.sub(put, text)
    return text
