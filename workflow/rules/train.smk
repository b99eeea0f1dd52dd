# Stage 3-5: one rule a lesson of the study's recipes, all alike: every method is a classroom.


for lesson in PLAN.lessons:
    pattern = PLAN.patterns(lesson)
    folder = f"<results>/runs/{pattern.run}/seed{{seed}}"

    rule:
        name:
            lesson.method
        input:
            selection=selection_of(lesson),
            data="<results>/data/train.safetensors",
            test="<results>/data/test.safetensors",
            split=split_of(lesson),
            mentors=mentors_of(pattern),
        output:
            metrics=f"{folder}/metrics.json",
            history=f"{folder}/history.csv",
            predictions=[f"{folder}/predictions-{learner}.npz" for learner in pattern.learners],
            weights=[f"{folder}/weights-{learner}.safetensors" for learner in pattern.learners],
        log:
            f"<results>/logs/{pattern.run}-seed{{seed}}.log",
        # What others wait for comes first, so that no processor is idle at the end.
        priority: PLAN.waiting_for(lesson)
        threads: (CONFIG.teacher.training if lesson.learners == "teacher" else CONFIG.training).threads
        resources:
            gpu=GPU,
        params:
            results=results_folder,
            settings=settings_of(pattern),
            code=code_of(pattern),
        shell:
            "python3 -m kdbench train {params.settings:q} --results {params.results:q} --threads {threads}"
            " > {log:q} 2>&1"


rule store_outputs:
    input:
        data="<results>/data/train.safetensors",
        weights="<results>/runs/{run}/seed{seed}/weights-{learner}.safetensors",
    output:
        "<results>/runs/{run}/seed{seed}/outputs-{learner}.safetensors",
    log:
        "<results>/logs/outputs-{learner}-{run}-seed{seed}.log",
    priority: 100
    threads: lambda wildcards: PLAN.run(wildcards.run, int(wildcards.seed)).training.threads
    resources:
        gpu=GPU,
    params:
        results=results_folder,
        settings=lambda wildcards: PLAN.run(wildcards.run, int(wildcards.seed)).model_dump_json(),
        code=lambda wildcards: PLAN.run(wildcards.run, int(wildcards.seed)).code_digest(),
    shell:
        "python3 -m kdbench outputs {params.settings:q} --learner {wildcards.learner}"
        " --results {params.results:q} --threads {threads} > {log:q} 2>&1"
