"""The standalone server: an ASGI front end, on uvicorn.

Here alone a slow reader blocks nobody: answers are sent by the event loop as fast as each client
takes them, and only what needs upstream waits in a thread.
"""
