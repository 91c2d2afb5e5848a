"""`sfs run --workers N`: several processes that serve one port.

    supervisor.py  forks the others from one warm parent, keeps the listening sockets open, replaces who ends
    control.py     what the supervisor and a child say to each other, and the sockets it hands out
    wire.py        messages between a worker and the hub
    hub.py         the process that keeps what is kept once: decision log, trust, reports, the page of the administrator
    member.py      a worker's side: what it learns it tells the hub, what others learned it takes
    journal.py     the decision log: who writes a record, and who does where a process has ended
    trust.py       which devices are trusted, the same in every process

The supervisor does nothing but that, in one thread, so that it may fork at any time. A worker that ends takes its
connections with it and nothing else. Each worker knows all that is needed to decide; nobody is asked on the way."""
