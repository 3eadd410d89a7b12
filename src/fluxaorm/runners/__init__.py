"""The two shells that perform what plans ask for: one for threads, one for asyncio. All decisions are the plans'."""
