"""The rows of the table, one module each, in the order in which they are told."""

from collections.abc import Mapping

from benchmarks.base import Row
from benchmarks.rows import (
    create,
    download,
    ends,
    functions,
    million,
    notify,
    processes,
    read,
    reaping,
    run,
    shell,
    start,
    waiters,
)

ROWS: Mapping[str, Row] = {
    module.ROW.name: module.ROW
    for module in (
        read,
        create,
        run,
        functions,
        waiters,
        ends,
        notify,
        reaping,
        million,
        processes,
        start,
        download,
        shell,
    )
}
