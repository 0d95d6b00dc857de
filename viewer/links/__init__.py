"""Links to studies: made by people with accounts, opened by guests."""
