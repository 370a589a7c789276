"""What a job used, second by second: as kept with the job, and live."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from ._events import events
from ._figures import size
from ._session import Session

__all__ = ["Sample", "Series", "series", "watch"]


class Sample(NamedTuple):
    """What a job used up to a second of its life.

    Attributes:
        second: whole seconds since the job began.
        cpu_user: processor time so far in user mode, in seconds; that of all its processes.
        cpu_system: the same in the kernel.
        cpu_cores: cores busy since the sample before; 1.5 is one and a half.
        memory: bytes in use at this moment.
        swap: bytes of swap in use.
        disk: bytes in the files of the job.
        disk_read: bytes read from disks so far.
        disk_written: bytes written so far.
        network_received: bytes received so far, or None where the worker cannot tell.
        network_sent: bytes sent so far, or None.
        processes: processes of the job at this moment.
    """

    second: int
    cpu_user: float
    cpu_system: float
    cpu_cores: float
    memory: int
    swap: int
    disk: int
    disk_read: int
    disk_written: int
    network_received: int | None
    network_sent: int | None
    processes: int


class Series:
    """The samples of a job's last attempt: a list for each figure of `Sample`, all of one length.

    Samples are a second apart in a job's first ten minutes, five seconds up to an hour, then thirty. A job of
    less than a second has none.

    >>> series = cloud.series(jid)                               # doctest: +SKIP
    >>> pyplot.plot(series.second, series.memory)                # doctest: +SKIP
    >>> pandas.DataFrame(series.columns()).set_index('second')   # doctest: +SKIP

    Attributes:
        jid: the job.
        attempt: number of the attempt the samples are of.
        finished: whether the job has ended, so that no more will come.
        samples: the same as a list of `Sample`.
        second, cpu_user, cpu_system, cpu_cores, memory, swap, disk, disk_read, disk_written: lists.
        network_received, network_sent, processes: lists.
    """

    def __init__(self, jid: int, attempt: int, finished: bool, samples: list[Sample]) -> None:
        self.jid = jid
        self.attempt = attempt
        self.finished = finished
        self.samples = samples
        self.second = [sample.second for sample in samples]
        self.cpu_user = [sample.cpu_user for sample in samples]
        self.cpu_system = [sample.cpu_system for sample in samples]
        self.cpu_cores = [sample.cpu_cores for sample in samples]
        self.memory = [sample.memory for sample in samples]
        self.swap = [sample.swap for sample in samples]
        self.disk = [sample.disk for sample in samples]
        self.disk_read = [sample.disk_read for sample in samples]
        self.disk_written = [sample.disk_written for sample in samples]
        self.network_received = [sample.network_received for sample in samples]
        self.network_sent = [sample.network_sent for sample in samples]
        self.processes = [sample.processes for sample in samples]

    def columns(self) -> dict[str, list[Any]]:
        """The lists by their names, as `pandas.DataFrame` takes them."""
        return {name: getattr(self, name) for name in Sample._fields}

    def __len__(self) -> int:
        return len(self.samples)

    def __iter__(self) -> Iterator[Sample]:
        return iter(self.samples)

    def __getitem__(self, index: int) -> Sample:
        return self.samples[index]

    def __repr__(self) -> str:
        about = f"<Series of job {self.jid}: "
        if not self.samples:
            return f"{about}no samples>"
        first, last = self.second[0], self.second[-1]
        return (
            f"{about}{len(self.samples)} samples, seconds {first} to {last}, "
            f"up to {max(self.cpu_cores):.2f} cores and {size(max(self.memory))}>"
        )


class _Maker:
    """Samples from what the service says. Knows the one before, to tell what happened since."""

    def __init__(self) -> None:
        self._second = -1
        self._cpu_us = 0

    def take(self, data: dict[str, Any]) -> Sample | None:
        """The sample; None for one that was taken already."""
        second = int(data["second"])
        if second <= self._second:
            return None
        user_us, system_us = data.get("cpu_user_us", 0), data.get("cpu_system_us", 0)
        # Before the first sample lies the time since the beginning; less than a second counts as one.
        seconds = max(1, second - max(0, self._second))
        cores = max(0, user_us + system_us - self._cpu_us) / 1e6 / seconds
        self._second, self._cpu_us = second, user_us + system_us
        return Sample(
            second=second,
            cpu_user=user_us / 1e6,
            cpu_system=system_us / 1e6,
            cpu_cores=cores,
            memory=data.get("memory_bytes", 0),
            swap=data.get("swap_bytes", 0),
            disk=data.get("disk_bytes", 0),
            disk_read=data.get("disk_read_bytes", 0),
            disk_written=data.get("disk_write_bytes", 0),
            network_received=data.get("net_received_bytes"),
            network_sent=data.get("net_sent_bytes"),
            processes=data.get("processes", 0),
        )


def series(session: Session, jid: int) -> Series:
    """All samples that are kept of a job, fetched in as many parts as it takes."""
    maker, attempt = _Maker(), -1
    samples: list[Sample] = []
    while True:
        # The last sample again: whether the service counts it in or not, none is missed.
        since = f"?since={samples[-1].second}" if samples else ""
        reply = session.connection.json("GET", f"/v1/jobs/{jid}/series{since}")
        if reply["attempt"] != attempt:  # it began again meanwhile, on another machine
            if samples:
                maker, samples, attempt = _Maker(), [], reply["attempt"]
                continue
            attempt = reply["attempt"]
        found = [sample for sample in map(maker.take, reply["samples"]) if sample is not None]
        samples += found
        if not found:
            return Series(jid, attempt, bool(reply["finished"]), samples)


def watch(session: Session, jid: int) -> Iterator[Sample]:
    """The samples of a job from its first to its last, as they come."""
    maker, attempt = _Maker(), None
    for event in events(session.connection, f"/v1/jobs/{jid}/events"):
        if event.name == "end":
            return
        if event.name == "status":
            if attempt is not None and event.data.get("attempt") != attempt:
                maker = _Maker()  # it begins again, on another machine, and so do its seconds
            attempt = event.data.get("attempt", attempt)
        elif event.name == "sample":
            sample = maker.take(event.data)
            if sample is not None:
                yield sample
