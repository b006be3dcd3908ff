"""The sites' own ClientApp, with replies of the catalogue where the run's configuration orders them."""

import json

from flwr.app import Context, Message
from flwr.clientapp import ClientApp

from clients.app import app as honest
from fed import protocol
from tests.hostile.catalogue import by_name

ATTACKS = by_name()
KINDS = {
    protocol.CARD: "card",
    protocol.STATISTICS: "statistics",
    protocol.TRAIN: "train",
    protocol.SUMS: "sums",
    protocol.EVALUATE: "evaluate",
}


class HostileSites(ClientApp):
    """Answers as the sites do, unless ``attacks`` orders another reply for the site and round."""

    def __call__(self, message: Message, context: Context) -> Message:
        orders = json.loads(str(context.run_config["attacks"]))
        site, number = context.node_config["site"], message.metadata.group_id
        name = orders.get(f"{site} {number}", "")
        attack = ATTACKS.get(name)
        if attack is None or KINDS[message.metadata.message_type] != attack.on:
            return honest(message, context)
        if context.run_config["absent"]:
            raise ConnectionError("no answer at all")
        return attack.answer(honest(message, context))


app = HostileSites()
