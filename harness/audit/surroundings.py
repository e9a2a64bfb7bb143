"""Other surroundings for a judge process, because an honest verdict depends on none of them: a year
later, in another time zone and locale, without a network or programs, and an answer that cannot be
read."""

from __future__ import annotations

import datetime
import os
import socket
import time
from dataclasses import dataclass
from typing import Any

from harness.judging.answer import Answer
from harness.judging.observed.placed import close_packages


@dataclass(frozen=True)
class Surroundings:
    """What a judge process finds around it; the default is what this process has."""

    environment: tuple[tuple[str, str], ...] = ()
    days: int = 0
    network: bool = True
    programs: bool = True
    packages: bool = True  #: those that a verifier does not declare

    def enter(self) -> None:
        """Change what the environment's variables do not: for good, in this process."""
        if self.days:
            shift_date(self.days)
        if not self.network:
            no_network()
        if not self.programs:
            os.environ["PATH"] = os.devnull
        if not self.packages:
            close_packages()


STRANGE = (("TZ", "Pacific/Kiritimati"), ("LC_ALL", "C"), ("LANG", "C"), ("PYTHONHASHSEED", "4711"))
HERE = Surroundings()
WITH_NETWORK = Surroundings(STRANGE, days=366, packages=False)
ELSEWHERE = Surroundings(STRANGE, days=366, network=False, packages=False)
BARE = Surroundings(STRANGE, days=366, network=False, programs=False, packages=False)


class Exploding(Answer):
    """An answer that raises when a verifier looks at it; whoever passes it has counted a failure of
    its own as a pass."""

    def __getattribute__(self, name: str) -> Any:
        if name in ("text", "blocks", "extract", "code"):
            raise RuntimeError("this answer cannot be read")
        return super().__getattribute__(name)


def no_network() -> None:
    """Refuse connections of the internet's families from this process; a sandbox on a Unix socket
    still works."""
    connect = socket.socket.connect

    def refuse(self: Any, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            raise OSError("this judge has no network")
        connect(self, address)

    setattr(socket.socket, "connect", refuse)  # noqa: B010  (a method of a C type)


def shift_date(days: int) -> None:
    """Move the wall clock that Python code reads by ``days``; what measures seconds passed is left
    alone."""
    seconds = 86_400 * days
    real, local, utc, text = time.time, time.localtime, time.gmtime, time.strftime
    time.time = lambda: real() + seconds
    time.time_ns = lambda: int((real() + seconds) * 1e9)
    time.localtime = lambda moment=None: local(real() + seconds if moment is None else moment)
    time.gmtime = lambda moment=None: utc(real() + seconds if moment is None else moment)
    time.strftime = lambda form, moment=None: text(
        form, time.localtime() if moment is None else moment
    )
    later = datetime.timedelta(days=days)

    class Date(datetime.date):
        @classmethod
        def today(cls) -> Date:
            now = _datetime.now() + later
            return cls(now.year, now.month, now.day)

    class DateTime(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> DateTime:
            return cls.fromtimestamp(real() + seconds, tz)

        @classmethod
        def utcnow(cls) -> DateTime:
            return cls.fromtimestamp(real() + seconds, datetime.UTC).replace(tzinfo=None)

        @classmethod
        def today(cls) -> DateTime:
            return cls.now()

    datetime.date = Date  # type: ignore[misc]
    datetime.datetime = DateTime  # type: ignore[misc]


_datetime = datetime.datetime
