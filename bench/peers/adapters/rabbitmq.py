"""RabbitMQ: persistent messages on durable queues, prefetch, multiple-acks.

Pushes through py-amqp, which can wait for a whole window of publisher confirms; pops through pika,
the faster at that.
"""

from __future__ import annotations

import os
from typing import Any

import amqp
import pika

from adapters._queues import QUEUES, Fetched, QueuePeer
from common import Box

MODE = os.environ["PEER_MODE"]


class Backend:
    batch = 100

    def serve(self, box: Box) -> None:
        box.rabbit()
        args = {"x-queue-type": "quorum"} if MODE == "quorum" else {}
        ch = self._channel()
        for q in QUEUES:
            ch.queue_declare(q, durable=True, auto_delete=False, arguments=args)

    def _channel(self):
        self.c = amqp.Connection(f"127.0.0.1:{os.environ['PEER_PORT']}")
        self.c.connect()
        return self.c.channel()

    def connect(self, index: int | None) -> None:
        self.ch = self._channel()
        self.got, self.on = [], set()
        self.sent, self.open = 0, set()
        if MODE != "noconfirm":
            self.ch.confirm_select()
            self.ch.events["basic_ack"].add(self._confirmed)

    def _confirmed(self, tag, multiple):
        self.open -= {t for t in self.open if t <= tag} if multiple else {tag}

    def push(self, queue: str, bodies: list[bytes]) -> None:
        for b in bodies:
            self.ch._basic_publish(amqp.Message(b, delivery_mode=2), routing_key=queue)
            self.sent += 1
            if MODE != "noconfirm":
                self.open.add(self.sent)
        while self.open:  # publisher confirms, one window per batch
            self.c.drain_events()
        if MODE == "noconfirm":
            self.ch.queue_declare(queue, passive=True)  # one round trip, so that all is at least received

    def _arrived(self, ch, method, props, body):
        self.got.append((method.routing_key, method.delivery_tag, body))

    def fetch(self, queues: list[str], most: int) -> Fetched:
        if not self.on:
            self.pika = pika.BlockingConnection(
                pika.ConnectionParameters("127.0.0.1", int(os.environ["PEER_PORT"]))
            )
            self.inbox = self.pika.channel()
            self.inbox.basic_qos(prefetch_count=most)
        for q in set(queues) - self.on:
            self.inbox.basic_consume(q, self._arrived)
            self.on.add(q)
        if not self.got:
            self.pika.process_data_events(time_limit=1)
        if self.got:
            queue = self.got[0][0]
            mine = [g for g in self.got if g[0] == queue][:most]
            self.got = [g for g in self.got if g[0] != queue] + [g for g in self.got if g[0] == queue][most:]
            return queue, [(tag, body) for _, tag, body in mine]
        return None

    def ack(self, queue: str, tokens: list[Any]) -> None:
        if not self.got:  # nothing else is unacknowledged on this channel
            self.inbox.basic_ack(max(tokens), multiple=True)
        else:
            for t in tokens:
                self.inbox.basic_ack(t)


class Peer(QueuePeer):
    modes = {
        "roundtrip": ["default", "noconfirm"],
        "pipeline": ["default", "noconfirm"],
        "pushpop": ["default", "noconfirm", "quorum"],
        "coldstart": ["default"],
        "kill9": ["default"],
    }
    notes = {
        "default": "classic durable queues, persistent, publisher confirms (confirmed after a grouped fsync)",
        "noconfirm": "the same without confirms",
        "quorum": "quorum queues (Raft log, fsync in groups), confirms",
    }
    durability = {"*": "fsync", "noconfirm": "fsync, not awaited"}
    packages = ["amqp", "pika"]
    backend, module = Backend, "adapters.rabbitmq"
