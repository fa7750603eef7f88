"""What speaks gRPC for an application, beside what speaks HTTP."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from trueup.foundation.errors import MissingExtraError, TrueupError, UsageError
from trueup.lifecycle.serving.server.fronts import Answering, Front
from trueup.lifecycle.serving.server.http import Reply, refusal

_LARGEST: Final = 64 << 20
_CODES: Final = {
    **{400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED"},
    **{404: "NOT_FOUND", 409: "ABORTED", 413: "OUT_OF_RANGE", 415: "INVALID_ARGUMENT"},
    **{422: "FAILED_PRECONDITION", 429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE"},
    **{504: "DEADLINE_EXCEEDED"},
}
_OK: Final = 200


class Both:
    """HTTP and gRPC for one application.

    Args:
        http: What speaks HTTP.
        grpc: What speaks gRPC.
    """

    def __init__(self, http: Front, grpc: Grpc) -> None:
        self._http = http
        self._grpc = grpc

    async def open(self, listener: socket.socket) -> None:
        """Take requests from now on."""
        await self._grpc.open()
        await self._http.open(listener)

    async def close(self, within_s: float) -> None:
        """Take no more connections; finish what is under way."""
        await asyncio.gather(self._http.close(within_s), self._grpc.close(within_s))


class Grpc:
    """The service of the Open Inference Protocol.

    Args:
        application: What answers.
        host: Address to listen on.
        port: Port to listen on; 0 picks a free one.

    Attributes:
        port: Where it listens, once it is open.

    Raises:
        MissingExtraError: The library of gRPC is not installed.
    """

    def __init__(self, application: Answering, host: str, port: int) -> None:
        try:
            import grpc.aio  # noqa: F401
        except ImportError:
            raise MissingExtraError("grpcio", "grpc") from None
        self._application = application
        self._host = host
        self.port = port

    async def open(self) -> None:
        """Take requests from now on.

        Raises:
            UsageError: The port is in use.
        """
        import grpc

        options = [("grpc.max_receive_message_length", _LARGEST), ("grpc.so_reuseport", 0)]
        self._server = grpc.aio.server(options=options)
        self._server.add_generic_rpc_handlers((_handlers(self._application),))
        place = f"[{self._host}]" if ":" in self._host else self._host
        try:
            self.port = self._server.add_insecure_port(f"{place}:{self.port}")
        except RuntimeError:
            raise UsageError(
                "port-in-use",
                f"Port {self.port} on {self._host} is used by another program.",
                hint="trueup serve --grpc-port 0",
                context={"host": self._host, "port": self.port},
            ) from None
        await self._server.start()

    async def close(self, within_s: float) -> None:
        """Take no more connections; finish what is under way."""
        await self._server.stop(within_s)


def _handlers(application: Answering) -> Any:
    import grpc

    from trueup.lifecycle.serving.rpc import translating
    from trueup.lifecycle.serving.rpc.messages import MESSAGES, SERVICE
    from trueup.lifecycle.serving.rpc.translating import Translated

    async def told(context: Any, method: str, path: str, body: bytes = b"", head: int = 0) -> Reply:
        """The application's reply; ends the call where that is no success."""
        metadata = context.invocation_metadata() or ()
        request = Translated(method, path, context.peer(), metadata, body, head)
        reply = await application.answer(request)
        if reply.status != _OK:
            await refused(context, reply)
        return reply

    async def refused(context: Any, reply: Reply) -> None:
        code = grpc.StatusCode[_CODES.get(reply.status, "INTERNAL")]
        words = msgspec.json.decode(reply.body).get("error", "")
        await context.abort(code, words)

    async def is_well(context: Any, path: str) -> bool:
        metadata = context.invocation_metadata() or ()
        reply = await application.answer(Translated("GET", path, context.peer(), metadata))
        return reply.status == _OK

    async def live(_request: Any, context: Any) -> Any:
        well = await is_well(context, "/v2/health/live")
        return MESSAGES["ServerLiveResponse"](live=well)

    async def ready(_request: Any, context: Any) -> Any:
        well = await is_well(context, "/v2/health/ready")
        return MESSAGES["ServerReadyResponse"](ready=well)

    async def model_ready(request: Any, context: Any) -> Any:
        path = translating.path_of(request.name, request.version, "/ready")
        return MESSAGES["ModelReadyResponse"](ready=await is_well(context, path))

    async def server(_request: Any, context: Any) -> Any:
        said = msgspec.json.decode((await told(context, "GET", "/v2")).body)
        return MESSAGES["ServerMetadataResponse"](**said)

    async def model(request: Any, context: Any) -> Any:
        path = translating.path_of(request.name, request.version)
        return translating.described(await told(context, "GET", path))

    async def infer(request: Any, context: Any) -> Any:
        path = translating.path_of(request.model_name, request.model_version, "/infer")
        body, head = translating.body_of(request)
        return translating.answer_of(await told(context, "POST", path, body, head))

    def guarded(handle: Callable[[Any, Any], Awaitable[Any]]) -> Callable[[Any, Any], Any]:
        async def handled(request: Any, context: Any) -> Any:
            try:
                return await handle(request, context)
            except TrueupError as error:
                await refused(context, refusal(error))

        return handled

    methods = {
        "ServerLive": live,
        "ServerReady": ready,
        "ModelReady": model_ready,
        "ServerMetadata": server,
        "ModelMetadata": model,
        "ModelInfer": infer,
    }
    return grpc.method_handlers_generic_handler(
        SERVICE,
        {
            name: grpc.unary_unary_rpc_method_handler(
                guarded(handle),
                request_deserializer=MESSAGES[f"{name}Request"].FromString,
                response_serializer=MESSAGES[f"{name}Response"].SerializeToString,
            )
            for name, handle in methods.items()
        },
    )
