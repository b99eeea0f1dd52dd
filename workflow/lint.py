"""`snakemake --lint`, failing on any complaint but those argued here."""

import re
import subprocess
import sys

# The complaint, the rules it is argued for, and why.
ARGUED = {
    "Specify a conda environment or container for each rule.": (r".*", "all rules run one package, pinned by its lock"),
    "No log directive defined": (r"rule plan ", "what `snakemake plan` prints is meant for the terminal"),
}


def main() -> int:
    done = subprocess.run([sys.executable, "-m", "snakemake", "--lint"], capture_output=True, text=True)
    lines = (done.stdout + done.stderr).splitlines()
    place, complaints, argued = "Snakefile", [], 0
    for line in lines:
        if line.startswith("Lints for "):
            place = line.removeprefix("Lints for ")
        elif found := re.match(r"    \* (.*):$", line):
            if found[1] in ARGUED and re.match(ARGUED[found[1]][0], place):
                argued += 1
            else:
                complaints.append(f"{place} {found[1]}")
    if not argued and not complaints:
        sys.exit("\n".join(lines))
    print("\n".join(complaints) or f"snakemake --lint: clean, but for {argued} complaints argued in {__file__}")
    return bool(complaints)


if __name__ == "__main__":
    sys.exit(main())
