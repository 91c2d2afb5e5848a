"""The server that `sfs bench bureau` measures itself by: Starlette, one route, uvicorn set as the bureau's."""

import socket

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route


async def hello(request: Request) -> PlainTextResponse:
    """Six bytes."""
    return PlainTextResponse("hello\n")


def main() -> None:
    """Serve on any free port of loopback, and print it."""
    listener = socket.create_server(("127.0.0.1", 0))
    print(f"ready on 127.0.0.1:{listener.getsockname()[1]}", flush=True)
    config = uvicorn.Config(
        Starlette(routes=[Route("/", hello)]),
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
    )
    uvicorn.Server(config).run([listener])


if __name__ == "__main__":
    main()
