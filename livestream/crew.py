"""The workers of one pool, in memory that they share: when one that is told to leave may do so."""

from __future__ import annotations

from mmap import mmap

PLACES = 1024  # a ring: each worker has the place of its age, those in the half behind it are younger
GONE, COMING, READY, FAILED = 0, 1, 2, 3


class Crew:
    def __init__(self) -> None:
        self.places = mmap(-1, PLACES)

    def comes(self, age: int) -> None:
        self.places[age % PLACES] = COMING
        self.places[(age + PLACES // 2) % PLACES] = GONE  # of long ago: from now on it would look younger

    def is_ready(self, age: int) -> None:
        self.places[age % PLACES] = READY

    def went(self, age: int, in_order: bool) -> None:
        """One that never was ready has failed, unless all of them end."""
        failed = self.places[age % PLACES] == COMING and not in_order
        self.places[age % PLACES] = FAILED if failed else GONE

    @property
    def serves(self) -> bool:
        return READY in self.places[:]

    def may_leave(self, age: int) -> bool:
        """Not while successors come, nor when they have come to nothing. Where there are none, the pool ends."""
        younger = {self.places[(age + ahead) % PLACES] for ahead in range(1, PLACES // 2)}
        return COMING not in younger and (READY in younger or FAILED not in younger)
