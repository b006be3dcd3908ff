"""Start a hospital's SuperNode: `python -m deploy.supernode`, with `flower-supernode`'s options.

The coordinator's certificate and the authority are looked at first, since Flower does not say why a
connection fails. What this does not know is passed on as it is.
"""

import argparse
import datetime
import sys
from collections.abc import Sequence
from pathlib import Path

from deploy import expiry, watched

NOT_STARTED = 1


def main(given: Sequence[str]) -> int:
    """Run the SuperNode until it is stopped; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m deploy.supernode", description=__doc__)
    parser.add_argument("--superlink", required=True, metavar="HOST:PORT")
    parser.add_argument("--root-certificates", type=Path, required=True, metavar="ca.pem")
    parser.add_argument("--auth-supernode-private-key", type=Path, required=True, metavar="KEY")
    parser.add_argument("--allow-root", action="store_true")
    options, others = parser.parse_known_args(given)
    watched.refuse_root(options.allow_root)

    def validities() -> list[expiry.Validity]:
        found = expiry.of_file(options.root_certificates)
        try:
            return [*found, expiry.of_server(options.superlink)]
        except OSError as error:
            watched.say([f"{options.superlink} cannot be reached: {error}"])
            return found

    try:
        found = validities()
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    now = datetime.datetime.now(datetime.UTC)
    if not all(validity.valid(now) for validity in found):
        watched.say(expiry.remarks(found))
        return NOT_STARTED
    arguments = [
        *("--superlink", options.superlink),
        *("--root-certificates", str(options.root_certificates)),
        *("--auth-supernode-private-key", str(options.auth_supernode_private_key)),
        *others,
    ]
    return watched.run("flower-supernode", arguments, lambda: expiry.remarks(validities()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
