"""What two observations mean for a check."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from enum import Enum

from tests.against_original.client import Side
from tests.against_original.reasons import Reason
from tests.against_original.registry import Check, Observation


class Verdict(Enum):
    """The last column of the table."""

    SAME = "same"
    BETTER = "better"
    DIFFERENT = "DIFFERENT"
    UNEXPECTED = "UNEXPECTED"


@dataclass(frozen=True)
class Failure:
    """Stands for an observation that could not be made; equals nothing that a check expects."""

    error: str
    details: str

    def __repr__(self) -> str:
        return f"<{self.error}>"


@dataclass(frozen=True)
class Result:
    """The outcome of one check."""

    check: Check
    original: Observation | Failure
    ours: Observation | Failure

    @property
    def reason(self) -> Reason | None:
        """Why the two may differ, if they may."""
        return self.check.original and self.check.original.reason

    @property
    def verdict(self) -> Verdict:
        """SAME or BETTER where both do what is known of them, else DIFFERENT or UNEXPECTED."""
        as_known = self.original == self.check.known_of_original and self.ours == self.check.expected
        if as_known:
            return Verdict.SAME if self.reason is None else Verdict.BETTER
        return Verdict.UNEXPECTED if self.original == self.ours else Verdict.DIFFERENT

    @property
    def passed(self) -> bool:
        """Whether this is fine."""
        return self.verdict in (Verdict.SAME, Verdict.BETTER)


def observe(check: Check, side: Side) -> Observation | Failure:
    """Run a check on one side; any exception becomes a Failure, so that one check does not end the run."""
    try:
        with side.fresh():
            return check.observe(side)
    except Exception as error:
        return Failure(f"{type(error).__name__}: {error}", traceback.format_exc())
