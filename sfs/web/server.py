"""How both servers of pages set uvicorn: no peer but the one that is connected is known, nothing is said or written."""

import logging
from typing import Any

from starlette.types import ASGIApp
from uvicorn.config import Config


def config_of(app: ASGIApp, **more: Any) -> Config:
    """uvicorn's settings, loaded: what all servers here share, and `more` of one."""
    config = Config(
        app,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,  # nobody stands in front: a Forwarded field would be the client's own word
        server_header=False,
        date_header=False,
        limit_concurrency=None,
        **more,
    )
    config.load()
    return config


def limit_logs() -> None:
    """uvicorn's lines hold addresses of clients and what they asked, and a client can make as many as it likes."""
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
        logging.getLogger(name).propagate = False
