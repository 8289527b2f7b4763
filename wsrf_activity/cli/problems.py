"""What can go wrong at the shell, each with the exit code that says so. Nothing is printed or raised here."""

FAILED = 1
USAGE = 2
UNREACHABLE = 69  #: EX_UNAVAILABLE of sysexits.h
DENIED = 77  #: EX_NOPERM of sysexits.h
TIMED_OUT = 124  #: what timeout(1) of coreutils says
INTERRUPTED = 130  #: 128 + SIGINT
BROKEN_PIPE = 141  #: 128 + SIGPIPE
TERMINATED = 143  #: 128 + SIGTERM


class Problem(Exception):
    """Ends a command with one line for the person and one exit code for the script."""

    code = FAILED


class Usage(Problem):
    """The command line itself is wrong."""

    code = USAGE


class Unreachable(Problem):
    """No server answered, or it went away in the middle of an answer: trying again may help."""

    code = UNREACHABLE


class Denied(Problem):
    """The server knows who asks, or does not, and says no."""

    code = DENIED


class Fault(Problem):
    """The server answered with a SOAP fault; ``name`` is its local name, without a prefix."""

    def __init__(self, name: str, description: str) -> None:
        super().__init__(description or name)
        self.name = name


class NoSuchActivity(Fault):
    """The activity is unknown, expired, destroyed, or somebody else's: the server does not say which."""


class Rejected(Fault):
    """The server refused what the command line asked for: an unknown service, a wrong parameter."""

    code = USAGE
