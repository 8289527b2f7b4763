"""The process that forks supervisors: small and single-threaded, so that a fork of it is cheap and safe, as one of the
server would not be. It parses nothing and keeps nothing, so that it may be killed at any time."""

import ctypes
import gc
import os
import signal
import socket

from wsrf_activity.engines import descriptors, processes, supervisor
from wsrf_activity.engines.forking import Forking

_PR_SET_NAME, _PR_SET_CHILD_SUBREAPER = 15, 36  # of prctl(2)
_prctl = ctypes.CDLL(None, use_errno=True).prctl


READY = b"ready"  #: what a zygote says that had something to load


def main(descriptor: int, forking: Forking | None = None) -> None:
    """Fork a supervisor for each channel that comes over the socket; end when the server has gone.

    With ``forking`` these begin work as forks of their own.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, supervisor.AWAITED)
    for each in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP):
        signal.signal(each, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel buries them
    _prctl(_PR_SET_NAME, b"wsrf-zygote", 0, 0, 0)
    os.umask(0o077)
    os.chdir("/")  # whatever folder the server was started in can be unmounted
    control = socket.socket(fileno=descriptor)
    boot = processes.boot_id()
    gc.disable()
    gc.freeze()  # or a collection in a fork copies every page
    if forking is not None:
        control.send(READY)
    while True:
        content, channels = descriptors.receive(control, 1)
        if not content:
            return
        for channel in channels:
            _fork(control, channel, boot, forking)


def _fork(control: socket.socket, descriptor: int, boot: str, forking: Forking | None) -> None:
    with socket.socket(fileno=descriptor) as channel:
        try:
            forked = os.fork()
        except OSError as error:
            channel.send(f"{supervisor.FAILED} No process can be made for the work: {error.strerror}.\n".encode())
            return
        if forked:
            return
        try:
            gc.enable()
            control.close()
            os.setsid()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
            _prctl(_PR_SET_NAME, b"wsrf-supervisor", 0, 0, 0)
            supervisor.Supervisor(channel, boot, forking).serve()
        finally:
            os._exit(0)  # the zygote's own course must not go on here, whatever happened
