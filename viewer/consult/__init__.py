"""Consultations for browsers: asking, the inbox, attachments, invitations."""
