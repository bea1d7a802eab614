"""Apply a function to many objects on Ray: both travel pickled, between processes of one user."""

from __future__ import annotations

import pickle  # noqa: S403 - only what this run's own processes send to each other
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from edgewbc.archive.cluster import Cluster, ClusterOptions, connected
from edgewbc.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa

T = TypeVar("T")
U = TypeVar("U")

PART = 256
"""Objects that a worker is handed at once."""


class Caller:
    """The worker: applies a function, at the top of a module, to the objects of a table.

    An error for the user is returned as a table: an exception would make Ray print a stack trace.
    """

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self._function = function

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the results in the order of the objects."""
        try:
            return _table([self._function(each) for each in _objects(table)], "")
        except UserError as error:
            return _table([], str(error))


def mapped_on_ray(
    options: ClusterOptions, say: Callable[[str], None], function: Callable[[T], U], objects: Sequence[T]
) -> Iterator[U]:
    """Connect to Ray, apply a function to objects (see `mapped`), and disconnect after the last result.

    Whoever goes on without Ray must not stay connected: a Ray that is killed ends the process that is connected to it,
    after a minute and without a word, unless somebody looks (see `archive.watch`).

    Args:
        options: where it is done.
        say: takes remarks for a person, one line each.
        function, objects: as for `mapped`.

    Raises:
        UserError: raised by the function, or as `connected` and `Cluster.map`.
    """
    with connected(options, say) as cluster:
        yield from mapped(cluster, function, objects)


def mapped(cluster: Cluster, function: Callable[[T], U], objects: Sequence[T], part: int = PART) -> Iterator[U]:
    """Apply a function to objects; yield the results in any order.

    Args:
        cluster: where it is done.
        function: at the top of a module that each machine has.
        objects: can be pickled.
        part: objects that a worker is handed at once.

    Raises:
        UserError: raised by the function.
    """
    tables = (_table(objects[start : start + part], "") for start in range(0, len(objects), part))
    for table in cluster.map(Caller, function, tables):
        if message := table.column("error")[0].as_py():
            raise UserError(message)
        yield from _objects(table)


def _table(objects: Sequence[Any], error: str) -> pa.Table:
    import pyarrow as pa

    return pa.table({"objects": pa.array([pickle.dumps(list(objects))], pa.binary()), "error": [error]})


def _objects(table: pa.Table) -> Any:
    return pickle.loads(table.column("objects")[0].as_py())  # noqa: S301 - see above
