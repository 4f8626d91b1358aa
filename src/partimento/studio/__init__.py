"""The web studio: one server on this machine, pages in the browser, work in processes of its own.

The server imports nothing heavy, so that its first page is there at once.
"""
