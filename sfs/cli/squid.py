"""`sfs squid`: the filter inside Squid, as one of its helpers."""

import contextlib
import gc
import os
import signal
import sys
from pathlib import Path
from typing import Any, cast

import click

from sfs.cli.common import Chosen, chosen, config_options
from sfs.cli.program import program
from sfs.errors import SfsError
from sfs.sources.settings import Checks, PageLanguage
from sfs.squid import format as formats
from sfs.squid.answers import AclAnswers, Answers, RewriteAnswers
from sfs.squid.fragment import TTL, Fragment, Mode, Tls, fragment
from sfs.squid.page import squid_page


@click.group("squid", invoke_without_command=True)
@config_options
@click.option("--state", metavar="DIR", help="Where lists and what was changed on the page are kept.")
@click.option(
    "--mode",
    type=click.Choice(["acl", "rewrite", "host"]),
    default="acl",
    show_default=True,
    help="The protocol; host: whether all of a host is shown.",
)
@click.option("--format", "form", metavar="CODES", help="What a line holds, as in squid.conf.")
@click.option("--page", metavar="URL", help="Where a rewriter sends what is blocked; {code} {check} {reason} {host}.")
@click.option("--channels/--no-channels", default=True, help="Lines begin with a channel: concurrency=1 and more.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    mode: str,
    form: str | None,
    page: str | None,
    channels: bool,
    **config_arguments: object,
) -> int:
    """Answer Squid's questions: a helper for external_acl_type or url_rewrite_program. `sfs squid config` prints the
    lines of squid.conf, `sfs squid page` a block page."""
    if ctx.invoked_subcommand is not None:
        return 0
    answers: Answers
    if mode == "rewrite":
        if page is None:
            raise SfsError("--mode rewrite needs a block page", mend="say --page http://host/blocked.html?code={code}")
        answers = RewriteAnswers(page)
    else:
        answers = AclAnswers()
    if mode == "host" and form is not None:
        raise SfsError("--mode host has a format of its own", mend="leave --format out")
    usual = {"acl": formats.ACL, "rewrite": formats.REWRITE, "host": formats.HOST}
    shape = formats.parse_format(form or usual[mode])
    said = chosen(config_arguments)
    _serve(said, answers, shape, channels=channels, whole=mode == "host")
    return 0


def _serve(said: Chosen, answers: Answers, shape: formats.Format, *, channels: bool, whole: bool) -> None:
    from sfs.squid.helper import Helper
    from sfs.squid.loop import let_squid_first, run
    from sfs.squid.watch import Watch
    from sfs.squid.whole import WholeHosts

    watch = Watch(said.filter(), said.filter, _say)  # nothing else keeps the filter when another is in force
    let_squid_first()
    gc.collect()
    gc.freeze()  # what is loaded stays: the collector need not walk it again for every few lines
    watch.start()
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, lambda number, frame: watch.ask())
    try:
        helper = (WholeHosts if whole else Helper)(watch.live, answers, shape, channels=channels, say=_say)
        run(helper, sys.stdin.fileno(), sys.stdout.fileno())
    finally:
        watch.close()


def _say(text: str) -> None:
    """To standard error, which is Squid's cache.log; where nobody reads that, nowhere."""
    with contextlib.suppress(OSError, ValueError):
        print(text, file=sys.stderr, flush=True)


@command.command("config")
@config_options
@click.option("--state", metavar="DIR", help="Where lists and what was changed on the page are kept.")
@click.option("--mode", type=click.Choice(["acl", "rewrite"]), default="acl", show_default=True, help="The protocol.")
@click.option(
    "--tls",
    type=click.Choice(["name", "splice", "bump"]),
    default="name",
    show_default=True,
    help="HTTPS by the name of CONNECT, by that of the handshake too, or opened.",
)
@click.option("--page", metavar="URL", help="The address of a block page.  [acl: Squid's error page ERR_SFS]")
@click.option("--ttl", type=click.IntRange(0, 3600), default=TTL, show_default=True, help="Seconds Squid remembers.")
@click.option("--children", type=click.IntRange(1, 64), default=2, show_default=True, help="Helper processes.")
def config(mode: str, tls: str, page: str | None, children: int, ttl: int, **given: Any) -> int:
    """Print the lines of squid.conf."""
    said = chosen(given)
    whole = said.config().checks is Checks.MANDATORY
    if mode == "rewrite" and page is None:
        raise SfsError("--mode rewrite needs a block page", mend="say --page http://host/blocked.html?code={code}")
    if page is not None:
        RewriteAnswers(page)  # whether it is an address
    words = (*program(), "squid", *_options(said))
    sys.stdout.write(fragment(Fragment(words, cast(Mode, mode), cast(Tls, tls), page, children, ttl, whole)))
    return 0


def _options(said: Chosen) -> list[str]:
    words = [] if said.path is None else ["--config", str(said.path.absolute())]
    for key, value in said.given.items():
        text = str(value)
        words += [f"--{key}", os.path.abspath(text) if key == "state" or Path(text).is_file() else text]
    return words


@command.command("page")
@click.option("--language", type=click.Choice(["ja", "en"]), default="ja", show_default=True)
@click.option("--level", type=click.IntRange(0, 4), help="Its readers' level.")
def page(language: str, level: int | None) -> int:
    """Print a block page for Squid: an error page that says host and decision code."""
    fixed = PageLanguage(language)
    sys.stdout.write(squid_page("ja" if fixed is PageLanguage.JA else "en", level))
    return 0
