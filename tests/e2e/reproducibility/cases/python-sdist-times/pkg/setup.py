from setuptools import setup

setup(name="plain", version="1", packages=["plain"])
