"""The same loop on Temporal: a run is a workflow, a step an activity, and any process can go on with any run.

The journal is what readers see, as everywhere; what drives the runs, wakes them and survives machines is Temporal's.
"""
