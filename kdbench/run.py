"""The complete settings of one training run, as the plan gives them and metrics.json records them. Imports no torch."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from kdbench.config import Criterion, InputScaling, Network, Training
from kdbench.digest import code_digest
from kdbench.networks.catalogue import NETWORKS
from kdbench.recipes.lesson import AveragedPeers, Construction, StalePeers, Synthesis
from kdbench.recipes.losses import taken_by
from kdbench.section import Section

# Modules that have no effect on a run, or whose effect is in its settings: changing them reruns nothing by itself.
DECLARATIONS = (
    "kdbench.config",
    "kdbench.overlay",
    "kdbench.section",
    "kdbench.plan",
    "kdbench.run",
    "kdbench.recipes.lesson",
    "kdbench.recipes.losses",
    "kdbench.recipes.survey",
    "kdbench.recipes.schema",
    "kdbench.networks.catalogue",
    "kdbench.data.catalogue",
    "kdbench.classroom.reuse",
)


class Source(Section):
    """A finished learner of another run."""

    run: str
    seed: int
    learner: str

    def folder(self, results: Path) -> Path:
        return results / "runs" / self.run / f"seed{self.seed}"

    def weights_path(self, results: Path) -> Path:
        return self.folder(results) / f"weights-{self.learner}.safetensors"

    def outputs_path(self, results: Path) -> Path:
        return self.folder(results) / f"outputs-{self.learner}.safetensors"


class Learner(Section):
    """A network a run trains, and how images are presented to it."""

    name: str
    network: Network
    input_scaling: InputScaling
    upscale: int = 1
    view: str = "image"
    weights: str = "none"
    sha256: str | None = None
    starts_from: Source | None = Field(None, description="whose trained weights are its first")
    construction: Construction | None = None


class Mentor(Source):
    """A finished learner of another run, listened to through its stored outputs and, of ``layers``, its features."""

    role: Literal["teacher", "peer"]
    run: str
    seed: int
    learner: str
    layers: list[str] = []

    def features_path(self, results: Path, layer: str) -> Path:
        return self.folder(results) / f"features-{self.learner}-{layer}.safetensors"


class Term(Section):
    """One term of a learner's loss: ``weight`` times ``loss`` against a source of knowledge.

    A source of several gives the sum or the mean of its members' losses, or the loss against their average prediction.
    ``layers`` pairs the learner's layers with those of the one it listens to. ``weight`` is null where the selection
    decides it.
    """

    loss: str
    source: Literal["labels", "teacher", "peers"]
    weight: float | None
    combine: Literal["sum", "mean", "average"] = "sum"
    options: dict[str, float | bool] = {}
    layers: list[list[str]] = []

    def options_of(self, part: Literal["loss", "Adapter"]) -> dict[str, float | bool]:
        """The options that the loss takes itself, or its adapter."""
        taken = taken_by(self.loss, part)
        return {name: value for name, value in self.options.items() if name in taken}


class ImageChoice(Section):
    """Which images a run learns from, where it is not all of the study's."""

    fraction: float = Field(1.0, description="of each class")
    repeat: bool = Field(True, description="an epoch shows them as often as makes up the whole set")
    made_by: Source | None = Field(None, description="the run that made them")
    confused_by: Source | None = Field(None, description="whose confusions group the classes")
    specialist: int = Field(1, description="the group that is learned, others being one class")
    of: int = Field(2, description="how many groups")


class Fusion(Section):
    """How finished networks answer together."""

    by: str
    members: list[Source]
    options: dict[str, float | bool] = {}


class Run(Section):
    """Everything one training run depends on besides its data, mentors' outputs and selected weights.

    This is what the workflow passes to ``kdbench train`` and what metrics.json records as ``settings``.
    """

    name: str
    method: str
    seed: int
    learners: list[Learner]
    mentors: list[Mentor] = []
    live_teacher: bool = Field(False, description="the learner called teacher learns beside those it teaches")
    live_peers: bool = False
    peer_copies: StalePeers | AveragedPeers | None = Field(None, description="what of their live peers learners hear")
    detach_peers: bool = True
    objective: list[Term]
    selected_by: Criterion | None = Field(None, description="which criterion of the selection gives the weights")
    training: Training
    images: ImageChoice = ImageChoice()
    variant: str = Field("", description="other random draws than those of the runs it is compared with")
    validation: bool = False
    reported_epoch: Literal["last", "best-validation"] = "last"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    fusion: Fusion | None = None
    synthesis: Synthesis | None = None

    def folder(self, results: Path) -> Path:
        return results / "runs" / self.name / f"seed{self.seed}"

    def heard(self) -> list[Source]:
        """Learners of other runs whose stored outputs this one reads."""
        return [*self.mentors, *([self.images.confused_by] if self.images.confused_by else [])]

    def built_on(self) -> list[Source]:
        """Learners of other runs whose weights or images this one reads."""
        started = [learner.starts_from for learner in self.learners if learner.starts_from]
        members = self.fusion.members if self.fusion else []
        return [*started, *members, *([self.images.made_by] if self.images.made_by else [])]

    def inputs(self, results: Path) -> list[Path]:
        """Files of other runs that this one reads."""
        files = [mentor.outputs_path(results) for mentor in self.mentors]
        for mentor in (mentor for mentor in self.mentors if mentor.layers):
            files += [mentor.features_path(results, layer) for layer in mentor.layers]
            files.append(mentor.weights_path(results))
        files += [learner.starts_from.weights_path(results) for learner in self.learners if learner.starts_from]
        if self.fusion:
            files += [member.weights_path(results) for member in self.fusion.members]
        if self.images.confused_by:
            files.append(self.images.confused_by.outputs_path(results))
        if self.images.made_by:
            files.append(self.images.made_by.folder(results) / "images.safetensors")
        return list(dict.fromkeys(files))

    def code_digest(self) -> str:
        """Digest of the code this run executes: the classroom, its networks and its objectives."""
        networks = {f"kdbench.networks.{NETWORKS[learner.network.name].module}" for learner in self.learners}
        objectives = {f"kdbench.objectives.{term.loss}" for term in self.objective}
        steps = {"kdbench.classroom.train", "kdbench.classroom.outputs"}
        if self.fusion:
            steps = {f"kdbench.fusions.{self.fusion.by}", "kdbench.classroom.fuse"}
        if self.synthesis:
            steps = {"kdbench.classroom.synthesise"}
        return code_digest(*sorted(steps), *sorted(networks | objectives), without=DECLARATIONS)
