"""What an administrator looks after: peers, refusals, users, tokens, conflicts, quarantine, health."""
