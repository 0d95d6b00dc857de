"""What a codec child may no longer ask of the kernel: seccomp filters (Linux), without any library.

A child that a frame has taken over can still compute and answer the one connection it has, and read files; it cannot
open connections, run programs, start processes, signal, trace or read others, change files or load anything into the
kernel. Where the kernel or the machine does not know this, decoding goes on with the other limits.
"""

import ctypes
import errno
import platform
import struct
from collections.abc import Sequence

_PR_SET_SECCOMP, _MODE_FILTER = 22, 2
_LOAD, _JUMP_EQUAL, _JUMP_ANY_BIT, _JUMP_AT_LEAST, _RETURN = 0x20, 0x15, 0x45, 0x35, 0x06
_ALLOW, _KILL, _ERROR = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data
_X32 = 0x40000000  # x86-64 has a second set of numbers from here on
_CLONE_THREAD = 0x00010000
_WRITE_FLAGS = 0o1 | 0o2 | 0o100 | 0o1000 | 0o2000  # O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_APPEND

# AUDIT_ARCH of the machine and the numbers of its calls
_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_OPENAT = {"x86_64": 257, "aarch64": 56}
_OPEN = {"x86_64": 2}
_CLONE = {"x86_64": 56, "aarch64": 220}
_CLONE3, _OPENAT2 = 435, 437
_DENIED: dict[str, dict[str, int]] = {
    "x86_64": {
        "socket": 41, "connect": 42, "bind": 49, "listen": 50, "socketpair": 53, "fork": 57, "vfork": 58, "execve": 59,
        "kill": 62, "rename": 82, "mkdir": 83, "rmdir": 84, "creat": 85, "link": 86, "unlink": 87, "symlink": 88,
        "chmod": 90, "fchmod": 91, "chown": 92, "fchown": 93, "lchown": 94, "truncate": 76, "ptrace": 101,
        "mknod": 133, "setns": 308, "unshare": 272, "pivot_root": 155, "chroot": 161, "mount": 165, "umount2": 166,
        "init_module": 175, "finit_module": 313, "kexec_load": 246, "add_key": 248, "request_key": 249, "keyctl": 250,
        "mkdirat": 258, "mknodat": 259, "fchownat": 260, "unlinkat": 263, "renameat": 264, "linkat": 265,
        "symlinkat": 266, "fchmodat": 268, "perf_event_open": 298, "process_vm_readv": 310, "process_vm_writev": 311,
        "renameat2": 316, "bpf": 321, "execveat": 322, "userfaultfd": 323, "pidfd_send_signal": 424,
        "io_uring_setup": 425, "pidfd_open": 434, "open_by_handle_at": 304,
    },
    "aarch64": {
        "socket": 198, "socketpair": 199, "bind": 200, "listen": 201, "connect": 203, "execve": 221, "kill": 129,
        "mknodat": 33, "mkdirat": 34, "unlinkat": 35, "symlinkat": 36, "linkat": 37, "renameat": 38, "umount2": 39,
        "mount": 40, "pivot_root": 41, "truncate": 45, "chroot": 51, "fchmod": 52, "fchmodat": 53, "fchownat": 54,
        "fchown": 55, "unshare": 97, "kexec_load": 104, "init_module": 105, "ptrace": 117, "add_key": 217,
        "request_key": 218, "keyctl": 219, "perf_event_open": 241, "open_by_handle_at": 265, "setns": 268,
        "process_vm_readv": 270, "process_vm_writev": 271, "finit_module": 273, "renameat2": 276, "bpf": 280,
        "execveat": 281, "userfaultfd": 282, "pidfd_send_signal": 424, "io_uring_setup": 425, "pidfd_open": 434,
    },
}  # fmt: skip


class _Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("filters", ctypes.c_void_p))


def confine() -> bool:
    """Install the filter for this process and all its threads to come; False when this machine has no such thing.
    The process must have given up new privileges before (PR_SET_NO_NEW_PRIVS)."""
    machine = platform.machine()
    if machine not in _ARCHITECTURES or ctypes.sizeof(ctypes.c_void_p) != 8:
        return False
    code = program(machine)
    buffer = ctypes.create_string_buffer(code, len(code))
    filters = _Program(len(code) // 8, ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(filters), 0, 0) == 0)


def program(machine: str) -> bytes:
    """The filter as the kernel reads it (classic BPF)."""
    denied = _RETURN, 0, 0, _ERROR | errno.EPERM
    steps: list[tuple[int, int, int, int]] = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_JUMP_EQUAL, 1, 0, _ARCHITECTURES[machine]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_JUMP_AT_LEAST, 0, 1, _X32),
        (_RETURN, 0, 0, _KILL),
    ]
    for number in sorted(_DENIED[machine].values()):
        steps += [(_JUMP_EQUAL, 0, 1, number), denied]
    for number in (_CLONE3, _OPENAT2):  # their arguments cannot be looked at; callers fall back to the older calls
        steps += [(_JUMP_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ERROR | errno.ENOSYS)]
    steps += _only_with(_CLONE[machine], 0, _CLONE_THREAD, denied)
    steps += _never_with(_OPENAT[machine], 2, _WRITE_FLAGS, denied)
    if machine in _OPEN:
        steps += _never_with(_OPEN[machine], 1, _WRITE_FLAGS, denied)
    steps.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


def _only_with(
    number: int, argument: int, bits: int, otherwise: tuple[int, int, int, int]
) -> Sequence[tuple[int, int, int, int]]:
    """The call is allowed only with one of these bits in an argument."""
    return (
        (_JUMP_EQUAL, 0, 4, number),
        (_LOAD, 0, 0, _ARGUMENTS + 8 * argument),
        (_JUMP_ANY_BIT, 1, 0, bits),
        otherwise,
        (_RETURN, 0, 0, _ALLOW),
    )


def _never_with(
    number: int, argument: int, bits: int, otherwise: tuple[int, int, int, int]
) -> Sequence[tuple[int, int, int, int]]:
    """The call is refused with one of these bits in an argument."""
    return (
        (_JUMP_EQUAL, 0, 4, number),
        (_LOAD, 0, 0, _ARGUMENTS + 8 * argument),
        (_JUMP_ANY_BIT, 0, 1, bits),
        otherwise,
        (_RETURN, 0, 0, _ALLOW),
    )
