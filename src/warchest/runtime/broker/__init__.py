"""NATS, through which the services of several processes, servers and clusters find and call each other.

``layout`` says in dataclasses how a server shall run, and writes its configuration; ``embedded`` runs one here, and ``server``
the one that the configuration means. ``client`` is this process's connections; ``host`` answers for the services that it hosts
(``serving`` is a process for that alone); ``remote`` makes the stubs that call them; ``directory`` knows who is there;
``line`` talks with other clusters. Nothing here is needed, nor started, where all services are in one process.
"""
