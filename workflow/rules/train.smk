# Stage 3-5: a rule a lesson of the study's recipes, all alike: every method is a classroom. Where jobs carry out several
# seeds of a run (seeds_per_job), a rule for every such group of seeds.


for lesson, seeds in lessons_by_seeds():
    pattern = PLAN.patterns(lesson)
    folders = [f"<results>/runs/{pattern.run}/seed{seed}" for seed in seeds]

    rule:
        name:
            rule_name(lesson.method, seeds)
        input:
            selection=selection_of(lesson),
            data=images_of(lesson),
            test="<results>/data/test.safetensors",
            split=split_of(lesson),
            others=others_of(pattern, seeds),
        output:
            [file for name in lesson.leaves for file in learners_files(name, pattern, folders)],
        log:
            f"<results>/logs/{pattern.run}-seed{'+'.join(seeds)}.log",
        # What others wait for comes first, so that no processor is idle at the end.
        priority: PLAN.waiting_for(lesson)
        threads: PLAN.settings.training(lesson).threads
        resources:
            **GPU,
        params:
            results=results_folder,
            settings=settings_of(pattern, seeds),
            code=code_of(pattern, seeds),
            reuse=reuse_option if lesson.verb == "train" else [],
            verb=lesson.verb,
        shell:
            "python3 -m kdbench {params.verb} {params.settings:q} --results {params.results:q} --threads {threads}"
            " --slots-per-gpu {resources.slots_per_gpu} {params.reuse:q} > {log:q} 2>&1"


# What the mentors of others know: their outputs on the training images, all of a job's in one job.


for lesson, seeds in lessons_by_seeds():
    if not PLAN.mentors_others(lesson) or lesson.synthesise:
        continue
    pattern = PLAN.patterns(lesson)
    folders = [f"<results>/runs/{pattern.run}/seed{seed}" for seed in seeds]

    rule:
        name:
            rule_name(f"{lesson.method}-outputs", seeds)
        input:
            data="<results>/data/train.safetensors",
            weights=learners_files("weights-{learner}.safetensors", pattern, folders),
        output:
            learners_files("outputs-{learner}.safetensors", pattern, folders),
        log:
            f"<results>/logs/outputs-{pattern.run}-seed{'+'.join(seeds)}.log",
        priority: 100
        threads: PLAN.settings.training(lesson).threads
        resources:
            **GPU,
        params:
            results=results_folder,
            settings=settings_of(pattern, seeds),
            code=code_of(pattern, seeds),
            reuse=reuse_option,
        shell:
            "python3 -m kdbench outputs {params.settings:q} --results {params.results:q} --threads {threads}"
            " --slots-per-gpu {resources.slots_per_gpu} {params.reuse:q} > {log:q} 2>&1"


# And one layer of theirs, for those who compare features.


for lesson, seeds in lessons_by_seeds():
    if not PLAN.features_of(lesson):
        continue
    pattern = PLAN.patterns(lesson)
    folders = [f"<results>/runs/{pattern.run}/seed{seed}" for seed in seeds]

    rule:
        name:
            rule_name(f"{lesson.method}-features", seeds)
        input:
            data="<results>/data/train.safetensors",
            weights=learners_files("weights-{learner}.safetensors", pattern, folders),
        output:
            learners_files("features-{learner}-{{layer}}.safetensors", pattern, folders),
        log:
            f"<results>/logs/features-{pattern.run}-seed{'+'.join(seeds)}-{{layer}}.log",
        priority: 100
        threads: PLAN.settings.training(lesson).threads
        resources:
            **GPU,
        params:
            results=results_folder,
            settings=settings_of(pattern, seeds),
            code=code_digest("kdbench.classroom.features", without=DECLARATIONS),
            limit=CONFIG.features.store_up_to_gb,
        shell:
            "python3 -m kdbench features {params.settings:q} --layer {wildcards.layer} --limit {params.limit}"
            " --results {params.results:q} --threads {threads} --slots-per-gpu {resources.slots_per_gpu} > {log:q} 2>&1"
