"""How a device is set up, in the reader's language: its own system first, each step with the names it shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from markupsafe import Markup

from sfs.web.device import SYSTEMS, System
from sfs.web.texts import Texts

Device = System | Literal["firefox"]

DEVICES: Final[tuple[Device, ...]] = (*SYSTEMS, "firefox")
FILES: Final[dict[Device, tuple[str, ...]]] = {
    "windows": ("cer",),
    "macos": ("cer",),
    "ios": ("mobileconfig",),
    "android": ("cer",),
    "chromeos": ("pem",),
    "linux": ("pem",),
    "firefox": ("pem",),
}
_LOCAL: Final = ("127.", "localhost:", "[::1]:")


@dataclass(frozen=True, slots=True)
class DeviceSteps:
    """One device. `own`: the reader sits at it. `address`: HOST:PORT as it reaches the proxy, empty where it cannot.
    `proxy` sets the address by itself, `hand` by hand; `files`: the forms of the certificate it takes."""

    device: Device
    name: Markup
    own: bool
    address: str
    proxy: tuple[Markup, ...]
    hand: tuple[Markup, ...]
    files: tuple[str, ...]
    certificate: tuple[Markup, ...]
    remove: Markup


def is_local(address: str) -> bool:
    """Whether HOST:PORT is this machine's loopback, which no other device reaches."""
    return address.startswith(_LOCAL)


def device_steps(
    texts: Texts, own: Sequence[Device], reached: str, lan: str | None, certificate: str
) -> tuple[DeviceSteps, ...]:
    """All devices, those of `own` first. `reached`: the proxy's HOST:PORT as the reader's own device reaches it;
    `lan`: as others in the house do. `certificate`: the name under which a system lists it."""
    others = lan or ("" if is_local(reached) else reached)
    order = sorted(DEVICES, key=lambda device: device not in own)
    return tuple(
        _steps(texts, device, device in own, reached if device in own else others, certificate) for device in order
    )


def _steps(texts: Texts, device: Device, own: bool, address: str, certificate: str) -> DeviceSteps:
    host, _, port = address.rpartition(":")
    values = {
        "pac": _typed(f"http://{address}/proxy.pac"),
        "host": _typed(host.strip("[]")),
        "port": _typed(port),
        "name": certificate,
    }
    return DeviceSteps(
        device=device,
        name=texts.html(f"steps.{device}"),
        own=own,
        address=address,
        proxy=texts.lines(f"steps.{device}_proxy", **values) if address else (),
        hand=texts.lines(f"steps.{device}_hand", **values) if address else (),
        files=FILES[device],
        certificate=texts.lines(f"steps.{device}_cert", **values),
        remove=texts.html(f"steps.{device}_remove", **values),
    )


def _typed(text: str) -> Markup:
    """What a reader types or copies."""
    return Markup("<code>{}</code>").format(text)
