"""What a unit of work holds: entities, their rows and keys, and each entity as its engine sees it."""
