"""The data sets: the images of the study, and all that studies could be run on here."""

from pathlib import Path

from kdbench.config import Config
from kdbench.data.archives import is_archive
from kdbench.data.catalogue import SOURCES
from kdbench.data.description import read_description
from kdbench.data.places import data_folders, found_in, named_path
from kdbench.doctor.finding import Finding, complaint
from kdbench.errors import KdbenchError


def data(config: Config) -> Finding:
    """The images of the study."""
    source, path = config.data.source, config.data.path
    packed = read_description(config.results).get("source")
    if packed not in (None, source):
        found = f"{config.results} holds a study of {packed}, not of {source}"
        return Finding("problem", "data", found, "pathvars.results: another folder")
    if source == "digits":
        return Finding("ok", "data", "digits, which scikit-learn carries")
    if packed:
        return Finding("ok", "data", f"{source}, packed in {config.results}/data")
    if source == "image-folder" and path is None:
        return Finding("problem", "data", "image-folder lacks its path", "data.path: a folder or archive of images")
    try:
        place = source_place(source, path)
    except KdbenchError as error:
        return Finding("problem", "data", *complaint(error))
    if place is not None:
        return Finding("ok", "data", f"{source}: {place}")
    looked, folder = (looked_in(), "./data") if path is None else (path, path)
    found = f"{source} is not in {looked}: the first step downloads it into {folder}"
    return Finding("note", "data", found, f"without a network, put {SOURCES[source].archives[-1]} there")


def source_place(source: str, path: str | None) -> Path | None:
    """The folder or archive that holds the images, as the first step finds it; None where it would download them."""
    if path is None:
        return next((place for folder in data_folders() if (place := found_in(folder, source))), None)
    place = named_path(path)
    return place if source == "image-folder" or place.is_file() else found_in(place, source)


def data_sets() -> Finding:
    """Everything that studies could be run on."""
    found = ["digits (in scikit-learn)"]
    for name in SOURCES:
        found += [f"{name} ({place})" for folder in data_folders() if (place := found_in(folder, name))]
    found += [f"image-folder ({place})" for folder in data_folders() for place in image_folders(folder)]
    text = f"{', '.join(found)}; looked in {looked_in()}"
    first = data_folders()[0]
    if len(data_folders()) > 1 and not first.is_dir():
        return Finding("note", "data sets", f"{text}, of which the first is no folder", "export KDBENCH_DATA=FOLDER")
    return Finding("ok", "data sets", text)


def image_folders(folder: Path) -> list[Path]:
    """What data.path may name below ``folder``: folders with train and test in them, and archives of other names."""
    known = {name for source in SOURCES.values() for name in source.archives}
    entries = sorted(folder.iterdir()) if folder.is_dir() else []
    archives = [entry for entry in entries if is_archive(entry) and entry.name not in known]
    return [entry for entry in entries if (entry / "train").is_dir() and (entry / "test").is_dir()] + archives


def looked_in() -> str:
    *variable, downloads = data_folders()
    return " and ".join([*(f"$KDBENCH_DATA ({folder})" for folder in variable), f"./{downloads}"])
