"""Invoices, payments and money, as pure functions.

Belongs here: what a document is, whether it can be sent, what is sent, what a change means. Does not belong here:
reading, sending, remembering, the clock, chance. Imports pandas, pandera, msgspec and the standard library only.
"""
