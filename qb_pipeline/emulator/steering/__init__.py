"""The parts that tests and pages control: companies, authorizations, scripted faults, a bookkeeper's work, webhooks."""
