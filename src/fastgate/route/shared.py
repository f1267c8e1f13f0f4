"""What all workers share of routing: memory that each of them maps, and descriptors that wake them."""

import ipaddress
import mmap
import os
from collections.abc import Iterable
from urllib.parse import urlsplit

from fastgate._core import Fleet, Mirror
from fastgate.catalogue.override import describe
from fastgate.config.schema import Deployment, Settings

# Ids that are remembered, 8 bytes each: 131,072.
_OWNERS_BYTES = 1 << 20
# How much requests at one deployment slow each other down, until that is seen: on a machine of one's own nearly all, at a host nearly not.
_OWN_MACHINE = 0.8
_HOSTED = 0.1


class Shared:
    """Made before the first worker: the same memory in every one, and in those that replace one. *workers* are as many as lanes."""

    def __init__(self, settings: Settings, workers: int = 1) -> None:
        self.workers = workers
        self.owners = mmap.mmap(-1, _OWNERS_BYTES)
        self._deployments = max(1, len(settings.deployments))
        self._groups = max(1, len(group_numbers(settings.deployments)))
        self._fleet = mmap.mmap(-1, Fleet.size(self._deployments, self._groups, workers))
        self._mirror = mmap.mmap(-1, Mirror.size(self._deployments, self._deployments))
        # Written by a worker that ends what a request of another one waits for.
        self.wakers = tuple(os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC) for _ in range(workers)) if workers > 1 else ()

    def forget(self, lane: int) -> None:
        """Forget what a worker that has ended had in flight, and wake the others: its slots are free."""
        Fleet(self._fleet, self._deployments, self._groups, self.workers, lane, 0).clear_lane(lane)
        for waker in self.wakers:
            os.eventfd_write(waker, 1)

    def fleet(self, lane: int, seed: int, settings: Settings) -> Fleet:
        """Return the deployments as the worker of *lane* sees them; whatever its predecessor had in flight is forgotten."""
        fleet = Fleet(self._fleet, self._deployments, self._groups, self.workers, lane, seed, settings.routing.latency_buffer)
        fleet.clear_lane(lane)
        reliability = settings.reliability
        for number, deployment in enumerate(settings.deployments):
            input_cost, output_cost = _costs(deployment)
            fleet.describe(
                number,
                slots=deployment.slots,
                weight=deployment.weight,
                rpm=deployment.rpm,
                tpm=deployment.tpm,
                input_cost=input_cost,
                output_cost=output_cost,
                contention=_OWN_MACHINE if deployment.slots or _is_near(deployment.api_base) else _HOSTED,
                allowed_fails=reliability.allowed_fails,
                cooldown_s=deployment.cooldown_s if deployment.cooldown_s >= 0 else reliability.cooldown_s,
                never_out=not reliability.cooldowns,
            )
        return fleet


    def mirror(self, settings: Settings) -> Mirror:
        """Return what the deployments' providers have room for."""
        mirror = Mirror(self._mirror, self._deployments, self._deployments)
        for number, deployment in enumerate(settings.deployments):
            mirror.describe(number, rpm=deployment.rpm, tpm=deployment.tpm, smooth=True)
        return mirror


def quota_numbers(deployments: Iterable[Deployment]) -> list[int]:
    """Return for each deployment the number of what its provider counts together: requests with one key for one model."""
    seen: dict[tuple[str, str, str], int] = {}
    keys = ((one.api_base, one.api_key.reveal() if one.api_key else "", one.model) for one in deployments)
    return [seen.setdefault(key, len(seen)) for key in keys]


def group_numbers(deployments: Iterable[Deployment]) -> dict[str, int]:
    """Return the number of each model name, in the order of model_list: the same in every worker."""
    return {name: number for number, name in enumerate(dict.fromkeys(one.model_name for one in deployments))}


def _costs(deployment: Deployment) -> tuple[float, float]:
    """Return the price of a token of the prompt and of one of the output; -1: unknown."""
    rates = describe(deployment.provider, deployment.model, deployment.model_info).rates
    prices = rates[-1].prices if rates else None
    if prices is None or prices.input_token is None or prices.output_token is None:
        return -1, -1
    return prices.input_token, prices.output_token


def _is_near(url: str) -> bool:
    """Return whether a URL's host is this machine or one of the same network."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host
