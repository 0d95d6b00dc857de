"""What both ends of an established association speak: PDUs (PS3.8), command sets and messages (PS3.7)."""
