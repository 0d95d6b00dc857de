"""What is done with objects: receive, describe, find, retrieve, render, in the background or on request."""
