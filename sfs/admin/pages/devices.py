"""`/devices`: devices that proved to have the certificate, and sites that refuse it."""

from typing import Any, Final

from starlette.responses import Response

from sfs.admin.pages.common import MAX_NAME, day_words, moment
from sfs.errors import SfsError
from sfs.web.answer import clean
from sfs.web.permissions import Permission
from sfs.web.route import Page, Visit

MAX_SHOWN: Final = 200


async def show(visit: Visit) -> Response:
    """Devices, addresses that several share, and sites judged by name."""
    return visit.render("devices.html", **await visit.run(_values, visit))


def _values(visit: Visit) -> dict[str, Any]:
    trust, texts = visit.control.trust, visit.texts
    return {
        "devices": [
            {
                "client": device.client,
                "name": clean(device.client, MAX_NAME),
                "this": device.client == visit.address,
                "since": moment(device.since, texts),
                "seen": moment(device.seen, texts),
            }
            for device in trust.devices()[:MAX_SHOWN]
        ],
        "pins": [
            {
                "client": pin.client,
                "host": pin.host,
                "name": clean(pin.host, MAX_NAME),
                "device": clean(pin.client, MAX_NAME),
                "since": moment(pin.since, texts),
                "until": day_words(pin.until.astimezone().date(), texts),
            }
            for pin in trust.pins()[:MAX_SHOWN]
        ],
        "shared": [
            {"client": one.client, "name": clean(one.client, MAX_NAME), "since": moment(one.since, texts)}
            for one in trust.shared()[:MAX_SHOWN]
        ],
    }


async def forget(visit: Visit) -> Response:
    """POST client=ADDRESS: it counts as a device without the certificate."""
    client = visit.field("client", 300)
    try:
        await visit.run(visit.control.trust.forget, client)
    except SfsError:
        return visit.redirect("/devices", "admin-fault.choose")
    return visit.redirect("/devices", "admin-done.device_forgotten", client=clean(client, MAX_NAME))


async def forget_pin(visit: Visit) -> Response:
    """POST client=ADDRESS, host=NAME: the site is inspected again on that device."""
    client, host = visit.field("client", 300), visit.field("host", 253)
    try:
        await visit.run(visit.control.trust.forget_pin, client, host)
    except SfsError:
        return visit.redirect("/devices", "admin-fault.choose")
    return visit.redirect("/devices", "admin-done.pin_forgotten", host=clean(host, MAX_NAME))


PAGES = (
    Page("/devices", show, needs=Permission.DEVICES, menu="admin-nav.devices"),
    Page("/devices/forget", forget, methods=("POST",), needs=Permission.DEVICES),
    Page("/devices/again", forget_pin, methods=("POST",), needs=Permission.DEVICES),
)
