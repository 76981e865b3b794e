"""What the calls of one run share, and how one of them ends well."""

from dataclasses import dataclass, field

from ...request.requests import Call
from .budget import Budget
from .client import Client
from .entries import Run
from .journal import Journal
from .price import RunPrice


@dataclass(frozen=True)
class Desk:
    """What the calls of one run share.

    fetches: it is a run that is fetched by its ids, so nothing is bought.
    queued_at: when the user queued the run, Unix seconds.
    price: of one call, None when nothing is bought.
    parts: the entry key of each call that has its sound, written as they arrive.
    """

    node: str
    run: Run
    queued_at: float
    fetches: bool
    account: str
    client: Client
    journal: Journal
    budget: Budget
    price: RunPrice | None
    parts: dict[Call, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """How one call ended well. ``bought`` when it was submitted by this run and not merely fetched."""

    request_id: str
    model: str
    cost_usd: float | None
    bought: bool
