#!/usr/bin/env python3
"""`buildx build` on a farm: every attribute that it sends, as people use it."""
import subprocess
import unittest

from buildx_farm import BuildxCase, vertices

from farm import main


class BuildTest(BuildxCase):
    def test_a_small_recipe_comes_back_as_a_folder(self):
        self.write("hello", "hi\n")
        self.dockerfile("""
            FROM tiny
            COPY hello /hello
            RUN cat /hello /hello > /twice
        """)
        result, out = self.bx_local()
        self.assertEqual((out / "twice").read_text(), "hi\nhi\n")
        shown = vertices(result)
        for name in ("[internal] load build definition from Dockerfile", "[internal] load .dockerignore",
                     "[internal] load build context", "[2/3] COPY hello /hello"):
            self.assertIn(name, shown)
        self.assertTrue(any(name.startswith("[1/3] FROM ") for name in shown), shown)

    def test_the_second_time_everything_is_cached(self):
        self.dockerfile("FROM tiny\nRUN echo once > /once\n")
        self.bx()
        again = self.bx()
        self.assertRegex(again.stderr, r"(?m)^#\d+ \[2/2\] RUN echo once > /once\n#\d+ CACHED")


if __name__ == "__main__":
    main()
