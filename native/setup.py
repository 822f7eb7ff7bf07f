"""The extension module, which pyproject.toml has no settled form for."""

import sys
from glob import glob

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "liteorm_native",
            sorted(glob("src/*.c")),
            depends=["src/native.h"],
            extra_compile_args=[] if sys.platform == "win32" else ["-O3", "-fvisibility=hidden"],
        )
    ]
)
