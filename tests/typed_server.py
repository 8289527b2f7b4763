"""`wsrf-activity serve` for tests, with the services of `tests.interfaces` beside those of the configuration."""

import argparse
from dataclasses import replace
from pathlib import Path

from tests.interfaces import INTERFACES, SERVICES
from wsrf_activity.server import Settings, serve


def main() -> None:
    """Serve until a signal says stop."""
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["serve"])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--port", type=int)
    said = parser.parse_args()
    settings = Settings.load(config=None, options={"data": said.data, "port": said.port})
    services = {**settings.services, **SERVICES}
    serve(replace(settings, services=services, interfaces={**settings.interfaces, **INTERFACES}))


if __name__ == "__main__":
    main()
