"""Jobs on this machine, beside those on a server: `cloud.mp.call` is to `cloud.call` what a simulator is.

They run on a private server that starts with the first of them and ends with this process: the same
code path, so what works here works there.

>>> jid = cloud.mp.call(pow, 2, 10)    # doctest: +SKIP
>>> cloud.mp.result(jid)               # doctest: +SKIP
1024
"""

from __future__ import annotations

from ._core import Cloud
from ._local import multiprocessing

__all__ = [
    "call",
    "close",
    "connection_info",
    "delete",
    "info",
    "iresult",
    "iresult_unordered",
    "join",
    "kill",
    "map",
    "result",
    "series",
    "status",
    "watch",
]

_cloud = Cloud(multiprocessing.credentials, "multiprocessing")

# The methods of that connection, each documented under its name in `cloud`.
call = _cloud.call
close = _cloud.close
connection_info = _cloud.connection_info
delete = _cloud.delete
info = _cloud.info
iresult = _cloud.iresult
iresult_unordered = _cloud.iresult_unordered
join = _cloud.join
kill = _cloud.kill
map = _cloud.map
result = _cloud.result
series = _cloud.series
status = _cloud.status
watch = _cloud.watch
