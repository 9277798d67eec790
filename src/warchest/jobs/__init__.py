"""Background work: what nobody waits for, and what the clock asks for.

Two kinds. A *pulse* is called every few seconds by each worker, and runs in one of them at a time. A *task* runs
once, by procrastinate, at the time of its cron line. Both may be killed anywhere and repeated.
"""
