"""GPU figures: where they come from, and what they say about a replica, a node, a job."""
