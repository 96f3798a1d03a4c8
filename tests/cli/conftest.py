import pytest

from skem.cli import main


@pytest.fixture
def run(capsys):
    """Call the command line in this process; return status, output and errors."""

    def call(*arguments):
        capsys.readouterr()
        status = main([str(argument) for argument in arguments])
        return status, *capsys.readouterr()

    return call


@pytest.fixture
def write(tmp_path):
    """Write a file, and return its path."""

    def to_file(content, name="data.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return to_file
