"""One message at one site: the same few lines in this process and in a Ray worker."""

import importlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from flwr.app import Context, Message, RecordDict
from flwr.clientapp import ClientApp

from fed.engines.messages import RUN_ID, exception_failure

ConfigValue = Any


def load_client_app(path: str) -> ClientApp:
    """Import the ClientApp named ``package.module:attribute``.

    Raises
    ------
    ValueError
        If ``path`` does not name a ClientApp.
    """
    module, _, attribute = path.partition(":")
    app = getattr(importlib.import_module(module), attribute, None) if attribute else None
    if not isinstance(app, ClientApp):
        raise ValueError(f"client_app: {path!r} is no ClientApp; expected 'package.module:app'")
    return app


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread, so that sums have one order; the former settings return on exit.

    Covers torch and the BLAS and OpenMP libraries that are loaded on entry.
    """
    import torch
    from threadpoolctl import threadpool_limits

    threads = torch.get_num_threads()
    with threadpool_limits(limits=1):
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)


@dataclass(frozen=True)
class Site:
    """A site as its ClientApp meets it."""

    node_id: int
    name: str
    run_config: Mapping[str, ConfigValue]

    def answer(self, app: ClientApp, message: Message) -> Message:
        """Let the site's ClientApp answer; whatever goes wrong becomes an error reply.

        ``context.state`` starts empty with every message: what a site does follows from the
        message and its configuration alone, so that it may run on any worker, and run again.
        """
        context = Context(
            run_id=RUN_ID,
            node_id=self.node_id,
            node_config={"site": self.name},
            state=RecordDict(),
            run_config=dict(self.run_config),
        )
        try:
            reply = app(message, context)
            if not isinstance(reply, Message):
                raise TypeError(f"the ClientApp returned {type(reply).__name__}, not a Message")
            if reply.metadata.src_node_id != self.node_id:
                raise ValueError("the ClientApp answered as another node")
        except (Exception, SystemExit) as error:
            return exception_failure(message, self.name, error)
        return reply
