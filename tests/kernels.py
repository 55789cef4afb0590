"""Compiles the kernels that the job, training and the simulator run, so that not each of the tests' many processes does it for itself.

python -m tests.kernels
"""

import tempfile
from pathlib import Path

from models.approval import Terms, approve
from training.simulator import simulate
from training.train import train
from udfs.archive import index
from udfs.collapse import Collapse, Limits
from udfs.schemas import LocalSchemas
from udfs.update import Updater


def compile_kernels() -> None:
    """Do it; what is compiled already is loaded."""
    Collapse(Limits(), LocalSchemas()).warm_up()
    with tempfile.TemporaryDirectory(prefix="swerve-kernels-") as folder:
        shop, bundle = Path(folder) / "shop", Path(folder) / "shop-1" / "1"
        simulate(shop, 2_000, 100, 100, seed=1)
        index(shop, 1_000)
        train(shop, bundle, kinds=("perceptron",))
        approved = approve(bundle, Terms(100, 20, max_us_per_user=1e9))
        Updater(approved.bundle.segments).warm_up()


if __name__ == "__main__":
    compile_kernels()
