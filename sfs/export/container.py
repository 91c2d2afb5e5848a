"""A Containerfile that builds an image from the wheel: a slim base, a user of its own, one folder that stays."""

from typing import Final

HEALTH: Final = (
    "import http.client as h; c = h.HTTPConnection('127.0.0.1', 8080, timeout=4); "
    "c.request('GET', '/proxy.pac'); raise SystemExit(c.getresponse().status != 200)"
)

_FILE: Final = """\
# The filter SFS in a container, from the wheel in dist/ (`uv build --wheel` makes it):
#   docker build -t sfs -f Containerfile .
{run}
FROM python:3.13-slim AS build
COPY dist/sfs_filter-*.whl /wheels/
RUN python -m venv /opt/sfs
RUN /opt/sfs/bin/pip install --no-cache-dir "$(ls /wheels/sfs_filter-*.whl)[admin]"

FROM python:3.13-slim
RUN useradd --system --uid 8080 --user-group --no-create-home --shell /usr/sbin/nologin sfs
RUN mkdir -m 0700 /state && chown sfs:sfs /state
COPY --from=build /opt/sfs /opt/sfs
USER sfs
VOLUME /state
EXPOSE 8080 8081
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s CMD ["/opt/sfs/bin/python", "-c", "{health}"]
ENTRYPOINT ["/opt/sfs/bin/sfs", "run", "--state", "/state", "--listen", "{listen}", "--admin", "{admin}"]
CMD ["--level", "2"]
"""
_OWN_NETWORK: Final = """\
#   docker run --name sfs --network host -v sfs-state:/state sfs --level 2
#   docker logs sfs                   # the ready line, and the link that sets the password
#   docker exec sfs /opt/sfs/bin/sfs admin link --state /state      # another link
# It listens on loopback alone, so it shares the network of the machine. For a network of its own write this file with
# `sfs service container --listen-all`."""
_ALL: Final = """\
#   docker run --name sfs -p 127.0.0.1:8080:8080 -p 127.0.0.1:8081:8081 -v sfs-state:/state sfs --level 2
#   docker logs sfs                   # the ready line, and the link that sets the password
#   docker exec sfs /opt/sfs/bin/sfs admin link --state /state --admin 0.0.0.0:8081      # another link
# The page that sets the filter is at https://127.0.0.1:8081/, with TLS: the browser warns until it has the certificate.
# It listens on every address inside the container. Every client then has an address of the container's network, so the
# filter cannot tell a stranger from the house, nor one reader from another: publish the port to loopback or to a
# private address of the machine, never to all of them (-p 8080:8080 opens it to the world)."""


def container_file(listen_all: bool = False) -> str:
    """The file. `listen_all`: take connections from outside the container's own loopback."""
    run = _ALL if listen_all else _OWN_NETWORK
    host = "0.0.0.0" if listen_all else "127.0.0.1"  # noqa: S104 - said by who asked for it
    return _FILE.format(run=run, health=HEALTH, listen=f"{host}:8080", admin=f"{host}:8081")
