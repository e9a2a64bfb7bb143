"""Other surroundings for a judge process, because an honest verdict depends on none of them: other
days and hours, another time zone, locale, environment and working folder, no network, no programs,
no fixtures to look an answer up in, and an answer that cannot be read."""

from __future__ import annotations

import datetime
import os
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.content.workspace import cache_folder
from harness.judging.answer import Answer
from harness.judging.observed.placed import close_packages

DAY = 86_400.0  # seconds
OTHERWISE = "<otherwise>"  #: a variable's value where it is not to be what this process has
MOMENTS = 13  #: the days of a week, the ends of months and a leap day


@dataclass(frozen=True)
class Surroundings:
    """What a judge process finds around it; the default is what this process has.

    ``folder`` is its working folder and its user's home; what stands in the ``hidden`` folders
    cannot be opened by it."""

    environment: tuple[tuple[str, str], ...] = ()
    days: float = 0
    network: bool = True
    programs: bool = True
    packages: bool = True  #: those that a verifier does not declare
    # not in the repr, which names a sitting: they are other paths in each audit
    folder: Path | None = field(default=None, repr=False)
    hidden: tuple[Path, ...] = field(default=(), repr=False)

    def variables(self) -> tuple[tuple[str, str], ...]:
        """What its environment is given: an audit that runs in CI tries it outside, and one in
        plain C in another language."""
        return tuple(
            (name, _otherwise(name) if value == OTHERWISE else value)
            for name, value in self.environment
        )

    def enter(self) -> None:
        """Change what the environment's variables do not: for good, in this process."""
        if self.folder is not None:
            os.environ["HARNESS_CACHE"] = str(cache_folder().absolute())
            os.environ["HOME"] = str(self.folder)
            sys.path[:] = [str(Path(entry).absolute()) for entry in sys.path]
            os.chdir(self.folder)
        if self.hidden:
            hide(self.hidden)
        if self.days:
            CLOCK.start(self.days * DAY)
        if not self.network:
            no_network()
        if not self.programs:
            os.environ["PATH"] = os.devnull
        if not self.packages:
            close_packages()


OTHER_USER = (
    ("CI", OTHERWISE), ("GITHUB_ACTIONS", OTHERWISE), ("USER", "nobody"), ("LOGNAME", "nobody"),
    ("DEBUG", "1"), ("EXTRA", "1"),
)  # fmt: skip
STRANGE = (
    ("TZ", "Pacific/Kiritimati"), ("LC_ALL", "C"), ("LANG", OTHERWISE), ("PYTHONHASHSEED", "4711"),
)  # fmt: skip
HERE = Surroundings()
_ALL = STRANGE + OTHER_USER
WITH_NETWORK = Surroundings(_ALL, days=366, packages=False)
ELSEWHERE = Surroundings(_ALL, days=366, network=False, packages=False)
BARE = Surroundings(_ALL, days=366, network=False, programs=False, packages=False)


def _otherwise(name: str) -> str:
    if name == "LANG":
        return "C" if os.environ.get("LANG", "C") != "C" else "de_DE.UTF-8"
    return "" if os.environ.get(name) else "true"


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


def hide(folders: tuple[Path, ...]) -> None:
    """Let nothing below ``folders`` be opened or listed by Python code of this process."""
    below = tuple(os.path.realpath(folder) + os.sep for folder in folders)

    def refuse(event: str, args: tuple[Any, ...]) -> None:
        if event not in ("open", "os.listdir", "os.scandir", "sqlite3.connect") or not args:
            return
        if isinstance(args[0], (str, bytes, os.PathLike)):
            path = os.path.realpath(os.fsdecode(args[0]))
            if f"{path}{os.sep}".startswith(below):
                raise FileNotFoundError(2, "an audit's fixtures cannot be read", path)

    sys.addaudithook(refuse)


class _Moved(type):
    """Of classes that stand in for their bases: what is made in C is still one of them."""

    def __instancecheck__(cls, one: object) -> bool:
        return isinstance(one, cls.__base__ or object)


class Date(datetime.date, metaclass=_Moved):
    """``datetime.date`` by :data:`CLOCK`."""

    @classmethod
    def today(cls) -> Date:
        return cls.fromtimestamp(time.time())


class DateTime(datetime.datetime, metaclass=_Moved):
    """``datetime.datetime`` by :data:`CLOCK`."""

    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> DateTime:
        return cls.fromtimestamp(time.time(), tz)

    @classmethod
    def utcnow(cls) -> DateTime:
        return cls.fromtimestamp(time.time(), datetime.UTC).replace(tzinfo=None)

    @classmethod
    def today(cls) -> DateTime:
        return cls.now()


class Clock:
    """The wall clock that Python code of this process reads; what measures seconds passed is left
    alone."""

    ahead = 0.0  #: seconds by which it is ahead of the machine's
    started = False

    def __init__(self) -> None:
        self.readers: set[str] = set()  #: names of the modules that have read it

    def start(self, ahead: float) -> None:
        """Read so many seconds ahead from now on; before anything takes ``datetime``'s names."""
        self.ahead, self.started = ahead, True
        real, local, utc, text = time.time, time.localtime, time.gmtime, time.strftime
        asc, of_clock = time.asctime, time.clock_gettime

        def now() -> float:
            frame = sys._getframe(1)
            while frame.f_back is not None and frame.f_globals["__name__"] == __name__:
                frame = frame.f_back
            self.readers.add(frame.f_globals.get("__name__", ""))
            return real() + self.ahead

        time.time = now
        time.time_ns = lambda: int(now() * 1e9)
        time.localtime = lambda moment=None: local(time.time() if moment is None else moment)
        time.gmtime = lambda moment=None: utc(time.time() if moment is None else moment)
        time.strftime = lambda form, moment=None: text(
            form, time.localtime() if moment is None else moment
        )
        time.asctime = lambda moment=None: asc(time.localtime() if moment is None else moment)
        time.ctime = lambda moment=None: asc(time.localtime(moment))
        time.clock_gettime = lambda which: (
            time.time() if which == time.CLOCK_REALTIME else of_clock(which)
        )
        datetime.date, datetime.datetime = Date, DateTime  # type: ignore[misc]

    def moments(self) -> Iterator[float]:
        """What to be ahead, for ever: each day of the week at another hour and the ends of months
        and years, three times over; then five hours on and on, which meets every hour of the week
        in five weeks."""
        now = DateTime.fromtimestamp(time.time() - self.ahead)
        ends = ((1, 1, 0), (4, 30, 18), (6, 30, 23), (10, 31, 9), (12, 31, 23))
        days = [DateTime(now.year + 1, 1 + n, 3, (1 + 7 * n) % 24, 10 * n % 60) for n in range(7)]
        days = [day + datetime.timedelta((n - day.weekday()) % 7) for n, day in enumerate(days)]
        days += [DateTime(now.year + 1, month, day, hour, 2 * hour) for month, day, hour in ends]
        days.append(DateTime(now.year + 4 - now.year % 4, 2, 29, 12))
        for day in days * 3:
            yield day.timestamp() - now.timestamp()
        ahead = 366 * DAY
        while True:
            yield ahead
            ahead += 5 * 3600


CLOCK = Clock()
