"""Rows for pages: stored ones beside nginx, and what a cold one costs."""

import http.client
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

from bench.client import GZIP, JSON, get, load
from bench.content import synthetic_files, write_pages
from bench.lab import Lab, Site, median
from bench.report import Row

# So many files make a JSON page of about 10 KB here, as the real boto3 makes one of 2 MB.
SMALL, BOTO3 = 28, 4300
FILES = "https://files.example/"
"""Where the files of these pages would be; nobody asks for them."""

# Where these targets are from, json.loads took 9.0 ms for such a page, and 40 and 80 ms of CPU were
# wanted for it. Milliseconds say nothing on another machine: so the rows compare with json.loads of
# the same page in the same seconds. It took 16.6 ms there at other moments: such a machine has two
# speeds, by what else is done on the same core, that come and go within a tenth of a second, and
# one thing loses more by that than the other. So the least of each is compared.
COLD_TARGETS = (("JSON", 4.4), ("HTML", 8.9))
"""How many times as long as json.loads a cold page may take, by the form that upstream speaks."""

COLD, HITS = 15, 30
"""Cold pages to take the least of, and those that come while something else is measured."""


def stored(lab: Lab) -> Iterator[Row]:
    """Measure requests a second for stored pages, beside nginx with the same files."""
    root, eggs = lab.folder("upstream"), lab.folder("eggs")
    for project, count in (("small", SMALL), ("boto3", BOTO3)):
        files = synthetic_files(project, count, FILES)
        write_pages(root / "simple" / project, project, files, [])
    with (
        lab.upstream(root) as upstream,
        lab.proxy(upstream.url, eggs, "stored pages") as proxy,
        lab.reference(eggs) as nginx,
    ):
        for project in ("small", "boto3"):
            # Who asks for it otherwise than installers do has it when it is in place.
            get(f"{proxy.url}{project}/", JSON)
        sites = (proxy, nginx)
        yield _compare(lab, "JSON", "small/", sites, JSON)
        yield _compare(lab, "JSON gzip", "small/", sites, JSON | GZIP)
        yield _compare(lab, "JSON gzip", "boto3/", sites, JSON | GZIP)
        yield _compare(lab, "304", "small/", sites, JSON | GZIP, revalidate=True)


def _compare(  # noqa: PLR0913 - what, of whom, how
    lab: Lab,
    what: str,
    page: str,
    sites: tuple[Site, Site],
    headers: dict[str, str],
    *,
    revalidate: bool = False,
) -> Row:
    asked = [headers | _validator(site, page, headers, wanted=revalidate) for site in sites]
    size = len(get(sites[0].url + page, headers).body)
    ours, theirs = lab.by_turns(
        *(partial(load, lab, site, page, own, 16) for site, own in zip(sites, asked, strict=True))
    )
    rates = [median([each.rate for each in loads]) for loads in (ours, theirs)]
    costs = [median([each.cpu_per_request * 1e6 for each in loads]) for loads in (ours, theirs)]
    return Row(
        f"stored page, {what}, {size / 1000:.1f} KB",
        f"{rates[0]:,.0f}/s, {costs[0]:.0f} us CPU",
        f"{rates[1]:,.0f}/s, {costs[1]:.0f} us CPU",
        value=rates[0] / rates[1],
        target=0.4,
        better="more",
    )


def _validator(site: Site, page: str, headers: dict[str, str], *, wanted: bool) -> dict[str, str]:
    answer = get(site.url + page, headers)
    packed = answer.headers.get("Content-Encoding") == "gzip"
    assert packed == ("Accept-Encoding" in headers), f"{site.url}{page}: gzip is {packed}"
    validator = {"If-None-Match": answer.headers["ETag"]} if wanted else {}
    status = get(site.url + page, headers | validator).status
    assert status == (HTTPStatus.NOT_MODIFIED if wanted else HTTPStatus.OK), f"{site.url}: {status}"
    return validator


def cold(lab: Lab) -> Iterator[Row]:
    """Measure the server's own CPU for a page of 4,300 files that it has not yet."""
    root = lab.folder("upstream")
    for number in range(COLD + 1):
        name = f"boto3-{number}"
        files = synthetic_files(name, BOTO3, FILES)
        write_pages(root / "simple" / name, name, files, [])
    for form, target in COLD_TARGETS:
        with (
            lab.upstream(root, html=form == "HTML") as upstream,
            # The page alone: what its HTML leaves out of 4,300 files is found out by as many
            # questions afterwards, at their own pace.
            lab.proxy(
                *(upstream.url, lab.folder("eggs"), f"cold pages from {form}"),
                complete_metadata=int(form == "JSON"),
                prefetch_metadata=0,
            ) as proxy,
        ):
            # The first one pays for what is loaded and opened once.
            taken = [_cold_page(proxy, root, number) for number in range(COLD + 1)]
        cpus, answers, yardsticks = (sorted(each) for each in zip(*taken[1:], strict=True))
        yield Row(
            f"cold page, {BOTO3:,} files, from {form}",
            f"{cpus[0]:.0f} ms CPU (median {median(cpus):.0f}), answer after {answers[0]:.0f} ms",
            f"json.loads: {yardsticks[0]:.1f} ms CPU (median {median(yardsticks):.1f})",
            value=cpus[0] / yardsticks[0],
            target=target,
        )


def _cold_page(proxy: Site, root: Path, number: int) -> tuple[float, float, float]:
    """Give the CPU of a cold page, the time to its answer, and a yardstick, in milliseconds.

    The yardstick is what Python needs to read the same page.
    """
    before = proxy.program.settled_cpu()
    answer = get(f"{proxy.url}boto3-{number}/", JSON | GZIP)
    cpu = proxy.program.settled_cpu() - before
    page = (root / "simple" / f"boto3-{number}" / "index.json").read_bytes()
    begin = time.process_time()
    json.loads(page)
    return cpu * 1000, answer.total * 1000, (time.process_time() - begin) * 1000


def hits(lab: Lab) -> Iterator[Row]:
    """Measure how long a stored page takes while new pages of 4,300 files come, and else."""
    root = lab.folder("upstream")
    for name, count in [("small", SMALL), *((f"boto3-{each}", BOTO3) for each in range(HITS))]:
        write_pages(root / "simple" / name, name, synthetic_files(name, count, FILES), [])
    with (
        lab.upstream(root) as upstream,
        lab.proxy(
            upstream.url, lab.folder("eggs"), "hits", complete_metadata=0, prefetch_metadata=0
        ) as proxy,
        ThreadPoolExecutor() as pool,
    ):
        get(f"{proxy.url}small/", JSON)
        names = [f"boto3-{number}" for number in range(HITS)]
        new = pool.submit(lambda: [get(f"{proxy.url}{name}/", JSON) for name in names])
        beside = _latencies(proxy, new.done)
        new.result()
        proxy.program.settled_cpu()
        calls = iter(beside)
        alone = _latencies(proxy, lambda: next(calls, None) is None)
    yield Row(
        f"stored page, kept-alive, while {HITS} new ones of {BOTO3:,} files come",
        _shown(beside),
        f"alone: {_shown(alone)}",
    )


def _latencies(proxy: Site, enough: Callable[[], bool]) -> list[float]:
    """Ask for a stored page every few milliseconds; give how many milliseconds each took."""
    parts = urlsplit(proxy.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    taken = []
    while not enough():
        begin = time.perf_counter()
        connection.request("GET", f"{parts.path}small/", headers=JSON)
        connection.getresponse().read()
        taken.append((time.perf_counter() - begin) * 1000)
        time.sleep(0.002)
    connection.close()
    return sorted(taken)


def _shown(taken: list[float]) -> str:
    return f"{median(taken):.1f} ms, nine of ten in {taken[len(taken) * 9 // 10]:.1f} ms"
