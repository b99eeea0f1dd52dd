"""The loss that figure 1 shows, in symbols, and what they mean."""

from pathlib import Path

from kdbench.config import Config
from kdbench.report.diagram import INK
from kdbench.report.lettering import plain
from kdbench.report.objective import Ingredient, peers_of
from kdbench.report.selected import find_selection
from kdbench.run import Run

EQUALS, PLUS = "$=$", "$+$"
SOURCE_COLORS = {"labels": "#5a5a5a", "teacher": "#0072B2", "peers": "#B44A00"}


def loss_name(number: int) -> str:
    """The loss of student ``number``; a formula without dollars."""
    return f"L_{{S{number}}}"


def loss_symbol(term: Ingredient, number: int | None = None) -> str:
    """S, TS and P of the paper's equation 1, a peer with its student's number; a formula without dollars."""
    return {"labels": "S", "teacher": r"\mathit{TS}", "peers": f"P_{{{number}}}"}[term.term.source]


def formula_lines(run: Run, terms: list[Ingredient], numbers: dict[str, int]) -> list[list[tuple[str, str]]]:
    """The loss in symbols and, where the weights are known, with its numbers; each piece with its source's colour."""
    peers = peers_of(run)
    name = loss_name(numbers[run.learners[0].name])
    symbols, figures = [(f"${name}$", INK), (EQUALS, INK)], [("", INK), (EQUALS, INK)]
    shown = [term for term in terms if term.term.source != "peers" or peers]
    for place, term in enumerate(shown):
        value = loss_symbol(term)
        if term.term.source == "peers":
            value = " + ".join(loss_symbol(term, numbers[peer]) for peer in peers)
            if len(peers) > 1:
                factor = f"\\frac{{1}}{{{len(peers)}}}" if term.term.combine == "mean" else ""
                value = f"{factor}\\,({value})"
        color = SOURCE_COLORS[term.term.source]
        for segments, weight in ((symbols, term.symbol), (figures, f"{term.weight:g}" if term.weight else "0")):
            segments += [(PLUS, INK)] * (place > 0) + [(f"${weight}\\,{value}$", color)]
    return [symbols, figures] if len(shown) > 1 and all(term.weight is not None for term in shown) else [symbols]


def explanations(
    config: Config, run: Run, terms: list[Ingredient], numbers: dict[str, int], results: Path
) -> list[str]:
    """What the symbols mean and where the weights come from, in sentences."""
    peers, sentences = peers_of(run), []
    for term in terms:
        source, softened = term.term.source, ""
        if term.temperature is not None:
            squared = f", times T²\u00a0=\u00a0{term.temperature**2:g}" if term.scaled else ", not multiplied by T²"
            softened = f", both softened by T\u00a0=\u00a0{term.temperature:g}{squared}"
        if source == "labels":
            sentences.append(f"S: {term.loss} with the label.")
        elif source == "teacher":
            sentences.append(f"TS: {term.loss} from the teacher's prediction{softened}.")
        elif peers:
            gradient = ""
            if run.live_peers:
                gradient = "; no gradient flows" if run.detach_peers else "; the gradient also flows"
                gradient += " back through the peer"
            sentences.append(f"P: {term.loss} from a peer's prediction{softened}{gradient}.")
    if run.selected_by is not None:
        student = find_selection(config, results).get("students", {}).get(run.selected_by)
        sentences.append(
            f"Weights: those of Table 1 with the highest validation accuracy of the student {run.selected_by} "
            f"over the grid{f' ({plain(student)})' if student else ''}."
        )
    if run.live_peers and peers:
        others = [f"S{numbers[peer]}" for peer in peers]
        listed = " and ".join(filter(None, [", ".join(others[:-1]), others[-1]]))
        sentences.append(f"{listed} {'learns' if len(others) == 1 else 'learn'} by losses of the same form.")
    return sentences
