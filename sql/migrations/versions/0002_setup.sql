-- Set-up: the company's settings as last seen, mappings that changed, documents to adopt.
select 1;
