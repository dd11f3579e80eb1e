"""What a person asks for: look at one document, answer it, connect a company, switch models, name documents."""
