"""What a start does not import: seconds that nobody should pay who does not use it."""

import subprocess
import sys

import pytest

SLOW = ("sklearn", "scipy", "pandas", "matplotlib", "ray", "nibabel", "pydicom")


def loaded(arguments: list[str]) -> set[str]:
    program = (
        "import sys, runpy\n"
        "try: runpy.run_path('simulate.py', run_name='__main__')\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "print(' '.join(sorted({m.split('.')[0] for m in sys.modules})), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize(
    ("arguments", "others"), [(["--help"], ("torch", "flwr", "numpy")), (["--dry-run"], ())]
)
def test_a_start_imports_only_what_it_uses(arguments: list[str], others: tuple[str, ...]) -> None:
    assert loaded(arguments).isdisjoint((*SLOW, *others))
