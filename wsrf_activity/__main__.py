"""`python -m wsrf_activity` is the command `wsrf-activity`."""

from wsrf_activity.cli.main import main

if __name__ == "__main__":
    main()
