"""The supervisor: forks the workers, replaces dead ones at once, passes the end on to them.

Rule 1: no request code runs here, so that nothing a caller sends can take it down.
Rule 2: no thread and no event loop exists in this process: a fork copies only the calling thread.
Rule 3: signals arrive as bytes in a socket and are handled between two polls, never in the middle of something.
"""

import contextlib
import gc
import os
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

from fastgate.accept import lifeline
from fastgate.accept.say import Say
from fastgate.accept.sockets import Listening

# Answers requests on the sockets until its lifeline says otherwise; returns its exit code. Runs in a process of its own. The last is the
# place it takes, from 0 on.
RunWorker = Callable[[tuple[socket.socket, ...], socket.socket, int], int]

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, signal.SIGHUP)
# A worker that lived shorter died quickly; the first such death is still repaired at once.
QUICK_DEATH_S = 1.0
FIRST_DELAY_S = 0.1
LONGEST_DELAY_S = 5.0
# What a worker gets beyond its own deadline to close, flush and end, before it is killed.
GRACE_S = 1.0


class Slot:
    """A worker's place: its listening sockets, which stay, and who serves them now."""

    __slots__ = ("lifeline", "number", "pid", "quick_deaths", "ready", "said", "sockets", "start_at_s", "started_s")

    def __init__(self, number: int, sockets: tuple[socket.socket, ...]) -> None:
        self.number = number
        self.sockets = sockets
        # 0: nobody; then `start_at_s` says when the next one starts.
        self.pid = 0
        self.lifeline: socket.socket | None = None
        self.ready = False
        # Everything the present worker has sent.
        self.said = b""
        self.started_s = 0.0
        self.start_at_s = 0.0
        self.quick_deaths = 0


class Supervisor:
    """Keeps one worker per slot alive until a signal ends it; `run` returns the command's exit code."""

    def __init__(
        self,
        listening: Listening,
        run_worker: RunWorker,
        *,
        drain_timeout_s: float,
        on_ready: Callable[[], None],
        say: Say,
        forget: Callable[[int], None] = lambda place: None,
    ) -> None:
        self._listening = listening
        self._run_worker = run_worker
        self._drain_timeout_s = drain_timeout_s
        # Called once, when every worker accepts.
        self._on_ready = on_ready
        self._say = say
        # Called with the place of a worker that has ended: what it has left in memory that all share.
        self._forget_worker = forget
        self._slots = [Slot(number, sockets) for number, sockets in enumerate(listening.slots, 1)]
        self._poll = select.poll()
        self._wake, self._wake_write = socket.socketpair()
        self._wake.setblocking(False)
        self._wake_write.setblocking(False)
        self._poll.register(self._wake, select.POLLIN)
        self._announced = False
        self._stopping = False
        # Set while stopping: whoever is left then is killed.
        self._kill_at_s = 0.0
        self._exit_code = 0

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT; return 0 after a clean drain, 1 if requests were cut, 130 after SIGINT.

        A worker that cannot start at all ends everything with that worker's exit code.
        """
        signal.set_wakeup_fd(self._wake_write.fileno(), warn_on_full_buffer=False)
        for signum in SIGNALS:
            signal.signal(signum, _leave_to_wakeup_fd)
        # Objects made so far are never looked at by a collector again, so their pages stay shared with the workers.
        gc.freeze()
        while not self._stopping or any(slot.pid for slot in self._slots):
            self._fill_slots()
            for fd, _ in self._poll.poll(self._poll_timeout_ms()):
                if fd == self._wake.fileno():
                    self._take_signals()
                else:
                    self._hear(fd)
            self._reap()
            if self._kill_at_s and time.monotonic() >= self._kill_at_s:
                self._kill()
        self._listening.close()
        return self._exit_code

    def _poll_timeout_ms(self) -> int | None:
        due_s = [self._kill_at_s] if self._stopping else [slot.start_at_s for slot in self._slots if not slot.pid]
        if not due_s:
            return None
        return max(0, int((min(due_s) - time.monotonic()) * 1000) + 1)

    def _fill_slots(self) -> None:
        now_s = time.monotonic()
        for slot in self._slots:
            if not slot.pid and not self._stopping and slot.start_at_s <= now_s:
                self._fork(slot)

    def _fork(self, slot: Slot) -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        # A signal between fork and the child's own handlers would be written into our wake-up socket, as if it were ours.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            pid = os.fork()
            if not pid:
                ours.close()
                self._become_worker(slot, theirs, mask)
        except OSError as error:
            ours.close()
            theirs.close()
            self._on_death(slot, f"could not be started: {error.strerror}", lifeline.CRASHED)
            return
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        theirs.close()
        slot.pid = pid
        slot.lifeline = ours
        slot.ready = False
        slot.said = b""
        slot.started_s = time.monotonic()
        self._poll.register(ours, select.POLLIN)

    def _become_worker(self, slot: Slot, theirs: socket.socket, mask: set[int | signal.Signals]) -> NoReturn:
        code = lifeline.CRASHED
        try:
            signal.set_wakeup_fd(-1)
            for signum in SIGNALS:
                signal.signal(signum, signal.SIG_DFL)
            # Ctrl-C reaches the whole process group; what it means is the supervisor's to say.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            self._wake.close()
            self._wake_write.close()
            for other in self._slots:
                # A copy of another's lifeline would keep it alive after the supervisor; a copy of its sockets, the port.
                if other.lifeline is not None:
                    other.lifeline.close()
                if other is not slot:
                    for sock in other.sockets:
                        sock.close()
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            code = self._run_worker(slot.sockets, theirs, slot.number - 1)
        except BaseException:  # noqa: BLE001 - nothing above may run in this process: it is the supervisor's stack
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _take_signals(self) -> None:
        for signum in self._wake.recv(4096):
            if signum == signal.SIGHUP:
                self._say("SIGHUP: a changed configuration is taken up by a restart only")
            elif signum != signal.SIGCHLD:
                self._on_stop_signal(signal.Signals(signum))

    def _on_stop_signal(self, signum: signal.Signals) -> None:
        if signum == signal.SIGINT:
            self._exit_code = 130
        if self._stopping:
            self._say(f"{signum.name} again: stopping now")
            self._stop(lifeline.STOP, GRACE_S)
            return
        self._say(f"{signum.name}: no new requests; open ones have {self._drain_timeout_s:g} s (signal again to stop now)")
        self._stop(lifeline.DRAIN, self._drain_timeout_s + GRACE_S)
        # The workers still hold theirs and take what waits in the backlog first.
        self._listening.close()

    def _stop(self, word: bytes, within_s: float) -> None:
        self._stopping = True
        self._kill_at_s = time.monotonic() + within_s
        for slot in self._slots:
            if slot.lifeline is not None:
                # A worker that does not read is killed by the deadline.
                with contextlib.suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
                    slot.lifeline.send(word)

    def _kill(self) -> None:
        for slot in self._slots:
            if slot.pid:
                os.kill(slot.pid, signal.SIGKILL)
        self._kill_at_s = time.monotonic() + GRACE_S

    def _hear(self, fd: int) -> None:
        for slot in self._slots:
            if slot.lifeline is not None and slot.lifeline.fileno() == fd:
                self._read_lifeline(slot, slot.lifeline)
                return

    def _read_lifeline(self, slot: Slot, ours: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionResetError):
            while received := ours.recv(65536):
                slot.said += received
            # End-of-file: it stays readable, and the exit status says the rest.
            self._forget(ours)
        if slot.said == lifeline.READY:
            slot.ready = True
            if not self._announced and not self._stopping and all(other.ready for other in self._slots):
                self._announced = True
                self._on_ready()

    def _forget(self, ours: socket.socket) -> None:
        with contextlib.suppress(KeyError):  # end-of-file came before the exit
            self._poll.unregister(ours)

    def _reap(self) -> None:
        while any(slot.pid for slot in self._slots):
            # Any child: as process 1 of a container the supervisor also inherits strangers.
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            for slot in self._slots:
                if slot.pid == pid:
                    self._on_exit(slot, os.waitstatus_to_exitcode(status))

    def _on_exit(self, slot: Slot, code: int) -> None:
        ours = slot.lifeline
        if ours is not None:
            self._read_lifeline(slot, ours)
            self._forget(ours)
            ours.close()
        slot.lifeline = None
        how = f"(pid {slot.pid}) {_say_how(code)}"
        slot.pid = 0
        self._forget_worker(slot.number - 1)
        if not self._stopping:
            self._on_death(slot, how, code)
        elif code != lifeline.ENDED and not self._exit_code:
            self._exit_code = lifeline.CUT

    def _on_death(self, slot: Slot, how: str, code: int) -> None:
        if not self._announced and not slot.ready:
            text = slot.said.removeprefix(lifeline.FAILED).decode(errors="replace")
            self._say(text or f"worker {slot.number} {how} before it could serve")
            self._exit_code = code if code == lifeline.CONFIG_INVALID else 1
            self._stop(lifeline.STOP, GRACE_S)
            return
        now_s = time.monotonic()
        slot.quick_deaths = slot.quick_deaths + 1 if now_s - slot.started_s < QUICK_DEATH_S else 0
        delay_s = 0.0
        if slot.quick_deaths > 1:
            delay_s = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2.0 ** min(slot.quick_deaths - 2, 10))
        slot.start_at_s = now_s + delay_s
        self._say(f"worker {slot.number} {how}; the next one starts {f'in {delay_s:g} s' if delay_s else 'now'}")


def _leave_to_wakeup_fd(signum: int, frame: FrameType | None) -> None:
    """Do nothing: the interpreter has written *signum* into the wake-up socket, and a handler must exist for that."""


def _say_how(code: int) -> str:
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return "ended" if code == lifeline.ENDED else f"ended with status {code}"
