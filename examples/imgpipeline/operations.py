"""What the pipeline does to images. Ordinary functions and classes, which know nothing of queues.

`pipeline.py` attaches them; picloud sends this module along with them.
"""

from __future__ import annotations

import io
import os
import urllib.request
from typing import Any, ClassVar

from PIL import Image, ImageOps

import cloud

Message = dict[str, Any]


def scrape_to_bucket(target: Message) -> Message:
    """Downloads the image `target["url"]` and keeps it as a PNG in the bucket.

    Returns what the next stages need: `id`, `path` (the object's key) and `transforms` (none so far).
    """
    with urllib.request.urlopen(target["url"], timeout=20) as reply:
        data = reply.read()
    if os.path.splitext(target["url"])[1].lower() != ".png":
        converted = io.BytesIO()
        Image.open(io.BytesIO(data)).save(converted, "png")
        data = converted.getvalue()
    path = f"imgs/{target['id']}/original.png"
    cloud.bucket.putf(data, path)
    print(f"{target['url']} -> {path} ({len(data):,} bytes)")
    return {"id": target["id"], "path": path, "transforms": []}


class ImageOperation:
    """A message handler that loads an image, changes it, and stores the outcome beside it.

    Subclasses say how by `name` and `operation`.
    """

    name: ClassVar[str]

    def operation(self, image: Image.Image) -> Image.Image:
        """The image that is wanted."""
        raise NotImplementedError

    def message_handler(self, message: Message) -> Message:
        """One message in, one message out."""
        with Image.open(io.BytesIO(cloud.bucket.getf(message["path"]).read())) as image:
            changed = self.operation(image.convert("RGB"))
        stem, extension = os.path.splitext(message["path"])
        path = f"{stem}.{self.name}{extension}"
        data = io.BytesIO()
        changed.save(data, "png")
        cloud.bucket.putf(data.getvalue(), path)
        print(f"{path}: {changed.width} x {changed.height}")
        return {"id": message["id"], "path": path, "transforms": [*message["transforms"], self.name]}


class Resize(ImageOperation):
    """Fits an image into a square of `side` pixels."""

    side: ClassVar[int]

    def operation(self, image: Image.Image) -> Image.Image:
        """Never larger than it was."""
        image.thumbnail((self.side, self.side), Image.Resampling.LANCZOS)
        return image


class Thumbnail(Resize):
    """For lists."""

    name = "thumb"
    side = 150


class Medium(Resize):
    """For pages."""

    name = "med"
    side = 400


class Sepia(ImageOperation):
    """The brown of old photographs."""

    name = "sepia"

    def pre_handling(self) -> None:
        """Once per reader, before its first message."""
        print("sepia: ready to mix browns")

    def operation(self, image: Image.Image) -> Image.Image:
        """Shades of one colour by brightness."""
        return ImageOps.colorize(image.convert("L"), black="#1c1006", mid="#8f6b46", white="#fff3dc")


def callback(message: Message) -> None:
    """The end of the pipeline: from now on anybody may look at the image."""
    address = cloud.bucket.make_public(message["path"])
    print(f"{message['id']} after {message['transforms']}: {address}")
