"""Apache's native route, where a file comes or goes while a request for it is under way."""

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from tests import httpd
from tests.apache_sites import apache_site, write_configuration
from tests.clients.publishing import publish
from tests.distributions import Distribution, make_wheel
from tests.httpd import Httpd
from tests.servers import Reply, ask, wait_until
from tests.upstream import Upstream

# To open a FIFO waits for whoever opens its other end. A gate keeps a request that asks for it
# where it is, after Apache has looked at the file: one before the native route, the other behind.
# What comes of the request after an error passes.
GATE = """
<Directory "{place}">
    <If "%{{HTTP:X-Gate}} == '{name}' && ! ( reqenv('REDIRECT_STATUS') in {{ '403', '404' }} ) \\
            && ( -n file('{root}/arrived') || -n file('{root}/gate') )">
        AcceptPathInfo Default
    </If>
</Directory>
"""


class Gated(NamedTuple):
    """An index behind Apache, of which a wheel's page is stored."""

    apache: Httpd
    wheel: Distribution

    def get(self, **headers: str) -> Reply:
        """GET the wheel."""
        path = f"/pypi/zope-demo/{self.wheel.filename}"
        return ask(self.apache.url, path, headers=headers, timeout=10)

    def is_stored(self) -> bool:
        """Say whether it is where Apache finds it."""
        return (self.apache.root / "eggs" / "zope-demo" / self.wheel.filename).exists()

    def store(self) -> None:
        """Have it stored."""
        assert self.get().status == 200
        wait_until(self.is_stored)

    def remove(self) -> None:
        """Remove it, as anybody may."""
        (self.apache.root / "eggs" / "zope-demo" / self.wheel.filename).unlink()


SITES = [(module, mpm) for module in ("mod_python", "mod_wsgi") for mpm in ("prefork", "event")]


@pytest.fixture(params=SITES, ids="-".join)
def gated(request: pytest.FixtureRequest) -> Iterator[Gated]:
    """Give a site as `eggproxy apache-config` prints it, with gates."""
    module, mpm = request.param
    with httpd.public_directory() as root, Upstream() as upstream:
        (eggs := root / "eggs").mkdir()
        httpd.give_away(eggs)
        for name in ("arrived", "gate"):
            os.mkfifo(root / name)
            httpd.give_away(root / name)
        file = write_configuration(root / "eggproxy.conf", eggs, upstream.index_url)
        # More than Python writes itself: it hands such a file over to Apache.
        publish(upstream, wheel := make_wheel("Zope.Demo", "1.0", size=2_000_000))
        # A directory's sections come before those of a directory in it.
        gates = [(root, "before"), (eggs, "behind")]
        more = "".join(GATE.format(place=p, name=name, root=root) for p, name in gates)
        with apache_site(module, root, file, mpm=mpm, processes=2, more=more) as apache:
            yield Gated(apache, wheel)


@contextmanager
def held(gated: Gated, gate: str, **headers: str) -> Iterator[Future[Reply]]:
    """Hold a request for the wheel at a gate, until the end of the block."""
    with ThreadPoolExecutor() as pool:
        reply = pool.submit(gated.get, **{"X-Gate": gate}, **headers)
        wait_until(lambda: let_pass(gated.apache.root / "arrived"))
        yield reply
        wait_until(lambda: let_pass(gated.apache.root / "gate"))


def let_pass(fifo: Path) -> bool:
    """Let a request go on that opens this; say whether there is one."""
    try:
        os.close(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK))
    except OSError:
        return False
    return True


# Under mod_wsgi the native route begins a request of its own, which has a look of its own.
@pytest.mark.parametrize("gated", SITES[:2], ids="-".join, indirect=True)
@pytest.mark.parametrize("gate", ["before", "behind"])
def test_native_route__a_file_that_comes(gated: Gated, gate: str) -> None:
    """A file that is put in place after Apache has looked for it is served all the same."""
    assert ask(gated.apache.url, "/pypi/zope-demo/").status == 200
    with held(gated, gate) as reply:
        gated.store()
    assert (reply.result().status, reply.result().body) == (200, gated.wheel.content)


@pytest.mark.parametrize("gate", ["before", "behind"])
def test_native_route__a_file_that_goes(gated: Gated, gate: str) -> None:
    """A file that is removed after Apache has looked at it is fetched again."""
    gated.store()
    with held(gated, gate) as reply:
        gated.remove()
    assert (reply.result().status, reply.result().body) == (200, gated.wheel.content)


def test_native_route__a_part_of_a_file_that_goes(gated: Gated) -> None:
    """So is it where a part is wanted, and errors stay what they are."""
    gated.store()
    with held(gated, "behind", Range="bytes=2-5") as reply:
        gated.remove()
    assert (reply.result().status, reply.result().body) == (206, gated.wheel.content[2:6])
    assert ask(gated.apache.url, "/pypi/zope-demo/zope_demo-9.whl").status == 404
    assert ask(gated.apache.url, "/pypi/+apache/zope-demo/x.whl").status in {403, 404}
