"""ClientApp: what a site answers to the coordinator.

A site keeps nothing between messages but its decoded images: every answer follows from the
configuration, the site's data and the message alone. So any worker can serve any site.
"""

from flwr.app import Context, Message
from flwr.clientapp import ClientApp

from clients.evaluation import evaluate
from clients.site import LocalSite, open_site
from clients.statistics import class_statistics
from clients.training import train
from fed import protocol

app = ClientApp()


def _site(context: Context) -> LocalSite:
    return open_site(str(context.run_config["federation"]), str(context.node_config["site"]))


@app.query("card")
def answer_card(message: Message, context: Context) -> Message:
    """Tell who the site is and what it owns."""
    site = _site(context)
    card = site.cases.card(len(site.config.task.classes))
    return Message(protocol.pack_card(card), reply_to=message)


@app.query("statistics")
def answer_statistics(message: Message, context: Context) -> Message:
    """Summarise the features of the global encoders on the site's cases."""
    statistics = class_statistics(_site(context), protocol.unpack_parameters(message.content))
    return Message(protocol.pack_bank(statistics), reply_to=message)


@app.train()
def answer_train(message: Message, context: Context) -> Message:
    """Train for one round."""
    update = train(_site(context), protocol.unpack_train_task(message.content))
    return Message(protocol.pack_update(update), reply_to=message)


@app.evaluate()
def answer_evaluate(message: Message, context: Context) -> Message:
    """Score the global model."""
    scores = evaluate(_site(context), protocol.unpack_evaluate_task(message.content))
    return Message(protocol.pack_scores(scores), reply_to=message)
