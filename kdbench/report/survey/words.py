"""A method's choices at the stages of the survey's model, in the words of the survey's Tables I and II."""

from kdbench.paper.survey import Column
from kdbench.recipes.survey import Survey

NOTHING = "-"  # as the survey prints it
MODIFICATIONS = {
    "resolution": "Down-sampled images",
    "augmentation": "Fundamental Augmentations",
    "modality": "Other modalities",
    "view": "Other views",
}
TEACHERS = {"none": "None", "single": "Single", "several": "Multi-teacher"}
# In the order in which the survey names several. A student that learns directly from one teacher is "permuted" there.
TRANSFERS = {
    "sequential": "Sequential",
    "direct": "Permuted Distillation",
    "aggregated": "Aggregated Distillation",
    "conditional": "Conditional Distillation",
    "weighted": "Weighted Distillation",
    "multi-level": "Multi-level Distillation",
    "peer": "Peer Distillation",
}
STUDENTS = {"single": "Single", "several": "Multi-student"}
ARCHITECTURES = {"as teacher": "Teacher-like", "simplified": "Simplified teacher", "different": "Different"}
CONSTRUCTIONS = {
    "initialised from teacher": "Initialised from teacher",
    "quantised": "Quantized",
    "low-precision": "Low-precision",
    "pruned": "Pruned",
}


def words(survey: Survey) -> dict[Column, str]:
    """What the survey's tables would say of a method with these choices, column by column."""
    return {
        "objective": objective_words(survey),
        "data": survey.data or data_words(survey),
        "teacher": teacher_words(survey),
        "knowledge": ", ".join(map(capital, survey.chosen("knowledge_type"))) or NOTHING,
        "method": method_words(survey),
        "student": student_words(survey),
        "dataset": ", ".join(survey.datasets) or NOTHING,
    }


def objective_words(survey: Survey) -> str:
    """Of all objectives the survey capitalises accuracy alone, where it begins the cell."""
    text = " and ".join(survey.chosen("objectives"))
    return capital(text) if text.startswith("accuracy") else text


def data_words(survey: Survey) -> str:
    whose = [] if survey.data_partition == "none" else [f"For {survey.data_partition}"]
    changes = [MODIFICATIONS[choice] for choice in survey.chosen("data_modification")]
    if whose and not changes:
        changes = ["Part of the data"]
    return ", ".join([*whose, *changes]) or NOTHING


def teacher_words(survey: Survey) -> str:
    """How many, and of a single one how large; of several the survey names no architecture."""
    setup = TEACHERS[survey.teacher_setup]
    sizes = capital(" and ".join(survey.chosen("teacher_architecture")))
    return f"{setup}, {sizes}" if sizes and survey.teacher_setup == "single" else setup


def method_words(survey: Survey) -> str:
    where = ["Intermediate layers"] if "intermediate" in survey.knowledge_location else []
    how = [text for transfer, text in TRANSFERS.items() if transfer in survey.transfer]
    return ", ".join([*where, *how]) or NOTHING


def student_words(survey: Survey) -> str:
    """How many, and the recipe's own words of it or else architecture and construction."""
    kind = [survey.student] if survey.student else []
    if not kind:
        kind = [ARCHITECTURES[choice] for choice in survey.chosen("student_architecture")]
        kind += [CONSTRUCTIONS[choice] for choice in survey.chosen("student_construction") if choice in CONSTRUCTIONS]
    return ", ".join([STUDENTS[survey.student_setup], *kind])


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]
