"""Who asks, and so which policy holds: the groups of a configuration, in order.

By login first, since a person moves between devices; then by address, the smallest network that holds it; then by
the port of the proxy that was used. Who is in no group gets the default policy.
"""

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from sfs.core.policy import Policy, paused
from sfs.core.schedule import Window, active, next_change

type Network = IPv4Network | IPv6Network
MAX_CLIENT = 100  # characters; a full IPv6 address with a zone has fewer


@dataclass(frozen=True, slots=True)
class Group:
    """Some readers and what they may see. `timetable`: policies that hold in a window of the week instead of
    `policy`, the first that fits."""

    name: str
    policy: Policy
    networks: tuple[Network, ...] = ()
    logins: tuple[str, ...] = ()
    port: int | None = None
    timetable: tuple[tuple[Window, Policy], ...] = ()


class PolicyTable:
    """The default policy and the groups. Built once, then only read. `pauses`: the name of a group, None for
    everybody, and until when its pause lasts."""

    __slots__ = ("_logins", "_networks", "_now", "_paused_now", "_pauses", "_ports", "default", "groups")

    def __init__(
        self, default: Policy, groups: Iterable[Group] = (), pauses: Mapping[str | None, datetime] | None = None
    ) -> None:
        self.default = default
        self.groups = tuple(groups)
        self._pauses = dict(pauses or {})
        self._logins: dict[str, Group] = {}
        self._ports: dict[int, Group] = {}
        networks: dict[tuple[int, int], dict[int, Group]] = {}  # IP version and prefix length -> network -> group
        for group in self.groups:  # where two groups name the same, the first keeps it
            for login in group.logins:
                self._logins.setdefault(fold_login(login), group)
            for network in group.networks:
                plain = plain_network(network)
                table = networks.setdefault((plain.version, plain.prefixlen), {})
                table.setdefault(int(plain.network_address), group)
            if group.port is not None:
                self._ports.setdefault(group.port, group)
        # The last answer of each timetable: it is asked for at every request, and changes by the minute at most.
        self._now: dict[int, tuple[object, Policy]] = {}
        # By name: the last policy that was paused, until when, and what was left of it.
        self._paused_now: dict[str, tuple[Policy, datetime, Policy]] = {}
        self._networks = tuple(sorted(networks.items(), key=lambda item: -item[0][1]))

    def policy_for(
        self,
        client: str | None,
        login: str | None = None,
        port: int | None = None,
        time: datetime | None = None,
    ) -> Policy:
        """The policy of this reader at this time, with `valid_until` where a timetable will end it.

        `client`: an IP address as a socket gives it. `time`: the reader's local time with its zone; without it
        timetables and pauses are passed over."""
        policy = self._unpaused(self.group_for(client, login, port), time)
        return policy if not self._pauses or time is None else self._paused(policy, time)

    def _paused(self, policy: Policy, time: datetime) -> Policy:
        """This policy, or what is left of it while its pause lasts."""
        ends = [until for name in (None, policy.name) if (until := self._pauses.get(name)) is not None and until > time]
        if not ends or policy.checks is not None:
            return policy
        last, until = self._paused_now.get(policy.name), max(ends)
        if last is None or last[0] is not policy or last[1] != until:
            last = self._paused_now[policy.name] = (policy, until, paused(policy, until))
        return last[2]

    def _unpaused(self, group: Group | None, time: datetime | None) -> Policy:
        if group is None:
            return self.default
        if not group.timetable or time is None:
            return group.policy
        # A zone is part of the key: times of two zones can be equal, yet their clocks differ.
        minute = (time.replace(second=0, microsecond=0, tzinfo=None), time.fold, time.tzinfo)
        last = self._now.get(id(group))
        if last is None or last[0] != minute:
            last = self._now[id(group)] = (minute, _policy_at(group, time))
        return last[1]

    def group_for(self, client: str | None, login: str | None = None, port: int | None = None) -> Group | None:
        """The group this reader belongs to; None for the default policy."""
        if login is not None and (group := self._logins.get(fold_login(login))):
            return group
        if client is not None and self._networks and (group := self._by_address(client)):
            return group
        return self._ports.get(port) if port is not None else None

    def policies(self) -> tuple[Policy, ...]:
        """Every policy that may hold at some time, the default first."""
        timed = (policy for group in self.groups for policy in (group.policy, *(p for _, p in group.timetable)))
        return (self.default, *timed)

    def _by_address(self, client: str) -> Group | None:
        address = _address(client)
        if address is None:
            return None
        number = int(address)
        for (version, length), table in self._networks:
            if version == address.version:
                host_bits = address.max_prefixlen - length
                group = table.get(number >> host_bits << host_bits)
                if group is not None:
                    return group
        return None


def _policy_at(group: Group, time: datetime) -> Policy:
    windows = tuple(window for window, _ in group.timetable)
    holds = active(windows, time)
    policy = next((policy for window, policy in group.timetable if window is holds), group.policy)
    return replace(policy, valid_until=next_change(windows, time))


def fold_login(login: str) -> str:
    """One spelling of a login. Case is no difference: what checks passwords often makes none, and ANNA would
    otherwise leave the group of anna."""
    return unicodedata.normalize("NFKC", login).casefold().strip()


def plain_network(network: Network) -> Network:
    """IPv4 that is written inside IPv6 (::ffff:192.0.2.0/120) as IPv4; others as they are."""
    inner = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
    return network if inner is None or network.prefixlen < 96 else IPv4Network((inner, network.prefixlen - 96))


@lru_cache(maxsize=4096)  # one client sends hundreds of requests
def _address(client: str) -> IPv4Address | IPv6Address | None:
    if len(client) > MAX_CLIENT:
        return None
    try:
        address = ip_address(client.partition("%")[0].strip("[]"))
    except ValueError:
        return None
    # A socket that takes both families shows an IPv4 client as ::ffff:192.0.2.1.
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return address if mapped is None else mapped
