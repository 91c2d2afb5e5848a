"""A record of the decision log and a report as JSON has them, on the way from a worker to the hub."""

from datetime import datetime
from typing import Any

from sfs.core.verdict import Action, Verdict
from sfs.sources.journal import Record
from sfs.sources.reports import Report


def said_of_verdict(verdict: Verdict) -> list[Any]:
    """What the decision log keeps of a verdict, in its file or in memory."""
    return [verdict.action.value, verdict.check, verdict.reason, verdict.level, verdict.source, verdict.record]


def verdict_of(said: list[Any]) -> Verdict:
    """The verdict as far as the log needs it; ValueError where it is none."""
    action, check, reason, level, source, record = said
    return Verdict(Action(action), check, reason, level, source=source, record=record)


def said_of_record(record: Record) -> list[Any]:
    """One record."""
    return [record.time.isoformat(), record.group, record.host, said_of_verdict(record.verdict), record.code]


def record_of(said: list[Any]) -> Record:
    """The record that was said; ValueError where it is none."""
    time, group, host, verdict, code = said
    return Record(datetime.fromisoformat(time), group, host, verdict_of(verdict), code)


def said_of_report(report: Report) -> list[Any]:
    """One report."""
    time = report.time.isoformat()
    return [report.id, time, report.group, report.kind, report.address, report.note, report.code]


def report_of(said: list[Any]) -> Report:
    """The report that was said; ValueError where it is none."""
    id_, time, group, kind, address, note, code = said
    return Report(id_, datetime.fromisoformat(time), group, kind, address, note, code)
