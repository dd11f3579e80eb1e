"""The work that a person asks for: showing a document, answering it, connecting a company, switching models, naming
documents."""
