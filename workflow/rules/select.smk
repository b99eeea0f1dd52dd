# The loss weights that each criterion chooses, from validation accuracies alone.
#
# Written twice. In a fresh clone committed files have arbitrary times, and no training may start because of them: so
# training listens to a file of its own, never committed, made after the weights (never committed either) of the runs
# it is selected from; selection.json, for people, is made from their metrics.

if selection_file():

    rule select_weights:
        input:
            run_files("weights-{learner}.safetensors", methods=["tune"]),
        output:
            "<results>/runs/selected.json",
        log:
            "<results>/logs/select_weights.log",
        resources:
            **NO_GPU,
        params:
            results=results_folder,
            grid=json.dumps(CONFIG.tune.grid),
            seeds=CONFIG.tune_seeds,
            students=list(PLAN.students),
            code=code_digest("kdbench.report.selection", without=DECLARATIONS),
        shell:
            "python3 -m kdbench select {output:q} --grid {params.grid:q} --seeds {params.seeds}"
            " --students {params.students} --results {params.results:q} > {log:q} 2>&1"

    use rule select_weights as write_selection with:
        input:
            run_files("metrics.json", methods=["tune"]),
        output:
            "<results>/selection.json",
        log:
            "<results>/logs/write_selection.log",
