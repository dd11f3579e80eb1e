"""``python -m qb_pipeline.emulator``: a QuickBooks company in a box.

Belongs here: the command line. Does not belong here: anything else.
"""

import argparse
import sys
from pathlib import Path

from qb_pipeline.emulator.app import make_world, serve


def main(arguments: list[str] | None = None) -> int:
    """Serve until stopped; 2 means that the arguments make no sense."""
    parser = argparse.ArgumentParser(prog="python -m qb_pipeline.emulator", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one and prints it")
    parser.add_argument("--host", default="127.0.0.1", help="loopback only")
    parser.add_argument("--state", type=Path, help="a file that keeps everything over a restart")
    parser.add_argument("--config", type=Path, help='JSON: {"companies": [{"realm_id", "name", "switches"}]}')
    chosen = parser.parse_args(arguments)
    try:
        serve(make_world(chosen.state, chosen.config), host=chosen.host, port=chosen.port)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
