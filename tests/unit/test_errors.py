"""Errors that a user can put right."""

import pickle

from udfs.errors import SwerveError, UsageError


def test_an_error_reads_as_one_line_with_its_hint() -> None:
    assert str(SwerveError("no such file: x", "make one")) == "no such file: x (make one)"
    assert str(SwerveError("no such file: x")) == "no such file: x"


def test_an_error_survives_the_way_back_from_a_worker() -> None:
    error = pickle.loads(pickle.dumps(UsageError("unknown setting", "see swerve config")))
    assert isinstance(error, UsageError)
    assert (error.message, error.hint) == ("unknown setting", "see swerve config")
