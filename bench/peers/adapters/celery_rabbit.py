"""Celery with RabbitMQ as broker and rpc:// results: the same app, other services."""

from __future__ import annotations

from adapters import celery_redis

app = celery_redis.app
app.conf.update(broker_url=f"amqp://guest:guest@127.0.0.1:{celery_redis.PORT}//", result_backend="rpc://")


class Peer(celery_redis.Peer):
    module = "adapters.celery_rabbit"
    durability = {"*": "fsync, not awaited"}
    packages = ["celery", "amqp"]

    def services(self) -> None:
        self.box.rabbit()
