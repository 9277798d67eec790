"""NATS, through which the services of several processes, servers and clusters find and call each other.

``layout`` says in dataclasses how a server shall run, and writes its configuration; ``server`` runs one here; ``client`` is
this process's connections; ``host`` answers for the services that this process hosts; ``remote`` makes the stubs that call
them; ``directory`` knows who is there. Nothing here is needed, nor started, where all services are in one process.
"""
