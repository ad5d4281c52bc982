"""
What it is to step a state: the state, its native arrays, the compiled step of a flow, and what every solver can do.
"""
