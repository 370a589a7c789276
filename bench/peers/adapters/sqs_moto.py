"""SQS's API through boto3 against moto's server: a mock in one Python process, in memory, nothing durable."""

from __future__ import annotations

import os
from typing import Any

import boto3
from botocore.config import Config

from adapters._queues import QUEUES, Fetched, QueuePeer
from common import BIN, Box, can_connect, wait_for


class Backend:
    batch = 10

    def serve(self, box: Box) -> None:
        box.spawn(BIN + "moto_server", "-H", "127.0.0.1", "-p", str(box.port))
        wait_for(lambda: can_connect(box.port), what="moto")
        self.connect(None)
        for q in QUEUES:
            self.sqs.create_queue(QueueName=q)

    def connect(self, index: int | None) -> None:
        self.base = f"http://127.0.0.1:{os.environ['PEER_PORT']}"
        self.sqs = boto3.client(
            "sqs",
            "us-east-1",
            endpoint_url=self.base,
            aws_access_key_id="x",
            aws_secret_access_key="x",
            config=Config(parameter_validation=False),
        )

    def _url(self, queue):
        return f"{self.base}/123456789012/{queue}"

    def push(self, queue: str, bodies: list[bytes]) -> None:
        for i in range(0, len(bodies), 10):
            self.sqs.send_message_batch(
                QueueUrl=self._url(queue),
                Entries=[{"Id": str(j), "MessageBody": b.decode()} for j, b in enumerate(bodies[i : i + 10])],
            )

    def fetch(self, queues: list[str], most: int) -> Fetched:
        for q in queues:
            got = self.sqs.receive_message(
                QueueUrl=self._url(q),
                MaxNumberOfMessages=min(10, most),
                WaitTimeSeconds=1 if q in ("call", "reply") else 0,
            ).get("Messages")
            if got:
                return q, [(m["ReceiptHandle"], m["Body"].encode()) for m in got]
        return None

    def ack(self, queue: str, tokens: list[Any]) -> None:
        self.sqs.delete_message_batch(
            QueueUrl=self._url(queue),
            Entries=[{"Id": str(j), "ReceiptHandle": t} for j, t in enumerate(tokens)],
        )


class Peer(QueuePeer):
    modes = {w: ["default"] for w in ("roundtrip", "pipeline", "pushpop", "coldstart", "kill9")}
    caveats = {"*": "in-memory mock"}
    notes = {"default": "batches of 10 (SQS's limit); in memory, durability none; visibility timeout 30 s"}
    packages = ["moto", "boto3"]
    fewer = {"pipeline/default": 10, "pushpop/default": 10}
    backend, module = Backend, "adapters.sqs_moto"
