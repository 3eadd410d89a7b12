"""The API process: takes orders and shows them. It never waits for MySQL to write.

    POST /orders            {"customer": "Ada", "item": "tea", "quantity": 2} -> the order, with its id
    POST /orders/ID/ship    -> the order, shipped
    GET  /orders/ID         the order as it is, whether MySQL has it yet or not
    GET  /orders            those that MySQL has, the latest first

An answer that is no order is {"error": "...", "repeat": true or false}: whether the same request may be sent again,
because nothing of it is stored. An order that is stored while Redis could not be told of it is 202 in place of 201
or 200: it will be written, and until then some look-ups may not show it.

It prints its address when it is ready. SIGTERM or Ctrl-C ends it, after the requests in hand.
"""

from __future__ import annotations

import json
import signal
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import fluxaorm as fx
from entities import OrderEntity, OrderEntityProvider
from models import registry

SHOWN = 100
Answer = tuple[HTTPStatus, Any]


def create(ctx: fx.Context, wanted: Any) -> Answer:
    """Take an order; it is stored in Kafka when this returns, and MySQL follows."""
    order = OrderEntityProvider.new(ctx, customer=wanted["customer"], item=wanted["item"], quantity=wanted["quantity"])
    return publish(ctx, HTTPStatus.CREATED), order.to_dict()


def ship(ctx: fx.Context, id: int) -> Answer:
    """Change an order, even one that MySQL does not have yet."""
    order = OrderEntityProvider.must_get_by_id(ctx, id)
    order.status = "shipped"
    return publish(ctx, HTTPStatus.OK), order.to_dict()


def publish(ctx: fx.Context, done: HTTPStatus) -> HTTPStatus:
    """Hand over what was changed; ``done``, or 202 when it is stored and not yet shown to everybody."""
    try:
        ctx.flush_async(True)
    except fx.PostCommitError:
        return HTTPStatus.ACCEPTED
    return done


def show(ctx: fx.Context, id: int) -> Answer:
    """A look-up by id lays what is published over what MySQL has."""
    return HTTPStatus.OK, OrderEntityProvider.must_get_by_id(ctx, id).to_dict()


def latest(ctx: fx.Context) -> Answer:
    """A search is MySQL's: it sees an order once the consumer has written it."""
    query = fx.Query().sort_by_desc(OrderEntityProvider.fields.id).pager(1, SHOWN)
    found: list[OrderEntity] = OrderEntityProvider.search_many(ctx, query)
    return HTTPStatus.OK, [order.to_dict() for order in found]


def failed(error: Exception) -> Answer:
    """What went wrong, and whether the request may be repeated. Raises what is a mistake of this program."""
    repeat = False
    match error:
        case fx.EntityNotFoundError():
            status = HTTPStatus.NOT_FOUND
        case KeyError() | TypeError() | ValueError():
            return HTTPStatus.BAD_REQUEST, {"error": f"{type(error).__name__}: {error}", "repeat": False}
        case fx.TryAgainError() | fx.KafkaError():
            # a server is away, or the brokers refused it: nothing is stored
            status, repeat = HTTPStatus.SERVICE_UNAVAILABLE, True
        case fx.AsyncFlushUnknownError():
            # it may be stored, and an order that is sent again is another one: the customer looks before
            status = HTTPStatus.SERVICE_UNAVAILABLE
        case _:
            raise error
    return status, {"error": str(error), "repeat": repeat}


class Handler(BaseHTTPRequestHandler):
    """One context a request."""

    engine: ClassVar[fx.Engine]

    def do_GET(self) -> None:
        """Show."""
        self._answer()

    def do_POST(self) -> None:
        """Take or change."""
        self._answer()

    def _answer(self) -> None:
        with self.engine.new_context() as ctx:
            try:
                status, body = self._routed(ctx)
            except (fx.FluxaError, KeyError, TypeError, ValueError) as error:
                status, body = failed(error)
            ctx.clear_flush()
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _routed(self, ctx: fx.Context) -> Answer:
        match self.command, self.path.strip("/").split("/"):
            case "POST", ["orders"]:
                return create(ctx, json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            case "POST", ["orders", id, "ship"]:
                return ship(ctx, int(id))
            case "GET", ["orders"]:
                return latest(ctx)
            case "GET", ["orders", id]:
                return show(ctx, int(id))
        return HTTPStatus.NOT_FOUND, {"error": f"there is no {self.command} {self.path}", "repeat": False}

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing of each request."""


class Server(ThreadingHTTPServer):
    """Waits for the requests in hand when it is closed."""

    daemon_threads = False


def main() -> None:
    """Serve until a signal comes."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
    with registry.validate() as engine, Server(("127.0.0.1", port), Handler) as server:
        Handler.engine = engine
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
