"""`sfs policy`: files that leave the proxy as the only way out of a browser, a device or a machine.

The file goes to standard output; where it belongs, and what it does not stop, to standard error."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import click

from sfs.core.levels import Strictness
from sfs.errors import SfsError
from sfs.export.browsers import Browser, browser_policies
from sfs.export.firefox import PLACE, PLACE_OF_CERTIFICATE, firefox_file
from sfs.export.managed import PLACES, System, managed_file
from sfs.export.nftables import Rules, Where, nftables_file, parse_resolvers, parse_user
from sfs.export.profiles import apple_file
from sfs.export.way import Way, parse_place
from sfs.sources.config import Config, load_config
from sfs.text.address import Kind, parse_address, plain_class
from sfs.web.device import certificate_answer

CERTIFICATE = Path("ca", "mitmproxy-ca-cert.pem")  # in the state folder; `sfs run` makes it
MAX_CERTIFICATE = 65_536  # bytes
MAX_NETWORK_NAME = 32  # bytes: IEEE 802.11, SSID


@click.group("policy")
def command() -> None:
    """Print the managed policy of a browser or system, or firewall lines: the proxy as the only way out."""


def _way_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """--proxy, --config, --level, --state, --pac."""
    options = [
        click.option("--proxy", metavar="H:P", help="Where the proxy is, as the device sees it.  [listen]"),
        click.option("--config", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A configuration."),
        click.option("--level", type=click.IntRange(0, 4), help="Locks SafeSearch and YouTube as this level says."),
        click.option("--state", metavar="DIR", help="Where the certificate is kept."),
        click.option("--pac", is_flag=True, help="Name the PAC address instead of the proxy itself."),
    ]
    for option in reversed(options):
        function = option(function)
    return function


_system_option = click.option(
    "--system",
    type=click.Choice(["linux", "windows", "macos"]),
    default="linux",
    show_default=True,
    help="JSON file, registry file or configuration profile.",
)


@command.command("chrome")
@_way_options
@_system_option
def chrome(system: str, **given: Any) -> int:
    """Google Chrome and Chromium."""
    return _browser("chrome", cast(System, system), given)


@command.command("edge")
@_way_options
@_system_option
def edge(system: str, **given: Any) -> int:
    """Microsoft Edge."""
    return _browser("edge", cast(System, system), given)


@command.command("firefox")
@_way_options
def firefox(**given: Any) -> int:
    """Mozilla Firefox: policies.json."""
    way = _way(given)
    _print(firefox_file(way), PLACE)
    if way.certificate is not None:
        _say(PLACE_OF_CERTIFICATE)
    return 0


@command.command("apple")
@_way_options
@click.option("--wifi", metavar="NAME", help="For one Wi-Fi network, on any device; else for supervised devices.")
def apple(wifi: str | None, **given: Any) -> int:
    """iPhone, iPad, Mac: a configuration profile."""
    if wifi is not None and not (0 < len(wifi.encode("utf-8", "replace")) <= MAX_NETWORK_NAME and wifi.isprintable()):
        raise SfsError("--wifi: no name of a network", mend=f"1 to {MAX_NETWORK_NAME} bytes, as the device shows it")
    _print(apple_file(_way(given), wifi), "a file sfs.mobileconfig, sent to the device or put on it by a management")
    if wifi is None:
        _say("iPhones and iPads take the proxy of this profile only when they are supervised; else use --wifi NAME")
    else:
        _say("its owner can remove this profile, and other networks go without it")
    return 0


@command.command("nftables")
@click.option("--system", "where", type=click.Choice(["machine", "gateway"]), default="machine", show_default=True)
@click.option("--proxy", metavar="H:P", help="Where the proxy is, if another machine runs it.")
@click.option("--user", "users", multiple=True, help="Who may open the web itself on this machine.  [sfs]")
@click.option("--mark", type=click.IntRange(1, 0xFFFFFFFF), help="The mark of packets that may.")
@click.option("--dns", multiple=True, metavar="ADDRESS", help="The only DNS servers that may be asked.")
@click.option("--strict", is_flag=True, help="Close every other port outwards too.")
def nftables(
    where: str, proxy: str | None, users: tuple[str, ...], mark: int | None, dns: tuple[str, ...], strict: bool
) -> int:
    """Linux: firewall lines for this machine, or for a gateway."""
    address = None
    if proxy is not None:
        address = parse_address(parse_place(proxy)[0])
        if address is None:
            raise SfsError("--proxy: a firewall knows addresses, not names", mend="write the proxy's address")
        if plain_class(address) is Kind.LOOPBACK:
            address = None
    # Where another machine runs the proxy, or packets are marked, nobody here needs the web itself.
    named = users or (() if address is not None or mark is not None else ("sfs",))
    rules = Rules(cast(Where, where), address, tuple(map(parse_user, named)), mark, parse_resolvers(dns), strict)
    _print(nftables_file(rules).encode("ascii"), "/etc/nftables.d/sfs.nft; load it with `nft -f`, as root")
    if not dns:
        _say("any DNS server may be asked: name the only ones with --dns")
    if not strict:
        _say("other ports stay open, so VPNs and proxies on those do too: --strict closes them")
    return 0


def _browser(browser: Browser, system: System, given: dict[str, Any]) -> int:
    data = managed_file(browser_policies(_way(given), browser), browser, system)
    _print(data, PLACES[browser, system])
    _say("other browsers and VPN apps do not read it: see `sfs policy nftables`, or let nobody install programs")
    return 0


def _way(given: dict[str, Any]) -> Way:
    """What the options and the configuration mean."""
    options = {"level": given["level"], "state": given["state"]}
    config = load_config(given["config"], {key: value for key, value in options.items() if value is not None})
    host, port = _place(given["proxy"], config)
    if config.level is None:
        _say("no level is chosen, so SafeSearch and YouTube stay as they are: --level 0 to 4")
    safesearch, youtube = (config.effective(key) or Strictness.OFF for key in ("safesearch", "youtube"))
    return Way(host, port, safesearch, youtube, _certificate(config.state / CERTIFICATE), given["pac"])


def _place(proxy: str | None, config: Config) -> tuple[str, int]:
    if proxy is not None:
        return parse_place(proxy)
    ip = parse_address(config.listen.host)
    if config.listen.port == 0 or (ip is not None and plain_class(ip) is Kind.UNSPECIFIED):
        raise SfsError(
            f"listen {config.listen} is no address to go to", mend="say where the proxy is, with --proxy H:P"
        )
    if ip is not None and plain_class(ip) is Kind.LOOPBACK:
        _say(f"for a browser on the machine of the proxy ({config.listen}); for another one say --proxy H:P")
    return config.listen.host, config.listen.port


def _certificate(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            pem = file.read(MAX_CERTIFICATE)
    except OSError:
        _say("no certificate is there yet, so none is in this file: start `sfs run` once, or name its --state")
        return None
    return certificate_answer(pem, "cer").body


def _print(data: bytes, place: str) -> None:
    click.echo(data, nl=False)
    _say(f"put it into {place}")


def _say(text: str) -> None:
    click.echo(f"sfs: {text}", err=True)
