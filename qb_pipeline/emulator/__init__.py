"""A local QuickBooks Online company, which is strict where the real QuickBooks Online is strict.

Belongs here: everything that plays Intuit, as an ASGI app (``python -m qb_pipeline.emulator``). It imports nothing else
of the project, so that it cannot share the project's mistakes. Does not belong here: anything that plays the client.
"""
