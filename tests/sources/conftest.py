"""A configuration of a text."""

import pytest

from sfs.sources.config import Config, load_config


@pytest.fixture
def load(tmp_path):
    """Load a configuration: load(text, changes, **overrides), where `changes` is what was changed on the pages."""

    def loader(text: str = "", changes: str | None = None, **overrides) -> Config:
        path = tmp_path / "config.yaml"
        path.write_text(text, encoding="utf-8")
        state = tmp_path / "state"
        state.mkdir(exist_ok=True)
        if changes is not None:
            (state / "changes.yaml").write_text(changes, encoding="utf-8")
        return load_config(path, overrides, state)

    return loader
