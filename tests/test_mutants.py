"""The list of what is broken on purpose (mutants.py) is in step with the code."""

import ast

import mutants
import pytest


@pytest.mark.parametrize("mutant", mutants.MUTANTS, ids=lambda mutant: mutant.what)
def test_a_mutant_is_one_place_of_the_code_and_readable(mutant):
    whole = (mutants.ROOT / mutant.file).read_text(encoding="utf-8")
    broken = mutants.mutated(mutant, whole)
    assert ast.dump(ast.parse(broken)) != ast.dump(ast.parse(whole))
    assert mutant.tests
    for name in mutant.tests:
        assert (mutants.ROOT / "tests" / name).is_file(), name


def test_there_are_at_least_thirty_and_no_two_alike():
    assert len(mutants.MUTANTS) >= 30
    assert len({mutant.what for mutant in mutants.MUTANTS}) == len(mutants.MUTANTS)
