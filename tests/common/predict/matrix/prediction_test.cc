// From a RUN's words to a message: image, files and index written down.
#include "common/predict/matrix/prediction.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/predict/matrix/comparison.h"
#include "common/predict/matrix/install_python.h"
#include "tests/common/predict/image/memory_root.h"
#include "tests/common/predict/resolver/memory_source.h"

namespace crossmill::predict {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

MemoryRoot Image(bool musl = false) {
  MemoryRoot root;
  const std::string loader = musl ? "/lib/ld-musl-x86_64.so.1" : "/lib64/ld-linux-x86-64.so.2";
  if (musl) {
    root.File(loader, Elf({.texts = {"1.2.5"}}));
  } else {
    root.File("/lib64/libc.so.6", Glibc("2.36"));
  }
  root.File("/usr/local/bin/python3.11", Elf({.loader = loader, .texts = {"3.11.9"}}));
  root.Link("/usr/local/bin/python3", "python3.11").File("/usr/local/bin/pip", "#!/usr/local/bin/python3\n");
  root.Folder("/usr/local/lib/python3.11/site-packages/pip-24.0.dist-info");
  root.File("/usr/local/lib/python3.11/site-packages/old-1.0.dist-info/METADATA",
            "Name: old\nVersion: 1.0\n");
  root.File("/usr/local/lib/python3.11/os.py");
  return root;
}

void Fill(MemorySource& source) {
  source.AddPage("fast", {{"fast-1.0-cp311-cp311-manylinux_2_17_x86_64.whl", "", "", "", ""},
                          {"fast-1.0.tar.gz", "", "", "", ""}});
  source.SetMetadata("fast-1.0-cp311-cp311-manylinux_2_17_x86_64.whl",
                     "Name: fast\nVersion: 1.0\nRequires-Dist: pure\n");
  source.SetMetadata("fast-1.0.tar.gz",
                     "Metadata-Version: 2.2\nName: fast\nVersion: 1.0\nRequires-Dist: pure\n");
  source.SetBuild("fast-1.0.tar.gz", {"maker"});
  source.Add("pure-2.0-py3-none-any.whl");
  source.Add("pure-1.0-py3-none-any.whl");
  source.Add("maker-3.0-py3-none-any.whl");
  source.Add("old-2.0-py3-none-any.whl");
}

v1::PredictedInstall Predict(const std::string& text, MemoryRoot& root,
                             const std::map<std::string, std::string>& files = {}) {
  v1::Run run;
  for (const char* word : {"/bin/sh", "-c"}) run.add_argv(word);
  run.add_argv(text);
  run.set_cwd("/app");
  const InstallCommands commands = ReadInstallCommands(run);
  EXPECT_THAT(commands.installs, SizeIs(1)) << text;
  MemorySource source;
  Fill(source);
  PredictionContext context;
  context.image = &root;
  context.created = commands.environments;
  context.source = [&](const InstallRules&) -> absl::StatusOr<ProjectSource*> { return &source; };
  context.read = [&](std::string_view path) -> absl::StatusOr<std::string> {
    const auto found = files.find(std::string(path));
    if (found == files.end()) return absl::NotFoundError("there is no such file");
    return found->second;
  };
  const auto predicted = PredictInstall(commands.installs[0], context);
  EXPECT_OK(predicted);
  return predicted.ok() ? *predicted : v1::PredictedInstall();
}

std::vector<std::string> Told(const v1::PredictedInstall& install) {
  std::vector<std::string> told(install.failure().begin(), install.failure().end());
  for (const v1::PredictedPackage& package : install.packages()) {
    told.push_back(fmt::format("{} {} {} {}{}", package.name(), package.version(),
                               v1::Outcome_Name(package.outcome()).substr(8), package.scope(),
                               package.present() ? " present" : ""));
  }
  return told;
}

TEST(PredictionTest, AWheelHereASourceThere) {
  MemoryRoot glibc = Image();
  const v1::PredictedInstall wheel = Predict("pip install fast", glibc);
  EXPECT_TRUE(wheel.solved());
  EXPECT_THAT(Told(wheel), ElementsAre("fast 1.0 WHEEL runtime", "pure 2.0 WHEEL runtime"));
  EXPECT_EQ(wheel.python().version(), "3.11.9");
  EXPECT_EQ(wheel.python().libc(), "glibc 2.36");
  EXPECT_EQ(wheel.python().abi(), "cp311");
  MemoryRoot musl = Image(true);
  const v1::PredictedInstall source = Predict("pip install fast", musl);
  EXPECT_THAT(Told(source),
              ElementsAre("fast 1.0 SOURCE runtime", "pure 2.0 WHEEL runtime", "maker 3.0 WHEEL build-dep"));
  EXPECT_EQ(source.packages(0).reasons(0).kind(), "no-musllinux");
  EXPECT_FALSE(source.packages(0).help().empty());
  EXPECT_EQ(source.packages(2).needed_by(), "fast 1.0");
  EXPECT_EQ(source.packages(1).required_by(0).name(), "fast");

  v1::Prediction prediction;
  for (const auto& [platform, install] :
       {std::pair("linux/amd64", wheel), std::pair("linux/amd64+musl", source)}) {
    v1::PlatformPrediction* one = prediction.add_platforms();
    one->set_platform(platform);
    *one->add_steps()->add_installs() = install;
  }
  const v1::PredictionMatrix matrix = MatrixOf(prediction);
  ASSERT_EQ(matrix.rows_size(), 3);
  EXPECT_EQ(matrix.rows(0).name(), "fast");
  EXPECT_EQ(matrix.rows(0).cells(0).outcome(), v1::OUTCOME_WHEEL);
  EXPECT_EQ(matrix.rows(0).cells(1).outcome(), v1::OUTCOME_SOURCE);
  EXPECT_EQ(matrix.rows(2).scope(), "build-dep");
  EXPECT_EQ(matrix.rows(2).cells(0).outcome(), v1::OUTCOME_UNSPECIFIED);
}

TEST(PredictionTest, FilesOfRequirements) {
  MemoryRoot root = Image();
  const std::map<std::string, std::string> files = {
      {"/app/r.txt", "-r sub/more.txt\n-c c.txt\nfast\n"},
      {"/app/sub/more.txt", "--prefer-binary\n-c ../c.txt\nmaker\n"},
      {"/app/c.txt", "pure<2\n"},
      {"/app/sub/../c.txt", "pure<2\n"}};
  EXPECT_THAT(Told(Predict("pip install -r r.txt", root, files)),
              ElementsAre("fast 1.0 WHEEL runtime", "maker 3.0 WHEEL runtime", "pure 1.0 WHEEL runtime"));
  EXPECT_THAT(Told(Predict("pip install -r none.txt", root, files)),
              ElementsAre("none.txt: there is no such file"));
  EXPECT_THAT(Told(Predict("pip install -r /dev/stdin <<E\nmaker\nE", root)),
              ElementsAre("maker 3.0 WHEEL runtime"));
  EXPECT_THAT(Told(Predict("cd $(x) && pip install -r r.txt", root, files)),
              ElementsAre("the folder of r.txt is not known"));
  EXPECT_THAT(Told(Predict("pip install -r loop.txt", root, {{"/app/loop.txt", "-r loop.txt\n"}})),
              ElementsAre(HasSubstr("too many files name each other")));
}

TEST(PredictionTest, WhatIsThereAlready) {
  MemoryRoot root = Image();
  const v1::PredictedInstall kept = Predict("pip install old", root);
  EXPECT_THAT(Told(kept), ElementsAre("old 1.0 UNSPECIFIED runtime present"));
  EXPECT_THAT(Told(Predict("pip install -U old", root)), ElementsAre("old 2.0 WHEEL runtime"));
  EXPECT_THAT(Told(Predict("pip install --target /t old", root)), ElementsAre("old 2.0 WHEEL runtime"));
  EXPECT_THAT(Told(Predict("python3 -m venv /v && /v/bin/pip install old", root)),
              ElementsAre("old 2.0 WHEEL runtime"));
  EXPECT_THAT(Told(Predict("python3 -m venv /v && . /v/bin/activate && pip install old", root)),
              ElementsAre("old 2.0 WHEEL runtime"));
}

TEST(PredictionTest, WhatCannotBeSaidSaysWhy) {
  MemoryRoot root = Image();
  for (const auto& [text, why] : std::vector<std::pair<const char*, const char*>>{
           {"/opt/x/bin/pip install a", "the image has no /opt/x/bin/pip"},
           {"uv sync", "uv.lock: there is no such file"},
           {"pip install --python-version 3.9 --only-binary :all: a", "another Python"},
           {"uv pip install a", "the image has no /app/.venv/bin/python"},
           {"uv pip install --system --resolution lowest a", "lowest versions"},
           {"pip install missing", "Could not find a version that satisfies the requirement missing"}}) {
    const v1::PredictedInstall install = Predict(text, root);
    EXPECT_FALSE(install.solved());
    ASSERT_GE(install.failure_size(), 1) << text;
    EXPECT_THAT(install.failure(0), HasSubstr(why)) << text;
  }
  EXPECT_THAT(Told(Predict("uv pip install --system pure", root)), ElementsAre("pure 2.0 WHEEL runtime"));
  root.File("/usr/local/lib/python3.11/EXTERNALLY-MANAGED");
  EXPECT_THAT(Predict("pip install pure", root).failure(0), HasSubstr("externally-managed-environment"));
  EXPECT_TRUE(Predict("pip install --break-system-packages pure", root).solved());
  EXPECT_TRUE(Predict("python3 -m venv /v && /v/bin/pip install pure", root).solved());
}

TEST(PredictionTest, ProjectsWithLocks) {
  MemoryRoot root = Image(true);
  const std::map<std::string, std::string> files = {{"/app/pyproject.toml", "[project]\nname = \"p\"\n"},
                                                    {"/app/uv.lock", R"(
version = 1
[[package]]
name = "p"
version = "1"
source = { editable = "." }
dependencies = [{ name = "fast" }]
[package.dev-dependencies]
dev = [{ name = "pure" }]
[[package]]
name = "fast"
version = "1.0"
sdist = { url = "https://files.example/fast-1.0.tar.gz" }
wheels = [{ url = "https://files.example/fast-1.0-cp311-cp311-manylinux_2_17_x86_64.whl" }]
[[package]]
name = "pure"
version = "2.0"
wheels = [{ url = "https://files.example/pure-2.0-py3-none-win32.whl" }]
)"}};
  EXPECT_THAT(Told(Predict("uv sync --frozen", root, files)),
              ElementsAre("fast 1.0 SOURCE runtime", "p 1 EDITABLE runtime", "pure 2.0 FAILED runtime",
                          "maker 3.0 WHEEL build-dep"));
  EXPECT_THAT(Told(Predict("uv sync --no-dev --no-install-project", root, files)),
              ElementsAre("fast 1.0 SOURCE runtime", "maker 3.0 WHEEL build-dep"));
  EXPECT_THAT(Told(Predict("poetry install", root, files)),
              Contains(HasSubstr("which environment poetry installs into")));
}

v1::PackageOutcome Observed(const std::string& name, const std::string& version, v1::Outcome outcome,
                            const std::string& file = "", const std::string& scope = "runtime") {
  v1::PackageOutcome one;
  one.set_name(name);
  one.set_version(version);
  one.set_outcome(outcome);
  one.set_file_name(file);
  one.set_scope(scope);
  return one;
}

TEST(PredictionTest, DifferencesInWords) {
  MemoryRoot root = Image(true);
  v1::PredictedStep step;
  *step.add_installs() = Predict("pip install fast old", root);
  const auto sentences = [&](const std::vector<v1::PackageOutcome>& observed) {
    std::vector<std::string> told;
    for (const v1::PredictionDifference& one : Compare(step, observed)) told.push_back(one.sentence());
    return told;
  };
  const v1::PackageOutcome fast =
      Observed("fast", "1.0", v1::OUTCOME_SOURCE_CACHED, "fast-1.0-cp311-linux_x86_64.whl");
  const v1::PackageOutcome pure = Observed("pure", "2.0", v1::OUTCOME_WHEEL, "pure-2.0-py3-none-any.whl");
  const v1::PackageOutcome maker = Observed("maker", "3.0", v1::OUTCOME_WHEEL, "", "build-dep");
  EXPECT_THAT(sentences({fast, pure, maker, Observed("python3-x", "1", v1::OUTCOME_DISTRO)}), IsEmpty());
  EXPECT_THAT(sentences({Observed("fast", "1.0", v1::OUTCOME_WHEEL),
                         Observed("pure", "1.0", v1::OUTCOME_WHEEL), maker}),
              ElementsAre("fast 1.0: predicted compiled from source, observed a wheel.",
                          "pure: 2.0 was predicted, 1.0 came."));
  EXPECT_THAT(
      sentences({fast, Observed("pure", "2.0", v1::OUTCOME_WHEEL, "pure-2.0-1-py3-none-any.whl"),
                 Observed("other", "1.0", v1::OUTCOME_SOURCE)}),
      ElementsAre("other 1.0 came and was not predicted.",
                  "pure 2.0: pure-2.0-py3-none-any.whl was predicted, pure-2.0-1-py3-none-any.whl came.",
                  "maker 3.0 was predicted and did not come."));
  EXPECT_THAT(sentences({fast, pure, maker, Observed("pure", "1.0", v1::OUTCOME_WHEEL)}), IsEmpty());
}

}  // namespace
}  // namespace crossmill::predict
