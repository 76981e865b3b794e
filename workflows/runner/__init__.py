"""What `workflows/run.py` and `tests/run.py` are made of: from a bare Python to a finished sound.

The way a run goes, one module a step:

    cli            reads the arguments and calls the rest in order
    environment    builds the private Python environment and continues inside it
    comfyui_source finds or fetches a ComfyUI
    workspace      the folder one server works in, with the pack linked into it
    server         starts and ends the real ComfyUI server
    graph          loads an API graph and applies the arguments to it
    client         queues it, follows it, reports its errors as sentences
    delivery       brings the results to out/; picture draws the waveform

`--jobs` runs many, and goes on after any end: jobs/.

`--simulator` puts a test server in RunComfy's place (simulator), and `--deployment` takes the last four steps to a
serverless deployment instead (deployment says what is sent, deployment_run sends it with the pack's own client).

Everything up to `environment` is standard library only.
"""
