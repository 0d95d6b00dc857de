"""What follows from what happened: the change log becomes tasks, and tasks are done in the background."""
