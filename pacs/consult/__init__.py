"""Consultations: who may do what, in which words, and what follows. No Flask, no SQL."""
