"""A chat completion sent as it is written: server-sent events of the OpenAI protocol (torch).

What is refused before the first words is an error like any other; who goes away ends the writing.
"""

import asyncio
import json
import logging
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any, cast

from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from services.errors.tree import PersonaLoopError
from services.language_model.asking import Generated, GenerationRequest
from services.serving.inference_engine import InferenceEngine
from services.serving.protocol import details_of, error_body, status_and_code

logger = logging.getLogger(__name__)


class _Line:
    """Carries pieces from the model's thread to the loop of the request; None stands for the end."""

    def __init__(self) -> None:
        self.pieces: asyncio.Queue[str | None] = asyncio.Queue()
        self.cut = False
        self._loop = asyncio.get_running_loop()

    def hear(self, piece: str) -> bool:
        if not self.cut:
            self._loop.call_soon_threadsafe(self.pieces.put_nowait, piece)
        return not self.cut


async def chat_events(
    engine: InferenceEngine, request: GenerationRequest, *, with_usage: bool
) -> StreamingResponse:
    """The reply to a chat that asked for a stream; raises what the engine raises before the first words."""
    line = _Line()
    future = asyncio.wrap_future(await run_in_threadpool(engine.generate, request, line.hear))
    future.add_done_callback(lambda _: line.pieces.put_nowait(None))
    first = await line.pieces.get()
    if first is None:
        future.result()
    events = _events(line, cast("asyncio.Future[Generated]", future), first, request.model, with_usage)
    return StreamingResponse(events, media_type="text/event-stream")


async def _events(
    line: _Line,
    future: "asyncio.Future[Generated]",
    first: str | None,
    model: str,
    with_usage: bool,  # noqa: FBT001
) -> AsyncIterator[str]:
    head = {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": int(time.time()), "model": model}
    try:
        yield _chunk(head, {"role": "assistant", "content": ""})
        told, piece = "", first
        while piece is not None:
            told += piece
            yield _chunk(head, {"content": piece})
            piece = await line.pieces.get()
        try:
            generated = future.result()
        except PersonaLoopError as error:
            status, code = status_and_code(error)
            yield _event(error_body(str(error), status, code, details_of(error)))
            return
        if generated.text.startswith(told):
            yield _chunk(head, {"content": generated.text[len(told) :]})
        else:  # a tokenizer that spells the beginning of a text otherwise once it knows the end
            logger.warning("an answer of %s was told otherwise than it ended", model)
        yield _chunk(head, {}, finish_reason="stop" if generated.finish_reason == "stop" else "length")
        if with_usage:
            yield _event(_usage(head, generated))
        yield "data: [DONE]\n\n"
    finally:
        line.cut = True
        future.cancel()


def _chunk(head: dict[str, Any], delta: dict[str, str], *, finish_reason: str | None = None) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return _event({**head, "object": "chat.completion.chunk", "choices": [choice]})


def _usage(head: dict[str, Any], generated: Generated) -> dict[str, Any]:
    usage = {
        "prompt_tokens": generated.prompt_tokens,
        "completion_tokens": generated.completion_tokens,
        "total_tokens": generated.prompt_tokens + generated.completion_tokens,
    }
    return {**head, "object": "chat.completion.chunk", "choices": [], "usage": usage}


def _event(body: object) -> str:
    return f"data: {json.dumps(body)}\n\n"
