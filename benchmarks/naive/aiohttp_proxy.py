"""A reverse proxy on aiohttp's server and client: `python -m benchmarks.naive.aiohttp_proxy --port P --upstream URL`."""

import argparse
import ssl

import aiohttp
import uvloop
from aiohttp import web

UPSTREAM = web.AppKey("UPSTREAM", str)
SESSION = web.AppKey("SESSION", aiohttp.ClientSession)
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host", "upgrade", "te", "trailer"}


async def forward(request: web.Request) -> web.StreamResponse:
    """Send the request on, and its answer back as it arrives."""
    headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP}
    body = await request.read()
    url = request.app[UPSTREAM] + request.path_qs
    async with request.app[SESSION].request(request.method, url, headers=headers, data=body) as answer:
        kept = {name: value for name, value in answer.headers.items() if name.lower() not in HOP_BY_HOP}
        response = web.StreamResponse(status=answer.status, headers=kept)
        if answer.content_length is not None:
            response.content_length = answer.content_length
        await response.prepare(request)
        async for chunk in answer.content.iter_any():
            await response.write(chunk)
        await response.write_eof()
        return response


def build_app(upstream: str, ca: str | None) -> web.Application:
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app[UPSTREAM] = upstream

    async def open_session(app: web.Application) -> None:
        context = ssl.create_default_context(cafile=ca) if ca else True
        connector = aiohttp.TCPConnector(limit=0, ssl=context)
        app[SESSION] = aiohttp.ClientSession(connector=connector, auto_decompress=False, timeout=aiohttp.ClientTimeout(total=600))

    async def close_session(app: web.Application) -> None:
        await app[SESSION].close()

    app.on_startup.append(open_session)
    app.on_cleanup.append(close_session)
    app.router.add_route("*", "/{path:.*}", forward)
    return app


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--port", type=int, required=True)
    options.add_argument("--upstream", required=True)
    options.add_argument("--ca")
    chosen = options.parse_args()
    uvloop.install()
    web.run_app(build_app(chosen.upstream, chosen.ca), host="127.0.0.1", port=chosen.port, access_log=None, print=None, backlog=4096)


if __name__ == "__main__":
    main()
