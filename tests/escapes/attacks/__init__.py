"""What strangers might run, as functions that travel to a worker. Standard library only."""
