"""The pipeline: which handler reads which queue, and where its messages go.

img-urls -> scrape -> thumbnail ----------------> callback
                   -> medium ----> sepia -------> callback
              (what cannot be fetched: bad-urls)
"""

from __future__ import annotations

from http.client import HTTPException
from urllib.error import URLError

from operations import Medium, Sepia, Thumbnail, callback, scrape_to_bucket

import cloud

STAGES = ("img-urls", "thumbnail", "medium", "sepia", "callback")
BAD_URLS = "bad-urls"


def attach(retry_delay: int = 60, max_parallel_jobs: int = 20) -> None:
    """Attaches every handler. Doing it again puts new versions in place of the old ones.

    `retry_delay` is in seconds; every stage runs at most `max_parallel_jobs` jobs at a time.
    """
    urls, thumbnails, mediums, sepias, finished = map(cloud.queue.get, STAGES)
    bad_urls = cloud.queue.get(BAD_URLS)
    finished.attach(callback, max_parallel_jobs=max_parallel_jobs)
    sepias.attach(Sepia(), [finished], max_parallel_jobs=max_parallel_jobs)
    mediums.attach(Medium(), [sepias, finished], max_parallel_jobs=max_parallel_jobs)
    thumbnails.attach(Thumbnail(), [finished], max_parallel_jobs=max_parallel_jobs)
    urls.attach(
        scrape_to_bucket,
        [thumbnails, mediums],
        # An HTTPError is a URLError; an answer that ends half-way is an HTTPException.
        retry_on=[URLError, HTTPException],
        max_retries=3,
        retry_delay=retry_delay,
        on_error={Exception: {"queue": bad_urls}},
        # Downloading is waiting, so several readers share a job's core.
        readers_per_job=4,
        max_parallel_jobs=max_parallel_jobs,
    )
