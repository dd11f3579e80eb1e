"""Invoices, payments and money, as pure functions.

Belongs here: a document's content and checks, the body that is sent, the meaning of a change. Does not belong here:
reading, sending, storing, the current time, random values. The package imports only pandas, pandera, msgspec, libraries
for names (nameparser, nicknames, cleanco, rapidfuzz) and the standard library.
"""
