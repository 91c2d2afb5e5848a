"""What a self-test prints: a sheet as text for people, or as JSON, both signed.

Nothing stands in it but canaries, names and addresses of the plan, serials, times and what is wrong.
"""

import json
from datetime import timedelta
from typing import Any, Final

from sfs import __version__
from sfs.errors import SfsError, Where
from sfs.export.selftest.findings import Finding
from sfs.export.selftest.run import Result, Target

MAX_SHEET: Final = 4_000_000  # bytes
_SIGNED: Final = "\n-- signed: "


def as_json(result: Result) -> dict[str, Any]:
    """The sheet as JSON, without its signature."""
    return {
        "sheet": "sfs isp selftest",
        "version": __version__,
        "made": result.began.isoformat(timespec="seconds"),
        "result": "well" if result.well else "faults",
        "lists": [
            {"zone": zone, "serial": serial, "age_hours": _hours(result.ages[zone])}
            for zone, serial in result.serials.items()
        ],
        "targets": [_target(one) for one in result.targets],
    }


def _target(one: Target) -> dict[str, Any]:
    row: dict[str, Any] = {"name": one.name, "engine": one.engine, "asked": one.asked}
    row |= {"outside_unanswered": one.unasked} if one.unasked else {}
    row |= {"stays_open": list(one.stays_open)} if one.stays_open else {}
    return row | {"findings": [_finding(found) for found in one.findings]}


def _finding(one: Finding) -> dict[str, Any]:
    row: dict[str, Any] = {"kind": one.kind, "what": one.what}
    row |= {"list": one.zone} if one.zone else {}
    return row | ({"where": list(one.where)} if one.where else {})


def as_text(sheet: dict[str, Any]) -> str:
    """The same for people."""
    faults = sum(len(one["findings"]) for one in sheet["targets"])
    asked = sum(one["asked"] for one in sheet["targets"])
    lines = [f"Self-test of {sheet['made']}, sfs {sheet['version']}: {asked:,} questions"]
    for one in sheet["lists"]:
        age = "" if one["age_hours"] is None else f", {one['age_hours']:.1f} hours old"
        lines.append(f"list {one['zone']}: serial {one['serial'] or 'not known'}{age}")
    for one in sheet["targets"]:
        lines.append("")
        said = "well" if not one["findings"] else f"{len(one['findings'])} wrong"
        lines.append(f"{one['name']} ({one['engine']}): {said}")
        for found in one["findings"]:
            where = f" [{', '.join(found['where'])}]" if "where" in found else ""
            zone = f" of {found['list']}" if "list" in found else ""
            lines.append(f"  {found['kind'].upper()}{zone}: {found['what']}{where}")
        if one.get("outside_unanswered"):
            lines.append(f"  not answered: {one['outside_unanswered']} questions for names outside of the list")
        lines += [f"  stays open here: {what}" for what in one.get("stays_open", ())]
    verdict = "Everything holds." if not faults else f"{faults} fault{'s' if faults > 1 else ''}."
    return "\n".join([*lines, "", verdict])


def canonical(sheet: dict[str, Any]) -> bytes:
    """The bytes of a JSON sheet that are signed: all of it but the signature."""
    rest = {key: value for key, value in sheet.items() if key != "signature"}
    return json.dumps(rest, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def signed_text(text: str, signer: str, signature: str) -> str:
    """A text with who signed it, and the signature, at its end."""
    return f"{text}\n{_SIGNED}{signer}\n-- signature: {signature}\n"


def read_sheet(data: bytes, name: str) -> tuple[bytes, str, str]:
    """What was signed of a sheet, text or JSON; who signed it, and the signature. SfsError for what is no sheet."""
    try:
        text = data.decode()
        if text.lstrip().startswith("{"):
            found = json.loads(text)
            return canonical(found), str(found["signer"]), str(found["signature"])
        body, _, tail = text.rpartition(_SIGNED)
        signer, _, signature = tail.partition("\n-- signature: ")
        if body and signature:
            return body.removesuffix("\n").encode(), signer, signature.strip()
    except (ValueError, KeyError, RecursionError):
        pass
    raise SfsError("no sheet of a self-test", Where(name), "name a file that `sfs isp selftest` wrote, whole")


def _hours(age: timedelta | None) -> float | None:
    return None if age is None else round(age.total_seconds() / 3600, 1)
