"""What all front ends share: a request goes in, a response comes out, errors are caught once."""

import dataclasses
import logging

from eggproxy import installers, paths, policy, responses
from eggproxy.access import Access
from eggproxy.access.tokens import USES
from eggproxy.answers import Answer, Growing, Moved, Ready, Text, private
from eggproxy.channels import MAIN, Channel, channels, packages_of
from eggproxy.config import Configuration, apart_error, directory_error
from eggproxy.displacing import Displacer
from eggproxy.errors import EggProxyError, MethodNotAllowedError, StorageError
from eggproxy.health import Health
from eggproxy.hot import HotAnswers, Prepared
from eggproxy.negotiation import Preference
from eggproxy.paths import ChannelTarget
from eggproxy.recalling import Recaller, preference_of
from eggproxy.responses import Request, Response
from eggproxy.upload import NoBody, RequestBody, Uploads
from eggproxy.upstream import loops

log = logging.getLogger("eggproxy")


class UnexpectedError(EggProxyError):
    """A fault of ours; what it was is in the log."""

    def __init__(self) -> None:
        super().__init__("This proxy failed. The server's log tells how; please report it.")


class UnusableConfigurationError(EggProxyError):
    """The configuration cannot be used; why is in the log, for it may hold secrets."""

    def __init__(self) -> None:
        super().__init__(
            "The configuration of this proxy cannot be used. The server's log tells why."
        )


class Front:
    """The proxy behind one front end.

    `room` is the memory for bodies that are sent again and again, in bytes; None is the usual one.
    """

    def __init__(self, configuration: Configuration, room: int | None = None) -> None:
        self.access = Access(
            configuration.access,
            configuration.groups,
            configuration.users_file,
            configuration.tokens_file,
            uses=configuration.eggs_directory / USES,
        )
        self.health = Health()
        self.packages = packages_of(configuration)
        self.health.other = lambda: self.packages.ownership.trouble
        self._generation = -1
        self.channels = channels(configuration, self.health, self.packages, self.access)
        self._main = self.channels[MAIN]
        self._displacer = Displacer(self.packages, [each.store for each in self.channels.values()])
        for channel in self.channels.values():
            channel.on_ours = self._displacer.start
        self._identity = loops.identity(configuration.eggs_directory)
        self.hot = HotAnswers(room=room)
        self.recaller = Recaller(self.hot, self.access, self.packages, self.channels)
        self.uploads = Uploads(
            self.packages,
            self.access,
            self.packages.own / "uploads",
            configuration.max_upload_size,
            configuration.overwrite,
        )

    def prepare(self, configuration: Configuration) -> None:
        """Make the directory ready. Raises ConfigurationError if it, or a user, cannot be used."""
        self.access.check()
        within = apart_error(configuration)
        if within is not None:
            raise within
        self.uploads.prepare()
        try:
            for channel in self.channels.values():
                channel.store.prepare()
            self.packages.tidy()
        except StorageError as error:
            raise directory_error(configuration, f"which cannot be used ({error.why})") from error

    def warm_up(self) -> None:
        """Load what the first question to upstream takes, before anybody waits for an answer."""
        self._main.upstreams.warm_up()

    def is_loop(self, request: Request) -> bool:
        """Say whether a request has come from this very proxy, at some remove."""
        return request.cdn_loop is not None and self._identity in request.cdn_loop

    def finish(self) -> None:
        """Do what has been put off to a quiet moment."""
        for channel in self.channels.values():
            channel.pages.list_stored()

    def respond_hot(self, request: Request) -> Response | None:
        """Answer from what is stored and fresh; None if anything has to be decided."""
        prepared = self.recaller.recall(request)
        if prepared is None:
            return None
        try:
            return responses.of_prepared(prepared, request)
        except EggProxyError as error:
            return responses.of_error(error, request)

    def respond(self, request: Request, body: RequestBody | None = None) -> Response:
        """Answer a request; may block while upstream is asked, or an upload is read.

        What of `body` is not wanted is left to the front end.
        """
        try:
            request.check()
            if self.packages.is_due():
                self._look()
            return self.respond_hot(request) or self._respond_cold(request, body or NoBody())
        except EggProxyError as error:
            return responses.of_error(error, request)
        except Exception:
            log.exception("cannot answer %s %r", request.method, request.raw_path)
            return responses.of_error(UnexpectedError(), request)

    def _respond_cold(self, request: Request, body: RequestBody) -> Response:
        methods = paths.methods(paths.decode(request.raw_path), mounted=request.mounted)
        if request.method not in methods:
            raise MethodNotAllowedError(methods)
        if request.method == "POST":
            return responses.of_text(self.uploads.receive(request, body), request)
        try:
            return self._respond_settled(request)
        except FileNotFoundError:
            # A file has gone between two looks at it.
            return self._respond_settled(request)

    def _respond_settled(self, request: Request) -> Response:
        self._look()
        path = paths.decode(request.raw_path)
        preference = preference_of(request)
        loops.enter(request.cdn_loop, self._identity)
        installers.enter(request.user_agent)
        target = paths.resolve(path, mounted=request.mounted, channels=self.channels)
        channel = self._main
        if isinstance(target, ChannelTarget):
            channel, target = self.channels[target.channel], target.target
        projects = policy.reads(target)
        for project in projects:
            self.access.require("read", project, request)
        generation = self._generation
        answer = self._answer(channel, target, preference)
        if not all(map(self.access.readable_by_anyone, projects)):
            answer = private(answer)
        match answer:
            case Ready() as ready:
                # What has become ours in the meantime must not be given away again.
                if generation != self._generation:
                    ready = dataclasses.replace(ready, fresh_until=0.0)
                return responses.of_prepared(self._prepare(ready, request, preference), request)
            case Growing() as growing:
                return _of_growing(growing, request)
            case Moved() as moved:
                return responses.of_moved(moved, request)
            case Text() as text:
                return responses.of_text(text, request)

    def _answer(self, channel: Channel, target: paths.Target, preference: Preference) -> Answer:
        """Answer; once more if a name has become ours that was perhaps an index's when asked for.

        Raises EggProxyError.
        """
        generation = self._generation
        try:
            answer = channel.proxy.answer(target, preference)
        except EggProxyError:
            if self._has_become_ours(target, generation):
                return channel.proxy.answer(target, preference)
            raise
        if not self._has_become_ours(target, generation):
            return answer
        if isinstance(answer, Growing):
            answer.file.close()
        return channel.proxy.answer(target, preference)

    def _has_become_ours(self, target: paths.Target, generation: int) -> bool:
        self._look()
        return generation != self._generation and any(
            project and self.packages.ownership.owns(project) for project in policy.reads(target)
        )

    def _look(self) -> None:
        """See what was put into the packages directory: a name that is ours is ours at once."""
        self.packages.look()
        generation = self.packages.generation
        if generation != self._generation:
            self._generation = generation
            self.hot.clear()
            self._displacer.start()

    def _prepare(self, ready: Ready, request: Request, preference: Preference) -> Prepared:
        prepared = Prepared(ready)
        if ready.fresh_until > 0 and not request.query and len(request.raw_path) < paths.MAX_PATH:
            # From the next request on it is simply a hit.
            hit = dataclasses.replace(ready, cache_status="hit", chain="", age=None)
            self.hot.put((request.raw_path, request.mounted, preference), prepared.later(hit))
        return prepared


def _of_growing(growing: Growing, request: Request) -> Response:
    try:
        return responses.of_growing(growing, request)
    except EggProxyError:
        growing.file.close()
        raise
