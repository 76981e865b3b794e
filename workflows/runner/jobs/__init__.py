"""`run.py --jobs`: many jobs of one workflow, which go on after any end. One module a step:

    file       reads a file of jobs, line by line
    graphs     makes graphs of them: what identifies a job, where its sounds are, whether its values can be
    price      what they cost, and the limit on that
    bought     what one run of a job has bought, also one that failed
    batch      runs them on an engine, several at a time: comfyui or deployment; progress shows how far they are
    records    the finished sounds and the manifest on disk; page shows them
    command    calls these in order

`file` is standard library only; the rest needs the environment.
"""
