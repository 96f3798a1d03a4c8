"""Open and run every notebook of the gallery, as readers do: python notebooks.py FOLDER."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
from nbclient import NotebookClient

#: Kernels side by side: most of the time of a notebook is its imports.
AT_A_TIME = 2


def run(path: Path) -> None:
    """Run a notebook in a kernel of its own; raise CellExecutionError where a cell fails."""
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    quiet = ["--log-level=ERROR"]
    NotebookClient(notebook, timeout=120, kernel_name="python3", extra_arguments=quiet).execute()


def main() -> None:
    """Run all of them."""
    paths = sorted(Path(sys.argv[1]).rglob("*.ipynb"))
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        for path, _ in zip(paths, pool.map(run, paths), strict=True):
            print(path.name)
    if not paths:
        sys.exit(f"there is no notebook in {sys.argv[1]}")


if __name__ == "__main__":
    main()
