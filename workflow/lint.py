"""`snakemake --lint`, failing on any complaint but those argued here."""

import re
import subprocess
import sys

ARGUED = {
    "Specify a conda environment or container for each rule.": "all rules run one package, pinned by requirements.lock",
    "No log directive defined": "only `snakemake plan` has none: what it prints is meant for the terminal",
}


def main() -> int:
    done = subprocess.run([sys.executable, "-m", "snakemake", "--lint"], capture_output=True, text=True)
    lines = (done.stdout + done.stderr).splitlines()
    place, complaints, argued = "Snakefile", [], 0
    for line in lines:
        if line.startswith("Lints for "):
            place = line.removeprefix("Lints for ")
        elif found := re.match(r"    \* (.*):$", line):
            if found[1] in ARGUED:
                argued += 1
            else:
                complaints.append(f"{place} {found[1]}")
    if not argued and not complaints:
        sys.exit("\n".join(lines))
    print("\n".join(complaints) or f"snakemake --lint: clean, but for {argued} complaints of two argued kinds")
    return bool(complaints)


if __name__ == "__main__":
    sys.exit(main())
