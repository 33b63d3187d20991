"""A farm and a buildkitd beside it, both asked by buildx."""
import unittest

# First: it says where what all tests share is.
from outputs_test import Outputs

import daemons


class BesideBuildkit(Outputs):
    """Passed over where no buildkitd runs. `sides`: of the environment of a command that asks the farm, and of one that asks the daemon."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if cls.registry.problem:
            raise unittest.SkipTest(cls.registry.problem)
        cls.buildkit = daemons.BuildKit(cls.folder, cls.registry)
        cls.buildkit.__enter__()
        cls.addClassCleanup(cls.buildkit.__exit__)
        if cls.buildkit.problem:
            raise unittest.SkipTest(cls.buildkit.problem)
        cls.sides = {"farm": {}, "peer": {**cls.buildkit.environment, "BUILDX_BUILDER": "peer"}}
