"""Pushes photographs through the image pipeline and shows it at work.

    python examples/imgpipeline/run.py

Four addresses lead nowhere: they end in the queue `bad-urls`, each with its exception.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pipeline
from contact_sheet import contact_sheet
from photos import PhotoServer

import cloud

IMAGES_PER_URL = 4
"""The original, a thumbnail, a medium one, and that one in sepia."""
PATIENCE_SECONDS = 300


def counts() -> dict[str, int]:
    """Messages in each queue, those being handled among them."""
    return {name: cloud.queue.get(name).count() for name in (*pipeline.STAGES, pipeline.BAD_URLS)}


def watch(until_bad: int) -> Iterator[dict[str, int]]:
    """Counts, again and again until the stages are empty and all the bad ones are known."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        now = counts()
        yield now
        if now[pipeline.BAD_URLS] >= until_bad and not any(now[name] for name in pipeline.STAGES):
            return
        time.sleep(0.2)
    raise SystemExit(f"the pipeline did not get empty within {PATIENCE_SECONDS} s: {counts()}")


def show(began: float, until_bad: int) -> None:
    """One line that changes when a person watches, a line now and then when not."""
    live = sys.stdout.isatty()
    shown = 0.0
    print("     s  " + "".join(f"{name:>11}" for name in (*pipeline.STAGES, pipeline.BAD_URLS)))
    for now in watch(until_bad):
        seconds = time.monotonic() - began
        line = f"{seconds:6.1f}  " + "".join(f"{count:>11,}" for count in now.values())
        if live:
            print(f"\r{line}", end="", flush=True)
        elif seconds - shown >= 1:
            print(line, flush=True)
            shown = seconds
    print(f"\r{line}" if live else line, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="The image pipeline, on photographs of a local web server.")
    parser.add_argument("--urls", type=int, default=56, help="photographs to push (default 56)")
    parser.add_argument("--sheet", type=Path, default=Path("contact-sheet.png"), help="where to draw it")
    arguments = parser.parse_args()
    with PhotoServer() as photos:
        ids = range(1, arguments.urls + 1)
        names = [photos.names[number % len(photos.names)] for number in range(arguments.urls)]
        good = [{"id": number, "url": photos.url(number, name)} for number, name in zip(ids, names)]
        bad = [{"id": 10_000 + n, "url": photos.url(10_000 + n, "gone.png")} for n in range(4)]
        began = time.monotonic()
        pipeline.attach(retry_delay=1)
        print(f"five handlers attached in {time.monotonic() - began:.2f} s")
        began = time.monotonic()
        cloud.queue.get("img-urls").push(good + bad)
        print(f"{len(good)} addresses pushed, and {len(bad)} that lead nowhere\n")
        show(began, len(bad))
        took = time.monotonic() - began
    images = IMAGES_PER_URL * len(good)
    stored = sum(1 for _ in cloud.bucket.iterlist(prefix="imgs/"))
    assert stored == images, f"{stored} images in the bucket, not {images}"
    print(f"\n{images} images in {took:.1f} s, {images / took:.0f} a second")
    again = sum(asked > 1 for address, asked in photos.asked.items() if "gone" not in address)
    print(f"{again} downloads failed at first and were tried again by themselves\n")

    print(f"messages in {pipeline.BAD_URLS}:")
    tickets = cloud.queue.get(pipeline.BAD_URLS).pop(max_count=len(bad))
    for error in tickets:
        source = error["source_message"]
        print(f"  {source['url']} after {error['cur_retry']} retries: {error['exception']!r}")
    assert len(tickets) == len(bad), f"{len(tickets)} error messages, not {len(bad)}"
    drawn = contact_sheet(list(ids), arguments.sheet)
    print(f"\n{drawn} of the images are on one page: {arguments.sheet}")
    print(f"one of them, for everybody: {cloud.bucket.is_public('imgs/1/original.med.sepia.png')}")


if __name__ == "__main__":
    main()
