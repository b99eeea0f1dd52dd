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
        threads: training_of(lesson).threads
        resources:
            gpu=GPU,
        params:
            results=results_folder,
            settings=settings_of(pattern),
            code=code_of(pattern),
        shell:
            "python3 -m kdbench train {params.settings:q} --results {params.results:q} --threads {threads}"
            " > {log:q} 2>&1"


# What the mentors of others know: their outputs on the training images, all of a run's in one job.


for lesson in PLAN.lessons:
    if not PLAN.mentors_others(lesson):
        continue
    pattern = PLAN.patterns(lesson)
    folder = f"<results>/runs/{pattern.run}/seed{{seed}}"

    rule:
        name:
            f"{lesson.method}-outputs"
        input:
            data="<results>/data/train.safetensors",
            weights=[f"{folder}/weights-{learner}.safetensors" for learner in pattern.learners],
        output:
            [f"{folder}/outputs-{learner}.safetensors" for learner in pattern.learners],
        log:
            f"<results>/logs/outputs-{pattern.run}-seed{{seed}}.log",
        priority: 100
        threads: training_of(lesson).threads
        resources:
            gpu=GPU,
        params:
            results=results_folder,
            settings=settings_of(pattern),
            code=code_of(pattern),
        shell:
            "python3 -m kdbench outputs {params.settings:q} --results {params.results:q} --threads {threads}"
            " > {log:q} 2>&1"
