"""A project of some 200 files of C++ for accelerated_builds.py: libraries as Debian has their sources, in one Makefile."""

# Of each folder: options, and files; the first pattern's are linked to a library.
PARTS = {
    "taglib": (["-DTAGLIB_STATIC", "-I3rdparty"], ["taglib/**/*.cpp", "examples/*.cpp"]),
    "box2d": (["-Iinclude", "-Isrc", "-Iunit-test", "-DDOCTEST_CONFIG_NO_POSIX_SIGNALS"], ["src/**/*.cpp", "unit-test/*.cpp"]),
    "double-conversion": (["-I."], ["double-conversion/*.cc"]),
    "yaml-cpp": (["-Iinclude", "-Isrc"], ["src/**/*.cpp", "util/[prs]*.cpp"]),
    "libjsoncpp": (["-Iinclude"], ["src/lib_json/*.cpp"]),
}


def write_makefile(folder, every):
    """Of the folder's parts each N-th file; how many these are. $(OUT) gets the objects and libraries."""
    lines, targets, count = [], [], 0
    for part, (options, patterns) in PARTS.items():
        root = folder / part
        if part == "taglib":
            (root / "taglib" / "taglib_config.h").write_text("")
            options = [*options, *sorted({f"-I{file.parent.relative_to(root)}" for file in root.glob("taglib/**/*.h")})]
        linked = []
        for pattern in patterns:
            for source in sorted(root.glob(pattern)):
                count += 1
                if count % every:
                    continue
                name = source.relative_to(root).as_posix()
                target = f"$(OUT)/{part}/{name.replace('/', '.')}.o"
                lines.append(f"{target}:\n\t@mkdir -p $(@D)\n\tcd {part} && $(CXX) $(CXXFLAGS) {' '.join(options)} -c {name} -o $@\n")
                targets.append(target)
                if pattern == patterns[0]:
                    linked.append(target)
        if not linked:
            continue
        lines.append(f"$(OUT)/lib{part}.so: {' '.join(linked)}\n\t$(CXX) -shared -o $@ $^\n")
        targets.append(f"$(OUT)/lib{part}.so")
    (folder / "Makefile").write_text(f"all: {' '.join(targets)}\n{''.join(lines)}")
    return count // every
