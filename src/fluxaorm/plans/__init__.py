"""The sans-I/O core: plans decide, effects say what is to be done, runners do it.

No module in here imports a driver, opens a socket or reads a clock but through the unit of work it is given.
"""
