"""What a page tells a journey: who asks, by which key, from where."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from django.http import HttpRequest

from warchest.kernel.errors import TryAgain, UnableTo
from warchest.kernel.ids import new_id
from warchest.members.contract import Player
from warchest.runtime.command import KEY_LENGTH_MAX, Actor, ActorKind, Channel, Command, now
from warchest.runtime.configuration import configuration


def player_command(request: HttpRequest, player: Player, *, key: str) -> Command:
    """The frame of a write that a player asks for. Raises UnableToUseKey where the form brought no key."""
    return _command(request, Actor(ActorKind.PLAYER, str(player.id)), key=key)


def newcomer_command(request: HttpRequest, *, key: str) -> Command:
    """As ``player_command``, for somebody who is nobody yet."""
    return _command(request, Actor(ActorKind.PLAYER, "new"), key=key)


def _command(request: HttpRequest, actor: Actor, *, key: str) -> Command:
    return Command(
        actor=actor,
        key=key,
        at=now(),
        channel=Channel.PORTAL,
        address=client_address(request),
        request_id=getattr(request, "request_id", ""),
    )


def a_key() -> str:
    """A new key for a form that is about to be shown."""
    return str(new_id())


def key_after(request: HttpRequest, refusal: UnableTo | TryAgain) -> str:
    """The key for the form when it is shown again: the one that was sent, where nobody knows yet how that ends.

    Whoever presses the button again then hears the end of the first time, instead of doing it a second time.
    """
    sent = request.POST.get("key", "")[:KEY_LENGTH_MAX]
    return sent if isinstance(refusal, TryAgain) and sent else a_key()


def client_address(request: HttpRequest) -> str:
    """The address of who asks: what the last of our own proxies saw, else the other end of the connection."""
    return address_behind(
        request.META.get("REMOTE_ADDR", ""),
        request.headers.get("X-Forwarded-For", ""),
        trusted=configuration().web.trusted_proxies,
    )


def address_behind(remote: str, forwarded: str, *, trusted: tuple[str, ...]) -> str:
    """``forwarded`` (X-Forwarded-For) is believed from right to left, as far as each hop is a trusted proxy.

    ``trusted`` are addresses or networks. What a stranger writes into the header comes further left and is not read.
    """
    hop = remote
    for said in reversed([part.strip() for part in forwarded.split(",") if part.strip()]):
        if not _is_trusted(hop, trusted) or not _is_address(said):
            break
        hop = said
    return hop


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_trusted(hop: str, trusted: tuple[str, ...]) -> bool:
    return _is_address(hop) and any(
        ip_address(hop) in ip_network(network, strict=False) for network in trusted
    )
