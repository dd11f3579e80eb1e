"""qb_pipeline keeps a law firm's billing database and QuickBooks Online in step."""
