"""The Dagster UI behind our guard: ``python -m qb_pipeline.web.dagster_ui --port N --code-port M``.

Belongs here: Dagster's ASGI app, the guard around it, and a server on loopback. Does not belong here: starting and
ending this process (``commands.processes.dagster_processes``).
"""

import argparse

import dagster as dg
import uvicorn

# Not public, but the only way to have Dagster's page as an app that can be wrapped; the release is pinned.
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import GrpcServerTarget
from dagster_webserver.app import create_app_from_workspace_process_context
from dagster_webserver.version import __version__

from qb_pipeline.web.guard import Guard, loopback_hosts

POOL_RECYCLE_SECONDS = 3600
STATEMENT_TIMEOUT_MS = 15_000
POOL_OVERFLOW = 20
"""The largest overflow of the pool of database connections.

This and the two numbers above are Dagster's own defaults for a long-running webserver (``dagster-webserver --help``,
1.13.27).
"""

STOP_SECONDS = 3
"""The longest time for which a shutdown waits for open pages, whose WebSockets would otherwise have no limit."""


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(description="Dagster's UI, for this machine only.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--code-port", type=int, required=True)
    arguments = parser.parse_args()
    target = GrpcServerTarget(host="127.0.0.1", port=arguments.code_port, socket=None, location_name="qb_pipeline")
    with dg.DagsterInstance.get() as instance:
        instance.optimize_for_webserver(STATEMENT_TIMEOUT_MS, POOL_RECYCLE_SECONDS, POOL_OVERFLOW)
        with WorkspaceProcessContext(instance, version=__version__, workspace_load_target=target) as context:
            app = create_app_from_workspace_process_context(context)
            guarded = Guard(app, loopback_hosts(arguments.port))
            uvicorn.run(
                guarded, host="127.0.0.1", port=arguments.port, log_level="warning",
                timeout_graceful_shutdown=STOP_SECONDS,
            )  # fmt: skip


if __name__ == "__main__":
    main()
