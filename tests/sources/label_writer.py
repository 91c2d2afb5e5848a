"""Writes into a store of labels until it is killed, and says on standard output what has been acknowledged.

A line on standard input, `database round seed`, starts a writer, forked so that a round costs no start of Python. The
first line of a writer is `pid N`. Then, for each call that came back: `rated N LEVEL`, `batch FIRST COUNT LEVEL`,
`withdrawn N`; before a batch is given: `trying FIRST COUNT`.
"""

import os
import random
import sys

from sfs.errors import SfsError
from sfs.pics.safetyonline import SERVICE
from sfs.sources.labels import LabelStore, StoredLabel

BATCH = 50


def url(round_, number):
    """The URL of a label of a round; the sites of all rounds lie among each other."""
    return f"http://site{number * 7919 % 10007}.test/{round_}/{number}"


def label(round_, number, level):
    return StoredLabel(SERVICE, url(round_, number), (("lv", float(level)),), source="kill.csv")


def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def write(database, round_, seed):
    """Rate by hand, in batches, and take back, in an order that the seed gives; never comes back."""
    say("pid", os.getpid())
    chance = random.Random(seed)
    store = LabelStore.open(database)
    number = 0
    while True:
        level = chance.randrange(5)
        what = chance.random()
        if what < 0.3:
            say("trying", number, BATCH)
            batch = (label(round_, n, level) for n in range(number, number + BATCH))
            store.rate(batch, who="import")
            say("batch", number, BATCH, level)
            number += BATCH
        elif what < 0.8 or not number:
            store.rate([label(round_, number, level)], who="hand")
            say("rated", number, level)
            number += 1
        else:
            gone = chance.randrange(number)
            store.withdraw(SERVICE, url(round_, gone), generic=False, who="hand")
            say("withdrawn", gone)


if __name__ == "__main__":
    for line in sys.stdin:
        database, round_, seed = line.split()
        if "://" in database:
            import sfs.sources.label_postgres
            import sfs.sources.label_tables  # noqa: F401 - once, not in each writer
        child = os.fork()
        if child == 0:
            try:
                write(database, round_, seed)
            except SfsError:  # its database is gone
                os._exit(1)
        os.waitpid(child, 0)
        say("ended")
