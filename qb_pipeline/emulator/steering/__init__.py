"""The parts that tests and pages control: companies and authorizations, scripted faults, the bookkeeper's hand,
webhooks."""
