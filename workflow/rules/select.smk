# The loss weights that each criterion chooses, from validation accuracies alone.

if selection_file():

    rule select_weights:
        input:
            tuned=run_files("metrics.json", methods=["tune"]),
            ranking=run_files("metrics.json", methods=["scratch"], seeds=CONFIG.seeds[:1]),
        output:
            "<results>/selection.json",
        log:
            "<results>/logs/select_weights.log",
        params:
            python=PYTHON,
            results=results_folder,
            grid=json.dumps(CONFIG.tune.grid),
            seeds=CONFIG.tune_seeds,
            students=list(PLAN.students),
            ranking_seed=CONFIG.seeds[0],
            code=code_digest("kdbench.report.selection"),
        shell:
            "{params.python} -m kdbench select --grid {params.grid:q} --seeds {params.seeds}"
            " --students {params.students} --ranking-seed {params.ranking_seed}"
            " --results {params.results:q} > {log:q} 2>&1"
