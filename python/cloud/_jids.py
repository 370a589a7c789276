"""Job ids: one that knows its job, a range of them, and sets of ranges as the service writes them.

`JidSet` keeps ranges, so that a map of a million jobs costs as much as one job. The order in
which ids were given is kept, because results come back in that order.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, SupportsIndex, Union, overload

from ._errors import CloudException

if TYPE_CHECKING:
    from ._core import Cloud
    from ._series import Sample, Series

__all__ = ["Jid", "JidRange", "JidSet", "Jids"]

Jids = Union[int, "Iterable[Any]"]
"""One job id, or any iterable of ids and (nested) iterables of ids, such as a `JidRange`."""

USAGE_FIELDS = ("runtime", "cputime", "memory", "swap", "disk", "network", "core_ms", "cost")
NOT_INTEGERS = "jid(s) must be integers"


class Jid(int):
    """The id of a job: an `int` that also knows the job.

    It prints, compares and pickles as the number.

    >>> jid = cloud.call(pow, 2, 10)        # doctest: +SKIP
    >>> jid.result()                        # doctest: +SKIP
    1024
    """

    # Set on ids that belong to another connection than the current one, as those of `cloud.mp`.
    _owner: Cloud | None = None

    @property
    def _cloud(self) -> Cloud:
        if self._owner is not None:
            return self._owner
        from ._core import current

        return current()

    def result(self, timeout: float | None = None) -> Any:
        """The job's return value, as `cloud.result`."""
        return self._cloud.result(int(self), timeout=timeout)

    def join(self, timeout: float | None = None, ignore_errors: bool = False) -> None:
        """Waits for the job's end, as `cloud.join`."""
        self._cloud.join(int(self), timeout=timeout, ignore_errors=ignore_errors)

    def status(self) -> str:
        """The job's status, as `cloud.status`."""
        status: str = self._cloud.status(int(self))
        return status

    def info(self, info_requested: str | Iterable[str] | None = None) -> dict[str, Any]:
        """The job's fields, as `cloud.info` but without the dict around them."""
        return self._cloud.info(int(self), info_requested)[int(self)]

    def usage(self) -> dict[str, Any]:
        """What the job used, so far if it runs: fields of `cloud.info` from `runtime` to `cost`."""
        return self.info(USAGE_FIELDS)

    def series(self) -> Series:
        """What the job used second by second, as `cloud.series`."""
        return self._cloud.series(int(self))

    def watch(self) -> Iterator[Sample]:
        """The same live, as `cloud.watch`."""
        return self._cloud.watch(int(self))

    def kill(self) -> None:
        """Kills the job, as `cloud.kill`."""
        self._cloud.kill(int(self))

    def delete(self) -> None:
        """Deletes the job, as `cloud.delete`."""
        self._cloud.delete(int(self))

    def __reduce__(self) -> tuple[Any, ...]:
        return (int, (int(self),))

    def _repr_html_(self) -> str:
        try:
            info = self.info(["status", "runtime", "function"])
        except CloudException as error:
            return f"<b>job {int(self)}</b> {_escape(error.parameter)}"
        runtime = "" if info["runtime"] is None else f", {info['runtime']:.3f} s"
        return (
            f"<b>job {int(self)}</b> <code>{_escape(str(info['function']))}</code> {info['status']}{runtime}"
        )


def _escape(text: str) -> str:
    import html

    return html.escape(text)


def owned(number: int, owner: Cloud | None) -> Jid:
    """A `Jid` of that connection; of the current one where there is none."""
    jid = Jid(number)
    if owner is not None:
        jid._owner = owner
    return jid


class JidRange(Sequence[Jid]):
    """Consecutive job ids, what `cloud.map` returns: as small as a `range`, usable wherever jids are.

    >>> jids = cloud.map(abs, range(-3, 0))   # doctest: +SKIP
    >>> jids.result()                         # doctest: +SKIP
    [3, 2, 1]
    """

    __slots__ = ("_owner", "_range")

    def __init__(self, first: int, count: int, _owner: Cloud | None = None) -> None:
        if count < 0:
            raise ValueError("a range of jids cannot have a negative count")
        self._range = range(first, first + count)
        self._owner = _owner

    @property
    def _cloud(self) -> Cloud:
        if self._owner is not None:
            return self._owner
        from ._core import current

        return current()

    def __len__(self) -> int:
        return len(self._range)

    @overload
    def __getitem__(self, index: SupportsIndex) -> Jid: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Jid]: ...

    def __getitem__(self, index: SupportsIndex | slice) -> Jid | Sequence[Jid]:
        if not isinstance(index, slice):
            try:
                return owned(self._range[index], self._owner)
            except IndexError:
                raise IndexError("jid range index out of range") from None
        part = self._range[index]
        if part.step == 1 or len(part) <= 1:
            return JidRange(part[0] if part else self._range.start, len(part), self._owner)
        return [owned(number, self._owner) for number in part]

    def __iter__(self) -> Iterator[Jid]:
        if self._owner is None:
            return map(Jid, self._range)
        return (owned(number, self._owner) for number in self._range)

    def __contains__(self, jid: object) -> bool:
        return jid in self._range

    def index(self, value: Any, start: int = 0, stop: int | None = None) -> int:
        """Position of a jid; ValueError if it is not there."""
        position = self._range.index(value)
        if position < start or (stop is not None and position >= stop):
            raise ValueError(f"{value} is not in the range asked about")
        return position

    def __eq__(self, other: object) -> bool:
        if isinstance(other, JidRange):
            return self._range == other._range
        if isinstance(other, range):
            return self._range == other
        if isinstance(other, (list, tuple)):
            return len(other) == len(self) and all(map(operator.eq, self._range, other))
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self._range)

    def __reduce__(self) -> tuple[Any, ...]:
        return (JidRange, (self._range.start, len(self._range)))

    def __repr__(self) -> str:
        if not self._range:
            return "<no jids>"
        return f"<jids {JidSet.of(self)}>"

    def _repr_html_(self) -> str:
        from collections import Counter

        if not self._range:
            return "<b>no jobs</b>"
        try:
            counts = Counter(self.status())
        except CloudException as error:
            return f"<b>jobs {JidSet.of(self)}</b> {_escape(error.parameter)}"
        parts = ", ".join(f"{count} {status}" for status, count in counts.most_common())
        return f"<b>jobs {JidSet.of(self)}</b> {parts}"

    def result(self, timeout: float | None = None, ignore_errors: bool = False) -> list[Any]:
        """The results in order, as `cloud.result`."""
        results: list[Any] = self._cloud.result(self, timeout=timeout, ignore_errors=ignore_errors)
        return results

    def join(self, timeout: float | None = None, ignore_errors: bool = False) -> None:
        """Waits for the jobs' end, as `cloud.join`."""
        self._cloud.join(self, timeout=timeout, ignore_errors=ignore_errors)

    def status(self) -> list[str]:
        """The statuses in order, as `cloud.status`."""
        statuses: list[str] = self._cloud.status(self)
        return statuses

    def info(self, info_requested: str | Iterable[str] | None = None) -> dict[int, dict[str, Any]]:
        """The jobs' fields by jid, as `cloud.info`."""
        return self._cloud.info(self, info_requested)

    def kill(self) -> None:
        """Kills those that have not ended, as `cloud.kill`."""
        self._cloud.kill(self)

    def delete(self) -> None:
        """Deletes the jobs, as `cloud.delete`."""
        self._cloud.delete(self)


class JidSet:
    """Ranges of ids in the order given. Written `1-4,7`, both ends included."""

    __slots__ = ("ranges",)

    def __init__(self, ranges: list[tuple[int, int]] | None = None) -> None:
        self.ranges: list[tuple[int, int]] = [] if ranges is None else ranges

    @classmethod
    def of(cls, jids: Jids) -> JidSet:
        """From whatever a user may pass. TypeError if there is anything but integers in it."""
        jids_set = cls()
        jids_set._add(jids, 0)
        return jids_set

    @classmethod
    def parse(cls, text: str) -> JidSet:
        """From the written form. ValueError if it is none."""
        found = cls()
        for part in text.split(","):
            part = part.strip()
            if not part:
                continue
            first, dash, last = part.partition("-")
            try:
                low = int(first)
                high = int(last) if dash else low
            except ValueError:
                low, high = 1, 0
            if low < 1 or high < low:
                raise ValueError(f"{part!r} is not a job id; write positive numbers and ranges such as 1-4,7")
            found._push(low, high)
        return found

    def _add(self, jids: Any, depth: int) -> None:
        if isinstance(jids, JidRange):
            jids = jids._range
        if isinstance(jids, JidSet):
            for first, last in jids.ranges:
                self._push(first, last)
        elif isinstance(jids, range) and jids.step == 1:
            if jids:
                self._push(jids[0], jids[-1])
        elif isinstance(jids, (bool, str, bytes, dict)) or depth > 50:
            raise TypeError(NOT_INTEGERS)
        elif hasattr(jids, "__index__") and not hasattr(jids, "__iter__"):
            number = operator.index(jids)
            self._push(number, number)
        elif isinstance(jids, Iterable):
            for jid in jids:
                if type(jid) is int or type(jid) is Jid:
                    self._push(jid, jid)
                else:
                    self._add(jid, depth + 1)
        else:
            try:  # numpy integers have both __index__ and, by their looks, __iter__
                number = operator.index(jids)
            except TypeError:
                raise TypeError(NOT_INTEGERS) from None
            self._push(number, number)

    def _push(self, first: int, last: int) -> None:
        if first < 1:
            raise CloudException(f"job {int(first)} does not exist", status=404, kind="job_unknown")
        ranges = self.ranges
        if ranges and ranges[-1][1] + 1 == first:
            ranges[-1] = (ranges[-1][0], int(last))
        else:
            ranges.append((int(first), int(last)))

    def __len__(self) -> int:
        return sum(last - first + 1 for first, last in self.ranges)

    def __bool__(self) -> bool:
        return bool(self.ranges)

    def __iter__(self) -> Iterator[int]:
        for first, last in self.ranges:
            yield from range(first, last + 1)

    def __contains__(self, jid: object) -> bool:
        return isinstance(jid, int) and any(first <= jid <= last for first, last in self.ranges)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, JidSet) and self.ranges == other.ranges

    def __hash__(self) -> int:
        return hash(tuple(self.ranges))

    def __str__(self) -> str:
        return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in self.ranges)

    def __repr__(self) -> str:
        return f"JidSet({self!s})"

    def split(self, count: int, max_ranges: int = 10_000) -> tuple[JidSet, JidSet]:
        """The first `count` ids, in at most `max_ranges` ranges, and the rest."""
        head: list[tuple[int, int]] = []
        room = count
        for position, (first, last) in enumerate(self.ranges):
            if room == 0 or len(head) == max_ranges:
                return JidSet(head), JidSet(self.ranges[position:])
            size = last - first + 1
            if size > room:
                middle = first + room
                head.append((first, middle - 1))
                return JidSet(head), JidSet([(middle, last), *self.ranges[position + 1 :]])
            head.append((first, last))
            room -= size
        return JidSet(head), JidSet()

    def parts(self, max_ranges: int = 10_000, max_count: int = 1 << 62) -> Iterator[JidSet]:
        """The set in pieces that one request may carry."""
        rest = self
        while rest:
            head, rest = rest.split(max_count, max_ranges)
            yield head

    def minus(self, other: JidSet) -> JidSet:
        """The ids that are not in `other`, in order."""
        cuts = sorted(other.ranges)
        kept: list[tuple[int, int]] = []
        for first, last in self.ranges:
            for low, high in cuts:
                if high < first:
                    continue
                if low > last:
                    break
                if low > first:
                    kept.append((first, low - 1))
                first = high + 1
            if first <= last:
                kept.append((first, last))
        return JidSet(kept)


def one(jid: Any) -> int:
    """A single id. TypeError for anything else."""
    if not is_single(jid):
        raise TypeError("jid must be an integer")
    (number,) = JidSet.of(jid)
    return number


def is_single(jids: Any) -> bool:
    """Whether a user passed one id rather than an iterable of them."""
    if isinstance(jids, int):
        return True
    if isinstance(jids, Iterable):
        return False
    return hasattr(jids, "__index__")
