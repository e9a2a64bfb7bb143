"""System call filters in classic BPF, for x86-64 and aarch64: an allow-list for the server, less
for a candidate.

Two filters stack: :func:`server_filter` once, on the fork server and all it starts;
:func:`candidate_filter`, a dozen instructions, on each candidate. Inside the sandbox this module
runs without the harness, on the standard library."""

from __future__ import annotations

import ctypes
import errno
import platform
import sys
from typing import Any

#: name, number on x86-64, number on aarch64 (``-``: the architecture does without it)
_ALLOWED = """
read 0 63, write 1 64, readv 19 65, writev 20 66, pread64 17 67, pwrite64 18 68, preadv 295 69,
pwritev 296 70, creat 85 -, close 3 57, close_range 436 436, fstat 5 80, stat 4 -, lstat 6 -,
newfstatat 262 79, statx 332 291, lseek 8 62, mmap 9 222, mprotect 10 226, munmap 11 215, brk 12
214, mremap 25 216, madvise 28 233, msync 26 227, rt_sigaction 13 134, rt_sigprocmask 14 135,
rt_sigreturn 15 139, sigaltstack 131 132, rt_sigpending 127 136, rt_sigtimedwait 128 137,
rt_sigsuspend 130 133, access 21 -, faccessat 269 48, faccessat2 439 439, pipe 22 -, pipe2 293 59,
select 23 -, pselect6 270 72, poll 7 -, ppoll 271 73, epoll_create 213 -, epoll_create1 291 20,
epoll_ctl 233 21, epoll_wait 232 -, epoll_pwait 281 22, epoll_pwait2 441 441, eventfd 284 -,
eventfd2 290 19, timerfd_create 283 85, timerfd_settime 286 86, timerfd_gettime 287 87, dup 32 23,
dup2 33 -, dup3 292 24, pause 34 -, nanosleep 35 101, clock_getres 229 114, gettimeofday 96 169,
time 201 -, getitimer 36 102, setitimer 38 103, alarm 37 -, timer_settime 223 110, timer_gettime 224
108, timer_getoverrun 225 109, timer_delete 226 111, getpid 39 172, gettid 186 178, getppid 110 173,
getuid 102 174, geteuid 107 175, getgid 104 176, getegid 108 177, getgroups 115 158, getresuid 118
148, getresgid 120 150, getpgrp 111 -, getpgid 121 155, getsid 124 156, setsid 112 157, setpgid 109
154, uname 63 160, fsync 74 82, fdatasync 75 83, truncate 76 45, ftruncate 77 46, getdents 78 -,
getdents64 217 61, getcwd 79 17, chdir 80 49, fchdir 81 50, rename 82 -, renameat 264 38, renameat2
316 276, mkdir 83 -, mkdirat 258 34, rmdir 84 -, link 86 -, linkat 265 37, symlink 88 -, symlinkat
266 36, unlink 87 -, unlinkat 263 35, readlink 89 -, readlinkat 267 78, chmod 90 -, fchmod 91 52,
fchmodat 268 53, fchmodat2 452 452, umask 95 166, sysinfo 99 179, times 100 153, getrusage 98 165,
getrlimit 97 163, setrlimit 160 164, futex 202 98, futex_waitv 449 449, set_robust_list 273 99,
get_robust_list 274 100, set_tid_address 218 96, rseq 334 293, sched_yield 24 124, sched_getaffinity
204 123, sched_getparam 143 121, sched_getscheduler 145 120, sched_get_priority_max 146 125,
sched_get_priority_min 147 126, getpriority 140 141, getcpu 309 168, membarrier 324 283, fork 57 -,
vfork 58 -, execve 59 221, wait4 61 260, waitid 247 95, exit 60 93, exit_group 231 94, kill 62 129,
tkill 200 130, tgkill 234 131, getrandom 318 278, arch_prctl 158 -, restart_syscall 219 128,
copy_file_range 326 285, sendfile 40 71, statfs 137 43, fstatfs 138 44, prctl 157 167, recvfrom 45
207, sendmsg 46 211, recvmsg 47 212, shutdown 48 210, getsockopt 55 209, setsockopt 54 208,
getsockname 51 204, getpeername 52 205
"""
#: allowed with some arguments only, or refused in a way of their own
_CHECKED = """
ioctl 16 29, fcntl 72 25, clone 56 220, clone3 435 435, prlimit64 302 261, socketpair 53 199, sendto
44 206, open 2 -, openat 257 56, clock_gettime 228 113, clock_nanosleep 230 115, timer_create 222
107, getxattr 191 8, lgetxattr 192 9, fgetxattr 193 10, listxattr 194 11, llistxattr 195 12,
flistxattr 196 13
"""
#: what Landlock does not guard, or not on every kernel: without a mount namespace these would reach
#: files of the user
_METADATA = "truncate chmod fchmod fchmodat fchmodat2"
#: what a candidate has no use for: processes, programs, signals, descriptors of others, and the
#: state of the machine
_REFUSED = (
    "fork vfork execve kill tkill tgkill setsid setpgid prctl sendmsg getsockopt setsockopt sysinfo"
    " getrusage statfs fstatfs pipe pipe2 socketpair"
)
_LOCKS = (5, 6, 7, 36, 37, 38)  #: fcntl; on a file that others may open too they are a signal

_ARCHITECTURES = {
    "x86_64": (0, 0xC000003E),
    "aarch64": (1, 0xC00000B7),
}  #: column of the tables, AUDIT_ARCH
_IOCTLS = (
    0x5401,
    0x5413,
    0x541B,
    0x5421,
    0x5450,
    0x5451,
)  #: TCGETS TIOCGWINSZ FIONREAD FIONBIO FIONCLEX FIOCLEX
_FCNTLS = (
    0,
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    9,
    36,
    37,
    38,
    1030,
    1031,
    1032,
)  #: dup, flags, locks, pipe size; no F_SETOWN
_NEW_NAMESPACES = 0x7E020000  #: every CLONE_NEW* flag
_CLONE_THREAD = 0x00010000
_NEGATIVE = 0x80000000
_AF_UNIX = 1
_STREAMS = (1, 0x801, 0x80001, 0x80801)  #: SOCK_STREAM, not blocking, closed by exec
_TMPFILE = 0x400000  #: of open flags: a file that no folder shows
_LAST_CLOCK = 16  #: beyond lie the processor times of other processes

_LOAD, _EQUAL, _GREATER, _AT_LEAST, _BITS, _RETURN = 0x20, 0x15, 0x25, 0x35, 0x45, 0x06
_NR, _ARCH, _ARGUMENT = (
    0,
    4,
    16,
)  #: offsets in struct seccomp_data; arguments are 8 bytes each, low half first
_ALLOW = 0x7FFF0000
_PR_SET_SECCOMP, _MODE_FILTER, _PR_SET_NO_NEW_PRIVS = 22, 2, 38

_Line = tuple[int, int, int, int]


def supported() -> bool:
    """Whether the tables know this machine's architecture."""
    return platform.machine() in _ARCHITECTURES


_prctl: Any = None
if sys.platform == "linux":
    # looked up once: loading it again would cost every fork a quarter of a millisecond
    _prctl = ctypes.CDLL(None, use_errno=True).prctl
    _prctl.argtypes = (ctypes.c_int, *[ctypes.c_ulong] * 4)


def prctl(option: int, first: int, second: int = 0) -> None:
    """The system call on this process. Raises ``OSError``."""
    if _prctl is None or _prctl(option, first, second, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl {option}")


class _Instruction(ctypes.Structure):
    _fields_ = [
        ("code", ctypes.c_uint16),
        ("jt", ctypes.c_uint8),
        ("jf", ctypes.c_uint8),
        ("k", ctypes.c_uint32),
    ]


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_uint16), ("filter", ctypes.POINTER(_Instruction))]


def _deny(number: int) -> _Line:
    return (_RETURN, 0, 0, 0x00050000 | number)


class Filter:
    """A program ready to be installed, so that a new process spends its time on one system call
    only."""

    def __init__(self, lines: list[_Line]) -> None:
        self._lines = (_Instruction * len(lines))(*(_Instruction(*line) for line in lines))
        self._program = _Program(len(lines), self._lines)

    def install(self) -> None:
        """Bind this process, its threads to come and all its children, for good. Raises
        ``OSError``."""
        prctl(_PR_SET_NO_NEW_PRIVS, 1)
        prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.addressof(self._program))


def _numbers() -> dict[str, int]:
    column = _ARCHITECTURES[platform.machine()][0]
    rows = (
        row.split()
        for row in f"{_ALLOWED}, {_CHECKED}".replace("\n", " ").split(",")
        if row.strip()
    )
    return {row[0]: int(row[1 + column]) for row in rows if row[1 + column] != "-"}


def _argument(index: int) -> _Line:
    return (_LOAD, 0, 0, _ARGUMENT + 8 * index)


def _upper(index: int) -> _Line:
    return (_LOAD, 0, 0, _ARGUMENT + 8 * index + 4)


def _without(argument: int, bits: int, error: int) -> list[_Line]:
    """Refuse the call when any of ``bits`` is set."""
    return [_argument(argument), (_BITS, 1, 0, bits), (_RETURN, 0, 0, _ALLOW), _deny(error)]


def _when(number: int, body: list[_Line]) -> list[_Line]:
    """Run ``body``, which must return, when the system call is ``number``."""
    return [(_EQUAL, 0, len(body), number), *body]


def _one_of(argument: int, values: tuple[int, ...]) -> list[_Line]:
    checks = [(_EQUAL, len(values) - index, 0, value) for index, value in enumerate(values)]
    return [_argument(argument), *checks, _deny(errno.EPERM), (_RETURN, 0, 0, _ALLOW)]


def server_filter() -> Filter:
    """What the fork server and everything below it may ask of the kernel; anything not listed is
    ``EPERM``.

    Not listed are, among others: new sockets, namespaces, mounts, ptrace and other processes'
    memory, bpf, io_uring, userfaultfd, keys, System V and POSIX shared objects, handles to files,
    changes of user or priority; and what would leave a mark for others or show one: locks, times
    and attributes of files, what is cached."""
    names = _numbers()
    lines: list[_Line] = [
        (_LOAD, 0, 0, _ARCH),
        (_EQUAL, 1, 0, _ARCHITECTURES[platform.machine()][1]),
        _deny(errno.EPERM),
        (_LOAD, 0, 0, _NR),
    ]
    lines += _when(names["ioctl"], _one_of(1, _IOCTLS))
    lines += _when(names["fcntl"], _one_of(1, _FCNTLS))
    lines += _when(names["prlimit64"], _one_of(0, (0,)))
    # a datagram socket could be sent to any name, a stream only to its other end
    pair = [_argument(0), (_EQUAL, 1, 0, _AF_UNIX), _deny(errno.EPERM), *_one_of(1, _STREAMS)]
    lines += _when(names["socketpair"], pair)
    address = [_argument(4), (_EQUAL, 0, 2, 0), _upper(4), (_EQUAL, 1, 0, 0), _deny(errno.EPERM)]
    lines += _when(names["sendto"], [*address, (_RETURN, 0, 0, _ALLOW)])
    # the C library falls back to clone, whose flags a filter can see
    lines += _when(names["clone3"], [_deny(errno.ENOSYS)])
    lines += _when(names["clone"], _without(0, _NEW_NAMESPACES, errno.EPERM))
    # what asks for these goes on without them
    for name, flags in (("open", 1), ("openat", 2)):
        if name in names:
            lines += _when(names[name], _without(flags, _TMPFILE, errno.EOPNOTSUPP))
    for name in (name for name in names if name.endswith("xattr")):
        lines += _when(names[name], [_deny(errno.EOPNOTSUPP)])
    for name in ("clock_gettime", "clock_nanosleep", "timer_create"):
        clock = [_argument(0), (_GREATER, 1, 0, _LAST_CLOCK), (_RETURN, 0, 0, _ALLOW)]
        lines += _when(names[name], [*clock, _deny(errno.EPERM)])
    special = {row.split()[0] for row in _CHECKED.split(",")}
    for first, last in _ranges(
        sorted(number for name, number in names.items() if name not in special)
    ):
        lines += [(_AT_LEAST, 0, 2, first), (_GREATER, 1, 0, last), (_RETURN, 0, 0, _ALLOW)]
    return Filter([*lines, _deny(errno.EPERM)])


def _ranges(numbers: list[int]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for number in numbers:
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def candidate_filter(guard_metadata: bool) -> Filter:
    """What a candidate may not do on top: start processes or programs, send signals, leave its
    group, lock files, ask what the machine has to spare.

    ``guard_metadata`` also refuses changes of modes, where files of the host are in reach."""
    names = _numbers()
    thread = [_argument(0), (_BITS, 1, 0, _CLONE_THREAD), _deny(errno.EPERM)]
    locks = [(_EQUAL, len(_LOCKS) - at, 0, lock) for at, lock in enumerate(_LOCKS)]
    return Filter(
        [
            (_LOAD, 0, 0, _NR),
            *_when(names["clone"], [*thread, (_RETURN, 0, 0, _ALLOW)]),
            *_when(
                names["fcntl"], [_argument(1), *locks, (_RETURN, 0, 0, _ALLOW), _deny(errno.EPERM)]
            ),
            *_refusals(names, _REFUSED, guard_metadata),
        ]
    )


def tool_filter(guard_metadata: bool, server: int) -> Filter:
    """What a program started by :meth:`harness.sandbox.Sandbox.run` may not do on top: leave its
    process group, and send signals to the ``server`` or to other groups."""
    names = _numbers()
    lines: list[_Line] = [(_LOAD, 0, 0, _NR)]
    to_others = [(_EQUAL, 2, 0, server), (_BITS, 1, 0, _NEGATIVE), (_RETURN, 0, 0, _ALLOW)]
    for name in ("kill", "tkill", "tgkill"):
        lines += _when(names[name], [_argument(0), *to_others, _deny(errno.EPERM)])
    return Filter([*lines, *_refusals(names, "setsid setpgid", guard_metadata)])


def _refusals(names: dict[str, int], refused: str, guard_metadata: bool) -> list[_Line]:
    wanted = f"{refused} {_METADATA if guard_metadata else ''}".split()
    chosen = [names[name] for name in wanted if name in names]
    checks = [(_EQUAL, len(chosen) - index, 0, number) for index, number in enumerate(chosen)]
    return [*checks, (_RETURN, 0, 0, _ALLOW), _deny(errno.EPERM)]
