"""What runs jobs on a worker: a zygote that forks, an init that reaps, an executor that executes.

The worker speaks to it in the frames of `docs/internals/runner-protocol.md`. Only the standard
library and cloudpickle may be imported here, and nothing of the `cloud` package: the process
stays small, starts fast, and imports no module whose name a user's own could shadow.
"""
