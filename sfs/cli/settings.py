"""`sfs settings`: every key of the configuration, from the table the filter uses."""

import click

from sfs.sources.settings import settings_table


@click.command("settings")
@click.option("--language", type=click.Choice(["en", "ja"]), default="en", show_default=True)
def command(language: str) -> None:
    """Print every key: what may stand there, what holds without it, and what it does. A Markdown table."""
    click.echo(settings_table("ja" if language == "ja" else "en"), nl=False)
