#!/usr/bin/env python3
"""scripts/check_house.py finds what it says it finds. Run by ctest."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "scripts"))
import check_house as house  # noqa: E402


def methods(text):
    return dict(house.classes(text))


class HouseTest(unittest.TestCase):
    def test_methods_are_counted_and_nothing_else(self):
        self.assertEqual(methods("""
            // class Comment { void No(); };
            class ABSL_LOCKABLE Room final : public Base<int, Other> {
             public:
              using Visitor = std::function<void(int)>;
              explicit Room(std::string name) : name_(std::move(name)) {}
              ~Room() override { for (int i : all_) Use(i); }
              Room& operator=(const Room&) = delete;
              bool operator()(int a, int b) const { return a < b; }
              static absl::StatusOr<std::vector<int>> Make(int a = Default(1), Visitor visit = {});
              auto Trailing() -> std::map<int, int>;
              virtual void Pure(const std::function<void()>& f) const ABSL_LOCKS_EXCLUDED(mutex_) = 0;
              struct Inner { int a = 0; int Sum() const; };
              enum class Kind { kA, kB };
             private:
              friend class Other;
              static_assert(sizeof(int) == 4);
              int count_ ABSL_GUARDED_BY(mutex_) = Count(3);
              std::function<void(int)> handler_ ABSL_GUARDED_BY(mutex_);
              std::vector<int> all_{1, 2, 3};
            };"""), {"Room": 6, "Inner": 1})

    def test_output_that_nobody_made_printable_is_told(self):
        text = "int Show(Session& session) {\n  // env.Err(text)\n  session.Tell(text);\n  session.env.Err(text);\n}\n"
        self.assertEqual([breach.split(": ")[0] for breach in house.output_breaches([("cli/show/a.cc", text), ("worker/a.cc", text)])],
                         ["cli/show/a.cc:4"])

    def test_what_is_too_large_is_told(self):
        header = "class Large {\n" + "void F();\n" * 51 + "};\n"
        self.assertEqual(list(house.class_breaches([("cli/a.h", header)], {})),
                         ["cli/a.h: class Large has 51 methods; at most 50"])
        self.assertEqual(list(house.class_breaches([("cli/a.h", header)], {"cli/a.h:Large": 51})), [])
        self.assertEqual(list(house.class_breaches([("cli/a.h", header)], {"cli/a.h:Large": 51, "cli/b.h:Gone": 60})),
                         ["scripts/check_house.py: LARGE_CLASSES names cli/b.h:Gone, which is not there"])
        self.assertIn("take it out", *house.class_breaches([("cli/a.h", "class Large {};")], {"cli/a.h:Large": 51}))
        files = [(f"cli/f{number}.cc", "\n" * number) for number in (1, 2, 601)]
        self.assertEqual(list(house.size_breaches(files, {})), ["cli/f601.cc: 601 lines; at most 600"])
        self.assertEqual(list(house.size_breaches([(f"cli/f{number}.cc", "") for number in range(41)], {})),
                         ["cli/: 41 sources; at most 40"])

    def test_a_name_hidden_in_two_sources_of_a_folder_is_told(self):
        def hidden(body):
            return "namespace crossmill::cli {\nnamespace {\n" + body + "\n}  // namespace\nint Shown(int a) { return a; }\n}\n"

        one = hidden("using ::testing::Not;\nusing Kind = v1::Kind;\nconstexpr size_t kChunk = 1 << 10;\nclass Matcher { int kChunk = 1; };\n"
                     "std::string Text(const std::string& path, int mode = 0) { return path; }")
        same = [("cli/a.cc", one), ("cli/b.cc", one)]
        told = [line.split(" is in ")[0] for line in house.name_breaches(same)]
        self.assertEqual(told, ["cli/b.cc: kChunk", "cli/b.cc: Matcher", "cli/b.cc: Text(const std::string&, int)"])
        other = hidden("using Kind = v1::Kind;\nconstexpr size_t kPiece = 1;\nclass Walker {};\nstd::string Text(int mode) { return kChunk; }")
        self.assertEqual(list(house.name_breaches([("cli/a.cc", one), ("cli/b.cc", other)])), [])
        # A library has the sources of folders without a CMakeLists.txt, too.
        below = [("cli/a.cc", one), ("cli/show/b.cc", one)]
        self.assertEqual(len(list(house.name_breaches(below, {"cli"}))), 3)
        self.assertEqual(list(house.name_breaches(below, {"cli", "cli/show"})), [])
        borrowed = [("cli/a.cc", hidden("constexpr size_t kChunk = 512;")), ("cli/b.cc", hidden("using ustar::kChunk;"))]
        self.assertEqual(len(list(house.name_breaches(borrowed))), 1)
        # Another folder, another namespace, programs.
        for name, text in (("common/b.cc", one), ("cli/b.cc", one.replace("cli {", "show {")), ("cli/main.cc", one)):
            self.assertEqual(list(house.name_breaches([("cli/a.cc", one), (name, text)])), [])

    def test_a_loop_over_a_temporarys_value_is_told(self):
        def told(loop):
            return len(list(house.loop_breaches([("cli/a.cc", "int F() {\n  " + loop + "\n}\n")])))

        self.assertEqual(told("for (const Row& row : rows_.Due(1, f(2)).value()) Use(row);"), 1)
        self.assertEqual(told("for (const auto& row :\n       List().value().rows()) {"), 1)
        self.assertEqual(told("for (const Row& row : *Records(store->connection()).Due(1, f(2))) Use(row);"), 1)
        for fine in ("for (const Row& row : *rows) {", "for (v1::Step& step : *stage(1).mutable_steps()) {", "for (const Row& row : rows.value()) {", "for (const v1::Secret& each : lease.secrets()) values[each.id()].value();",
                     "// for (x : f().value()) y", "for (size_t i = 0; i < f().value(); ++i) {"):
            self.assertEqual(told(fine), 0, fine)

    def test_lines_of_the_log_say_what_they_are_about_as_members(self):
        def told(call):
            return len(list(house.log_breaches([("cli/a.cc", call)])))

        for wrong in ('LogInfo("build {} ended", 1);', 'LogWarning("the worker \'{}\' left", w);', 'LogInfo("task={} lost", t);',
                      'LogInfo(\n    "build={} "\n    "of platform {}", 1, 2);'):
            self.assertEqual(told(wrong), 1, wrong)
        for fine in ('LogInfo("build={} stage={} failed", 1, 2);', 'LogInfo("lease={} ended", 1);', '// LogInfo("build {}", 1);',
                     'LogWarning("{}", text);', 'fmt::format("build {}", 1);'):
            self.assertEqual(told(fine), 0, fine)

    def test_circles_are_found_between_files_and_between_rooms(self):
        self.assertIsNone(house.circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}))
        self.assertEqual(house.circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}), ["b", "c", "b"])
        self.assertEqual(house.table_graph({"cli": ["cli/show"], "cli/show": ["common"], "common/base": []}),
                         {"cli": {"cli/show"}, "cli/show": {"common/base"}, "common/base": set()})
        files = [("common/base/a.h", '#include "common/http/b.h"\n'), ("common/http/b.h", '#include "common/base/a.h"\n')]
        found = list(house.circle_breaches(files))
        self.assertIn("includes between rooms go round: common/base -> common/http -> common/base", found)
        self.assertIn("includes between files go round: common/base/a.h -> common/http/b.h -> common/base/a.h", found)


if __name__ == "__main__":
    unittest.main()
