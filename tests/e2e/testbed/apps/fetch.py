"""What stands for curl: GET a URL a number of times; one line of JSON with status and body each.

python fetch.py URL [--count N] [--every SECONDS] [--host NAME]
"""

from __future__ import annotations

import argparse
import json
import time
import urllib.error
import urllib.request

LIMIT_SECONDS = 10


def fetch(url: str, host: str | None) -> dict[str, object]:
    """Status and body of one GET; status 0 where there was no answer at all."""
    request = urllib.request.Request(url, headers={"Host": host} if host else {})  # noqa: S310 - a test's own URL
    try:
        with urllib.request.urlopen(request, timeout=LIMIT_SECONDS) as response:  # noqa: S310 - as above
            return {"status": response.status, "body": response.read().decode(errors="replace")}
    except urllib.error.HTTPError as error:
        return {"status": error.code, "body": error.read().decode(errors="replace")}
    except OSError as error:
        return {"status": 0, "body": str(error)}


def main() -> None:
    """Print one line for each request."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--every", type=float, default=0.0)
    parser.add_argument("--host")
    options = parser.parse_args()
    for number in range(options.count):
        if number:
            time.sleep(options.every)
        print(json.dumps(fetch(options.url, options.host)), flush=True)  # noqa: T201 - its purpose


if __name__ == "__main__":
    main()
