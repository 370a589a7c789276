"""Takes the pictures of the dashboard in docs/screenshots, from a server of its own with real jobs on it.

`make screenshots` after a change of web/: a test compares what the pictures were taken of with what is there.
"""

import hashlib
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs" / "screenshots"
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "python")]


def sources() -> str:
    """A hash of everything the pictures show: what the dashboard is built from."""
    digest = hashlib.sha256()
    files = [ROOT / "web" / "index.html", ROOT / "web" / "package-lock.json"]
    files += sorted(path for path in (ROOT / "web" / "src").rglob("*") if path.is_file())
    for path in files:
        # Written by the build, and not looked at.
        if path.name == "schema.ts" or ".test." in path.name or path.name == "samples.json":
            continue
        digest.update(f"{path.relative_to(ROOT)}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def price(row: int) -> float:
    time.sleep(0.02)
    if row % 13 == 5:
        raise ValueError(f"row {row} has no price")
    return row * 1.19


def epoch(number: int) -> float:
    """Some work, so that a profile has something to show."""
    return sum(weight * weight for weight in range(20_000 + number % 7 * 4_000))


def train(epochs: int) -> float:
    held = []
    loss = 1.0
    for number in range(epochs):
        loss = 1 / (1 + epoch(number) % 97)
        held.append(bytearray(1_500_000))
        held[-1][::4096] = b"x" * len(held[-1][::4096])
        if len(held) > 90:
            del held[:60]
        print(f"epoch {number:3}  loss {loss:.4f}", flush=True)
        time.sleep(0.05)
    return loss


def addition(x: int, y: int = 1) -> int:
    """This function adds!"""
    return x + y


def price_list() -> int:
    return 42


def download(address: str) -> str:
    time.sleep(0.03)
    if address.endswith("7"):
        raise OSError(f"no route to {address}")
    return address


def resize(photograph: str) -> str:
    time.sleep(0.12)
    return photograph


def publish(photograph: str) -> None:
    time.sleep(0.01)


def fill(cloud) -> dict[str, int]:
    """Jobs, queues, objects: what a dashboard is for. Returns the jobs that have a picture of their own."""
    from cloud import bucket, cron, queue, rest, volume

    bucket.putf(b"date,price\n" * 4000, "reports/2026-11/prices.csv")
    bucket.putf(b"%PDF-" + bytes(90_000), "reports/2026-11/summary.pdf")
    bucket.putf(bytes(2_000_000), "models/forest.bin")
    volume.create("training-data", "data", "photographs with their labels")
    jids = cloud.map(price, range(120), _label="nightly")
    cloud.join(jids, ignore_errors=True)
    profiled = cloud.call(train, 60, _type="c2", _label="profiled", _profile=True)
    cloud.result(profiled)
    rest.publish(addition, "addition")
    rest.publish(price, "price")
    rest.set_access("addition", access="public", calls_per_minute=600)
    for n in range(40):
        cloud.join(rest.invoke("price", row=n), ignore_errors=True)
    cron.register(price_list, "nightly-prices", "15 3 * * *", timezone="Europe/Berlin")
    cron.register(price_list, "heartbeat", "*/5 * * * *", overlap="skip")
    cron.manual_run("heartbeat")
    names = ("addresses", "photographs", "thumbnails", "unreachable")
    addresses, photographs, thumbnails, unreachable = (queue.get(name) for name in names)
    addresses.attach(download, [photographs], on_error={OSError: {"queue": unreachable}}, max_parallel_jobs=1)
    photographs.attach(resize, [thumbnails], max_parallel_jobs=1)
    thumbnails.attach(publish)
    addresses.push([f"https://photos.example/{number}" for number in range(2_000)])
    running = cloud.call(train, 100_000, _type="c2", _label="training")
    return {"failed": int(jids[5]), "profiled": int(profiled), "running": int(running)}


def main() -> int:
    from harness import Server
    from harness.browser import DESKTOP, PHONE, Tab, chromium_running

    import cloud

    TARGET.mkdir(parents=True, exist_ok=True)
    for old in TARGET.glob("*.png"):
        old.unlink()
    with (
        tempfile.TemporaryDirectory(prefix="picloud-screenshots-") as directory,
        Server(Path(directory)) as server,
    ):
        ready = server.ready
        cloud.setkey(ready.api_key, ready.api_secretkey, server_url=ready.url)
        jobs = fill(cloud)
        time.sleep(40)  # so that charts have something to show
        pages = {
            "jobs": "/jobs",
            "jobs-grouped": "/jobs?grouped=1",
            "jobs-found": "/jobs?text=no+price",
            "job-output": f"/jobs/{jobs['running']}",
            "job-usage": f"/jobs/{jobs['running']}?tab=usage",
            "job-exception": f"/jobs/{jobs['failed']}",
            "job-profile": f"/jobs/{jobs['profiled']}?tab=profile",
            "job-details": f"/jobs/{jobs['failed']}?tab=details",
            "queues": "/queues",
            "queue": "/queues/photographs",
            "functions": "/functions",
            "function": "/functions/price",
            "crons": "/crons",
            "cron": "/crons/heartbeat",
            "storage": "/storage?prefix=reports/2026-11/",
            "volumes": "/storage/volumes",
            "workers": "/workers",
            "usage": "/usage?by=label",
            "settings": "/settings",
        }
        with chromium_running() as browser:
            for theme in ("light", "dark"):
                for size, end in ((DESKTOP, ""), (PHONE, "-phone")):
                    tab = Tab(browser, server, size, theme)
                    if end == "":
                        tab.page.goto("/")
                        tab.page.get_by_role("heading", name="Sign in").wait_for()
                        tab.page.screenshot(path=TARGET / f"sign-in-{theme}.png")
                    tab.sign_in()
                    for name, path in pages.items():
                        if end and name not in ("jobs", "job-usage", "queues"):
                            continue
                        tab.goto(path)
                        tab.page.wait_for_timeout(1_500)
                        tab.page.screenshot(path=TARGET / f"{name}{end}-{theme}.png")
                    tab.close()
        cloud.kill([jobs["running"]])
        cloud.close()
    (TARGET / "SOURCES").write_text(sources() + "\n")
    print(f"{len(list(TARGET.glob('*.png')))} pictures in {TARGET.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
