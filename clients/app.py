"""ClientApp: what a site answers to the coordinator.

A site keeps nothing between messages but its decoded images: every answer follows from the
configuration, the site's data and the message alone. So any worker can serve any site.
"""

from dataclasses import replace
from logging import getLogger

from flwr.app import Context, Error, Message
from flwr.clientapp import ClientApp
from flwr.clientapp.typing import ClientAppCallable
from flwr.common.constant import ErrorCode

from clients.class_sums import class_sums, solving
from clients.evaluation import evaluate
from clients.pseudonyms import pseudonymous, site_key
from clients.site import LocalSite, open_site
from clients.spending import BudgetSpentError, spend
from clients.statistics import class_statistics
from clients.training import train
from fed import protocol, running
from fed.config.clock import STATISTICS
from fed.data.opening import open_own
from fed.engines.site import one_thread
from fed.errors import ConfigError, DataError
from fed.parts import trusting
from fed.randomness import generator
from fed.states import halved

log = getLogger(__name__)


def under_flower(message: Message, context: Context, answer: ClientAppCallable) -> Message:
    """Do on Flower's runtimes what an engine does for all its sites: one thread, named errors.

    Whatever the answer takes, no code of others is loaded that the node does not name: a data
    source is imported only when it is read.
    On one thread, a site's sums do not depend on who runs it. Of an error, one line goes to the
    server; the traceback stays in the log of the SuperNode. From a node of its own that line names
    no file and no id, whatever the error says.
    """
    if running.by_engine(context.run_config):
        return answer(message, context)
    try:
        with trusting(running.trusted_parts(context.node_config)), one_thread():
            return answer(message, context)
    except Exception as error:
        log.exception("could not answer %s", message.metadata.message_type)
        alone = running.deployed(context.run_config, context.node_config)
        reason = f"{type(error).__name__}: {_outside(error) if alone else error}"
        return Message(Error(ErrorCode.CLIENT_APP_RAISED_EXCEPTION, reason), reply_to=message)


def _outside(error: Exception) -> str:
    """Return what others are told of an error."""
    if isinstance(error, BudgetSpentError):
        return str(error)
    kinds = {ConfigError: "its configuration", DataError: "its data"}
    refused = next((words for kind, words in kinds.items() if isinstance(error, kind)), None)
    what = f"{refused} was refused" if refused else "it could not answer"
    return f"{what}; the log of the site says why"


app = ClientApp(mods=[under_flower])


def _site(context: Context) -> LocalSite:
    if running.by_engine(context.run_config):
        config = running.configured(context.run_config)
        return open_site(config, str(context.node_config["site"]))
    config = running.configured(context.run_config, running.trusted_parts(context.node_config))
    name = running.site_name(config, context.node_config)
    alone = running.deployed(context.run_config, context.node_config)
    return open_site(config, name, running.own_data(context.node_config), alone)


def _spend(site: LocalSite, context: Context, work: str) -> None:
    """Have a deployed site count what it is about to give; in a simulation the server counts."""
    if site.deployed:
        spend(site, running.site_folder(context.node_config), work)


@app.query("card")
def answer_card(message: Message, context: Context) -> Message:
    """Tell who the site is and what it owns; its own data is checked before it says so."""
    site = _site(context)
    data = running.own_data(context.node_config)
    if data is not None:
        open_own(site.config, site.name, data).check()
    return Message(protocol.pack_card(site.card), reply_to=message)


@app.query("statistics")
def answer_statistics(message: Message, context: Context) -> Message:
    """Summarise the features of the global encoders on the site's cases."""
    site = _site(context)
    _spend(site, context, STATISTICS)
    statistics = class_statistics(site, protocol.unpack_parameters(message.content))
    if site.attack is not None:
        statistics = site.attack.statistics(statistics)
    return Message(protocol.pack_statistics(statistics), reply_to=message)


@app.query("sums")
def answer_sums(message: Message, context: Context) -> Message:
    """Sum the features of the global encoders on the site's cases."""
    site = _site(context)
    _spend(site, context, solving(site.config.method).name)
    sums = class_sums(site, protocol.unpack_parameters(message.content))
    return Message(protocol.pack_sums(sums), reply_to=message)


@app.train()
def answer_train(message: Message, context: Context) -> Message:
    """Train for one round."""
    site, task = _site(context), protocol.unpack_train_task(message.content)
    protocol.check_train_task(task, len(site.config.method.phases))
    _spend(site, context, site.config.method.phases[task.phase].name)
    update = train(site, task)
    if site.attack is not None:
        random = generator(site.config.seed, site.name, task.round, "attack")
        sent = site.attack.parameters(update.parameters, task.parameters, random)
        update = replace(update, parameters=sent)
    if site.config.server.updates == "float16":
        changes = halved(update.parameters, task.parameters)
        update = replace(update, parameters=changes)
    return Message(protocol.pack_update(update), reply_to=message)


@app.evaluate()
def answer_evaluate(message: Message, context: Context) -> Message:
    """Score the global model."""
    site = _site(context)
    scores = evaluate(site, protocol.unpack_evaluate_task(message.content))
    if site.deployed:
        scores = pseudonymous(scores, site_key(running.key_file(context.node_config)))
    return Message(protocol.pack_scores(scores), reply_to=message)
