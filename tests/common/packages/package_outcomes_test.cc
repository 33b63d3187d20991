// Outcomes of recorded consoles (tests/golden/packages, made by tests/support/record_packages.py) and of the
// combinations that no recording shows.
#include "common/packages/package_outcomes.h"

#include <dirent.h>
#include <gmock/gmock.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/str_split.h"
#include "common/base/files.h"
#include "common/base/json.h"
#include "common/base/status.h"
#include "common/words/words.h"
#include "tests/support/golden.h"
#include "tests/support/status_matchers.h"

namespace crossmill::packages {
namespace {

const std::string kFolder = std::string(CROSSMILL_GOLDEN_FOLDER) + "/packages";

// record_console.py writes each piece as latin-1 text in JSON: one character per byte.
std::string Bytes(const std::string& utf8) {
  std::string bytes;
  for (size_t i = 0; i < utf8.size(); ++i) {
    const auto first = static_cast<unsigned char>(utf8[i]);
    if (first < 0x80) {
      bytes.push_back(utf8[i]);
    } else {
      bytes.push_back(
          static_cast<char>(((first & 0x03) << 6) | (static_cast<unsigned char>(utf8.at(++i)) & 0x3f)));
    }
  }
  return bytes;
}

std::vector<v1::LogChunk> ReadConsole(const std::string& path) {
  std::vector<v1::LogChunk> chunks;
  const auto text = ReadFile(path);
  EXPECT_OK(text);
  const std::vector<std::string> recorded = absl::StrSplit(*text, '\n', absl::SkipEmpty());
  for (const std::string& line : recorded) {
    if (line.rfind("exit ", 0) == 0) break;
    const std::vector<std::string> fields = absl::StrSplit(line, absl::MaxSplits(' ', 2));
    const auto piece = ParseJson(fields.at(2));
    EXPECT_OK(piece);
    v1::LogChunk chunk;
    chunk.set_time(std::stoll(fields[0]) * 1'000'000);
    chunk.set_stream(fields[1] == "out" ? v1::LogChunk::STREAM_STDOUT : v1::LogChunk::STREAM_STDERR);
    chunk.set_data(Bytes(piece->get<std::string>()));
    chunks.push_back(std::move(chunk));
  }
  return chunks;
}

std::vector<v1::DistInfo> ReadInfos(const std::string& path) {
  std::vector<v1::DistInfo> infos;
  const auto text = ReadFile(path);
  EXPECT_OK(text);
  const auto document = ParseJson(*text);
  EXPECT_OK(document);
  for (const Json& item : *document) {
    v1::DistInfo info;
    info.set_path(item.at("path").get<std::string>());
    info.set_name(item.at("name").get<std::string>());
    info.set_version(item.at("version").get<std::string>());
    for (const Json& tag : item.at("tags")) info.add_tags(tag.get<std::string>());
    info.set_generator(item.at("generator").get<std::string>());
    info.set_installer(item.at("installer").get<std::string>());
    info.set_direct_url(item.at("direct_url").get<std::string>());
    info.set_uv_build(item.at("uv_build").get<bool>());
    info.set_requested(item.at("requested").get<bool>());
    if (item.value("egg_info", false)) info.set_form(v1::DistInfo::FORM_EGG_INFO);
    info.set_setup_py_install(item.value("setup_py_install", false));
    // Recorded in a virtual environment, which the worker would have told.
    info.set_place(v1::DistInfo::PLACE_VIRTUAL_ENVIRONMENT);
    info.set_environment("venv");
    infos.push_back(std::move(info));
  }
  return infos;
}

std::string Describe(const std::vector<v1::PackageOutcome>& outcomes) {
  std::string text;
  for (const v1::PackageOutcome& outcome : outcomes) {
    text += fmt::format("{} {} {} {}\n", outcome.scope(), outcome.name(), outcome.version(),
                        Word(outcome.outcome()));
    const auto line = [&](const char* name, const std::string& value) {
      if (!value.empty()) text += fmt::format("  {}: {}\n", name, value);
    };
    line("tag", outcome.tag());
    line("file", outcome.file_name());
    line("seconds", outcome.seconds() < 0 ? "" : fmt::format("{:.3f}", outcome.seconds()));
    line("built", outcome.built_sha256().empty()
                      ? ""
                      : fmt::format("{} ({} bytes)", outcome.built_sha256(), outcome.built_size()));
    line("failure", outcome.failure_class());
    line("failure line", outcome.failure_line());
    line("remedy", outcome.remedy());
    std::string witnesses;
    for (const std::string& witness : outcome.witnesses())
      witnesses += (witnesses.empty() ? "" : ", ") + witness;
    line("witnesses", witnesses);
    line("conflict", outcome.conflict());
    if (outcome.installed()) line("in", outcome.environment());
    if (!outcome.installed()) line("saved in", outcome.environment());
  }
  return text;
}

std::vector<std::string> Cases() {
  std::vector<std::string> cases;
  if (DIR* folder = opendir(kFolder.c_str())) {
    while (const dirent* entry = readdir(folder)) {
      if (entry->d_name[0] != '.') cases.emplace_back(entry->d_name);
    }
    closedir(folder);
  }
  std::sort(cases.begin(), cases.end());
  return cases;
}

// A recording of dist_infos.json alone is of a command that had a virtual environment for itself; step.json
// has the command and all facts, as tests/support/record_steps.py wrote them.
StepEvidence ReadEvidence(const std::string& folder) {
  StepEvidence evidence;
  const auto console = ReadFile(folder + "/console.txt");
  EXPECT_OK(console);
  evidence.has_layer = console->find("\nexit 0") != std::string::npos || console->rfind("exit 0", 0) == 0;
  const auto text = ReadFile(folder + "/step.json");
  if (!text.ok()) {
    evidence.infos = ReadInfos(folder + "/dist_infos.json");
    return evidence;
  }
  const auto document = ParseJson(*text);
  EXPECT_OK(document);
  v1::StepResult result;
  EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(document->at("run").dump(), &evidence.run).ok());
  EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(document->at("result").dump(), &result).ok());
  evidence.infos.assign(result.dist_infos().begin(), result.dist_infos().end());
  evidence.wheels.assign(result.wheels().begin(), result.wheels().end());
  evidence.earlier_wheels = [wheels = document->at("earlier")] {
    std::vector<EarlierWheel> earlier;
    for (const Json& wheel : wheels) {
      earlier.push_back({wheel.at("file").get<std::string>(), wheel.at("compiled").get<bool>(),
                         wheel.at("saved").get<bool>()});
    }
    return earlier;
  };
  return evidence;
}

std::vector<v1::PackageOutcome> Derive(const std::vector<v1::LogChunk>& chunks,
                                       const StepEvidence& evidence) {
  PackageConsole console;
  for (const v1::LogChunk& chunk : chunks) console.Add(chunk);
  return DerivePackages(console.Finish(), evidence);
}

class RecordedPackagesTest : public testing::TestWithParam<std::string> {};

TEST_P(RecordedPackagesTest, GiveTheirOutcomes) {
  const std::string folder = kFolder + "/" + GetParam();
  const auto outcomes = Derive(ReadConsole(folder + "/console.txt"), ReadEvidence(folder));
  ExpectGolden(kFolder, GetParam() + "/outcomes.txt", Describe(outcomes));
}

TEST_P(RecordedPackagesTest, DoNotDependOnHowTheConsoleWasCut) {
  const std::string folder = kFolder + "/" + GetParam();
  std::vector<v1::LogChunk> bytes;
  for (const v1::LogChunk& chunk : ReadConsole(folder + "/console.txt")) {
    for (const char c : chunk.data()) {
      bytes.push_back(chunk);
      bytes.back().set_data(std::string(1, c));
    }
  }
  const StepEvidence evidence = ReadEvidence(folder);
  EXPECT_EQ(Describe(Derive(bytes, evidence)),
            Describe(Derive(ReadConsole(folder + "/console.txt"), evidence)));
}

INSTANTIATE_TEST_SUITE_P(Golden, RecordedPackagesTest, testing::ValuesIn(Cases()), [](const auto& info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

TEST(PackageOutcomesTest, ThereAreRecordings) { EXPECT_GE(Cases().size(), 15u); }

// ---- combinations ----

v1::DistInfo Info(const std::string& name, const std::string& version, const std::string& tag,
                  const std::string& installer = "pip") {
  v1::DistInfo info;
  info.set_path("usr/local/lib/python3.11/site-packages/" + name + "-" + version + ".dist-info");
  info.set_name(name);
  info.set_version(version);
  info.add_tags(tag);
  info.set_installer(installer);
  info.set_place(v1::DistInfo::PLACE_INTERPRETER);
  info.set_environment("usr/local");
  return info;
}

v1::DistInfo In(v1::DistInfo info, v1::DistInfo::Place place, const std::string& environment) {
  info.set_place(place);
  info.set_environment(environment);
  info.set_path(environment + "/x.dist-info");
  return info;
}

v1::WheelFile Wheel(const std::string& file, v1::WheelFile::Origin origin, bool added,
                    const std::string& folder = "wh") {
  v1::WheelFile wheel;
  wheel.set_path(folder + "/" + file);
  wheel.set_file_name(file);
  wheel.set_origin(origin);
  wheel.set_added(added);
  return wheel;
}

std::vector<PackageObservation> Console(std::initializer_list<const char*> texts) {
  PackageConsole console;
  int64_t time = 0;
  for (const char* text : texts) console.Add(ConsoleLine{1'000'000'000 * time++, text});
  return console.Finish();
}

StepEvidence Layer(std::vector<v1::DistInfo> infos, const std::string& command = "pip install x") {
  StepEvidence evidence;
  evidence.infos = std::move(infos);
  evidence.run.add_argv("/bin/sh");
  evidence.run.add_argv("-c");
  evidence.run.add_argv(command);
  evidence.run.set_cwd("/app");
  evidence.run.add_env("TARGET=/env/target");
  return evidence;
}

// "name version outcome @environment" of each, in order.
std::string Brief(const std::vector<v1::PackageOutcome>& outcomes) {
  std::string text;
  for (const v1::PackageOutcome& outcome : outcomes) {
    text +=
        fmt::format("{}{} {} {} {}{}", text.empty() ? "" : ", ", outcome.name(), outcome.version(),
                    Word(outcome.outcome()), outcome.installed() ? "@" : "not in ", outcome.environment());
  }
  return text;
}

TEST(PackageOutcomesTest, LayerAloneTellsCompiledFromPublishedAndPureFromNothing) {
  StepEvidence evidence =
      Layer({Info("compiled", "1", "cp311-cp311-linux_aarch64"),
             Info("published", "1", "cp311-cp311-manylinux_2_17_aarch64"), Info("pure", "1", "py3-none-any"),
             Info("other", "2.0+cpu", "cp311-cp311-linux_aarch64"),
             Info("armv7", "1", "cp311-cp311-linux_armv7l")});
  evidence.emulated = true;
  const auto outcomes = DerivePackages({}, evidence);
  EXPECT_EQ(Brief(outcomes),
            "armv7 1 unknown @/usr/local, compiled 1 source @/usr/local, other 2.0+cpu unknown @/usr/local, "
            "published 1 wheel @/usr/local, pure 1 unknown @/usr/local");
  EXPECT_TRUE(outcomes[0].emulated());
  EXPECT_LT(outcomes[0].seconds(), 0);
  EXPECT_THAT(outcomes[0].witnesses(), testing::ElementsAre("layer"));
  EXPECT_THAT(outcomes[4].remedy(), testing::HasSubstr("without -q"));
  EXPECT_EQ(outcomes[1].remedy(), "");
}

TEST(PackageOutcomesTest, WhatWasBeingBuiltAtTheStepsTimeoutFailedByIt) {
  const auto seen = Console({"Collecting slow==2.0", "  Downloading slow-2.0.tar.gz (1 kB)",
                             "Building wheels for collected packages: quick, slow",
                             "  Building wheel for quick (setup.py): started",
                             "  Building wheel for quick (setup.py): finished with status 'done'",
                             "  Building wheel for slow (setup.py): started"});
  v1::StepResult result;
  result.set_exit_code(137);
  result.set_finished_at(3605'000'000'000);
  EXPECT_EQ(Brief(DerivePackages(seen, EvidenceOf({}, result, true))), "quick  source not in ")
      << "a step that ended by itself says nothing of what it was building";
  result.set_timed_out(true);
  result.set_failure("step timeout of 1h reached");
  const auto outcomes = DerivePackages(seen, EvidenceOf({}, result, true));
  ASSERT_EQ(Brief(outcomes), "quick  source not in , slow 2.0 failed not in ");
  EXPECT_EQ(outcomes[1].failure_class(), "time-limit");
  EXPECT_EQ(outcomes[1].failure_line(), "step timeout of 1h reached");
  EXPECT_EQ(outcomes[1].seconds(), 3600);
  EXPECT_THAT(outcomes[1].remedy(), testing::HasSubstr("--step-timeout"));
}

TEST(PackageOutcomesTest, CachesInTheLayerTellWhatASilentConsoleDoesNot) {
  StepEvidence evidence = Layer({Info("built", "1", "py3-none-any"), Info("before", "1", "py3-none-any"),
                                 Info("fetched", "1.0", "py3-none-any"), Info("else", "2", "py3-none-any")});
  evidence.wheels = {Wheel("built-1-py3-none-any.whl", v1::WheelFile::ORIGIN_BUILT, true),
                     Wheel("before-1-py3-none-any.whl", v1::WheelFile::ORIGIN_BUILT, false),
                     Wheel("fetched-1.0.0-py3-none-any.whl", v1::WheelFile::ORIGIN_FETCHED, true),
                     Wheel("else-1-py3-none-any.whl", v1::WheelFile::ORIGIN_BUILT, true)};
  EXPECT_EQ(Brief(DerivePackages({}, evidence)),
            "before 1 source-cached @/usr/local, built 1 source @/usr/local, else 2 unknown @/usr/local, "
            "fetched 1.0 wheel @/usr/local");
}

TEST(PackageOutcomesTest, WhatNoInterpreterFindsIsNotInstalled) {
  const auto six = [](v1::DistInfo::Place place, const std::string& environment) {
    return In(Info("six", "1.17.0", "py3-none-any"), place, environment);
  };
  for (const auto place : {v1::DistInfo::PLACE_INSTALLER, v1::DistInfo::PLACE_OTHER_ROOT,
                           v1::DistInfo::PLACE_PREFIX, v1::DistInfo::PLACE_FOLDER}) {
    EXPECT_EQ(Brief(DerivePackages({}, Layer({six(place, "p")}))), "") << place;
  }
  v1::DistInfo seed = six(v1::DistInfo::PLACE_VIRTUAL_ENVIRONMENT, "v");
  seed.set_seed(true);
  EXPECT_EQ(Brief(DerivePackages({}, Layer({seed}))), "");
  // The console names it, so it was asked for; but never what lies in a cache or inside another package.
  const auto console = Console({"Collecting six", "  Downloading six-1.17.0-py2.py3-none-any.whl (1 kB)",
                                "Successfully installed six-1.17.0"});
  EXPECT_EQ(Brief(DerivePackages(console, Layer({seed}))), "six 1.17.0 wheel @/v");
  EXPECT_EQ(Brief(DerivePackages(console, Layer({six(v1::DistInfo::PLACE_FOLDER, "t")}))),
            "six 1.17.0 wheel @/t");
  EXPECT_EQ(Brief(DerivePackages(console, Layer({six(v1::DistInfo::PLACE_INSTALLER, "c")}))), "");
}

TEST(PackageOutcomesTest, FoldersThatTheCommandOrTheEnvironmentNamesCount) {
  const auto in = [](v1::DistInfo::Place place, const std::string& environment) {
    return In(Info("x", "1", "cp311-cp311-linux_x86_64"), place, environment);
  };
  const struct {
    const char* command;
    v1::DistInfo::Place place;
    const char* environment;
    bool there;
  } kCases[] = {
      {"pip install -q --target /t x", v1::DistInfo::PLACE_FOLDER, "t", true},
      {"pip install -q --target=/t x", v1::DistInfo::PLACE_FOLDER, "t", true},
      {"pip install -q -t ./lib x", v1::DistInfo::PLACE_FOLDER, "app/lib", true},
      {"cd /srv && pip install -q -t lib x", v1::DistInfo::PLACE_FOLDER, "srv/lib", true},
      {"pip install -q -t \"${TARGET}\" x", v1::DistInfo::PLACE_FOLDER, "env/target", true},
      {"PIP_TARGET=/t pip install -q x", v1::DistInfo::PLACE_FOLDER, "t", true},
      {"pip install -q --prefix=/p x", v1::DistInfo::PLACE_PREFIX, "p/local", true},
      {"uv pip install -q --prefix /p x", v1::DistInfo::PLACE_PREFIX, "p", true},
      {"pip install -q --root /r x", v1::DistInfo::PLACE_OTHER_ROOT, "r/usr/local", true},
      {"PYTHONPATH=/a:/t make", v1::DistInfo::PLACE_FOLDER, "t", true},
      {"pip install -q --target /t x", v1::DistInfo::PLACE_FOLDER, "t/inner", false},
      {"pip install -q --target /t x", v1::DistInfo::PLACE_INSTALLER, "t", false},
      {"mktemp -t t; make --prefix /p", v1::DistInfo::PLACE_PREFIX, "p", false},
  };
  for (const auto& test : kCases) {
    EXPECT_EQ(Brief(DerivePackages({}, Layer({in(test.place, test.environment)}, test.command))),
              test.there ? fmt::format("x 1 source @/{}", test.environment) : "")
        << test.command;
  }
  StepEvidence evidence = Layer({in(v1::DistInfo::PLACE_FOLDER, "deps")}, "make install");
  evidence.run.add_env("PYTHONPATH=/deps");
  EXPECT_EQ(Brief(DerivePackages({}, evidence)), "x 1 source @/deps");
}

TEST(PackageOutcomesTest, TheSamePackageInTwoEnvironmentsIsThereTwice) {
  const auto console = Console({"Using Python 3.11.2 environment at: /a", " + six==1.17.0",
                                "Using Python 3.11.2 environment at: /b", "   Building six==1.17.0",
                                "      Built six==1.17.0", " + six==1.17.0"});
  const auto info = [](const std::string& environment) {
    return In(Info("six", "1.17.0", "py3-none-any", "uv"), v1::DistInfo::PLACE_VIRTUAL_ENVIRONMENT,
              environment);
  };
  EXPECT_EQ(Brief(DerivePackages(
                console, Layer({info("a"), info("b"), In(info("b"), v1::DistInfo::PLACE_INSTALLER, "c")}))),
            "six 1.17.0 wheel @/a, six 1.17.0 source @/b");
}

TEST(PackageOutcomesTest, DistributionPackagesHaveNoInstaller) {
  v1::DistInfo info = Info("six", "1.16.0", "py3-none-any", "");
  info.set_path("usr/lib/python3/dist-packages/six-1.16.0.dist-info");
  EXPECT_EQ(DerivePackages({}, Layer({info}))[0].outcome(), v1::OUTCOME_DISTRO);
  info.set_form(v1::DistInfo::FORM_EGG_INFO);
  info.set_path("usr/lib/python3/dist-packages/six-1.16.0.egg-info");
  EXPECT_EQ(DerivePackages({}, Layer({info}))[0].outcome(), v1::OUTCOME_DISTRO);
  for (const char* installer : {"rpm", "conda"}) {
    EXPECT_EQ(DerivePackages({}, Layer({Info("x", "1", "py3-none-any", installer)}))[0].outcome(),
              v1::OUTCOME_DISTRO);
  }
}

TEST(PackageOutcomesTest, EggsComeFromSource) {
  v1::DistInfo info = Info("docopt", "0.6.2", "", "");
  info.clear_tags();
  info.set_form(v1::DistInfo::FORM_EGG_INFO);
  info.set_setup_py_install(true);
  EXPECT_EQ(DerivePackages({}, Layer({info}))[0].outcome(), v1::OUTCOME_SOURCE);
  info.set_form(v1::DistInfo::FORM_EGG_LINK);
  info.set_setup_py_install(false);
  EXPECT_EQ(DerivePackages({}, Layer({info}))[0].outcome(), v1::OUTCOME_EDITABLE);
}

TEST(PackageOutcomesTest, DirectUrlsSayVcsLocalAndEditable) {
  const struct {
    const char* text;
    v1::Outcome outcome;
  } kCases[] = {
      {R"({"url": "https://host/r.git", "vcs_info": {"vcs": "git", "commit_id": "00"}})", v1::OUTCOME_VCS},
      {R"({"url": "file:///src", "dir_info": {}})", v1::OUTCOME_LOCAL},
      {R"({"url": "file:///src", "dir_info": {"editable": true}})", v1::OUTCOME_EDITABLE},
      {R"({"url": "https://host/x-1-py3-none-any.whl", "archive_info": {}})", v1::OUTCOME_WHEEL},
      {R"({"url": "https://host/x-1.tar.gz", "archive_info": {}})", v1::OUTCOME_SOURCE},
      {R"({"url": "file:///wh/x-1-py3-none-any.whl", "archive_info": {}})", v1::OUTCOME_LOCAL},
      {R"({"url": "file:///src/x-1.tar.gz", "archive_info": {}})", v1::OUTCOME_LOCAL},
      {R"({"url": 5, "dir_info": []})", v1::OUTCOME_LOCAL},
      {"not json", v1::OUTCOME_UNKNOWN},
      {"[]", v1::OUTCOME_UNKNOWN},
  };
  for (const auto& test : kCases) {
    v1::DistInfo info = Info("x", "1", "py3-none-any");
    info.set_direct_url(test.text);
    EXPECT_EQ(DerivePackages({}, Layer({info}))[0].outcome(), test.outcome) << test.text;
  }
}

TEST(PackageOutcomesTest, TheLayerKnowsWhatWasAskedFor) {
  v1::DistInfo info = Info("x", "1", "py3-none-any", "uv");
  info.set_direct_url(R"({"url": "file:///src", "dir_info": {"editable": true}})");
  // uv says "from file:" of a folder and of an editable install alike.
  const auto outcomes = DerivePackages(
      Console({"   Building x @ file:///src", "      Built x @ file:///src", " + x==1 (from file:///src)"}),
      Layer({info}));
  EXPECT_EQ(Brief(outcomes), "x 1 editable @/usr/local");
  EXPECT_EQ(outcomes[0].conflict(), "");
}

TEST(PackageOutcomesTest, DisagreementIsKeptAndTheConsoleDecides) {
  const auto seen = Console({"Collecting x", "  Downloading x-1-cp311-cp311-manylinux_2_17_x86_64.whl (1 kB)",
                             "Successfully installed x-1"});
  const auto outcomes = DerivePackages(seen, Layer({Info("x", "1", "cp311-cp311-linux_x86_64")}));
  ASSERT_EQ(outcomes.size(), 1u);
  EXPECT_EQ(outcomes[0].outcome(), v1::OUTCOME_WHEEL);
  EXPECT_EQ(outcomes[0].conflict(), "console: wheel; layer: source");
}

TEST(PackageOutcomesTest, AnotherVersionIsAnotherPackage) {
  const auto seen =
      Console({"Collecting x", "  Downloading x-1-py3-none-any.whl (1 kB)", "Successfully installed x-1"});
  EXPECT_EQ(Brief(DerivePackages(seen, Layer({Info("x", "2", "py3-none-any")}))), "x 2 unknown @/usr/local");
  // Equal by PEP 440.
  EXPECT_EQ(Brief(DerivePackages(seen, Layer({Info("X", "1.0", "py3-none-any")}))),
            "x 1.0 wheel @/usr/local");
}

TEST(PackageOutcomesTest, PresenceIsTheLayersWordUnlessThereIsNone) {
  const auto seen =
      Console({"Collecting x", "  Downloading x-1-py3-none-any.whl (1 kB)", "Successfully installed x-1"});
  StepEvidence evidence = Layer({});
  EXPECT_EQ(Brief(DerivePackages(seen, evidence)), "");
  // The step failed later.
  evidence.has_layer = false;
  EXPECT_EQ(Brief(DerivePackages(seen, evidence)), "x 1 wheel not in ");
}

TEST(PackageOutcomesTest, WheelsThatWereSavedAreNotInstalled) {
  const auto seen = Console(
      {"Collecting six", "  Downloading six-1-py3-none-any.whl (1 kB)", "Collecting y",
       "  Downloading y-1.tar.gz (1 kB)", "Saved /wh/six-1-py3-none-any.whl",
       "Building wheels for collected packages: y", "  Building wheel for y (setup.py): started",
       "  Building wheel for y (setup.py): finished with status 'done'",
       "  Created wheel for y: filename=y-1-py3-none-any.whl size=12 sha256=ab", "Successfully built y"});
  StepEvidence evidence = Layer({}, "pip wheel -w /wh six y");
  evidence.wheels = {Wheel("six-1-py3-none-any.whl", v1::WheelFile::ORIGIN_UNKNOWN, true),
                     Wheel("y-1-py3-none-any.whl", v1::WheelFile::ORIGIN_UNKNOWN, true)};
  const auto outcomes = DerivePackages(seen, evidence);
  EXPECT_EQ(Brief(outcomes), "six 1 wheel not in /wh, y 1 source not in /wh");
  // A later step, or another stage with a copy of the folder.
  std::vector<EarlierWheel> earlier;
  AddEarlierWheels(outcomes, &earlier);
  StepEvidence later = Layer({Info("six", "1", "py3-none-any"), Info("y", "1", "py3-none-any")});
  later.earlier_wheels = [&earlier] { return earlier; };
  const auto processed = [](const std::string& folder) {
    return Console({("Processing " + folder + "/six-1-py3-none-any.whl").c_str(),
                    ("Processing " + folder + "/y-1-py3-none-any.whl").c_str(),
                    "Successfully installed six-1 y-1"});
  };
  const std::string right = "six 1 wheel @/usr/local, y 1 source-cached @/usr/local";
  EXPECT_EQ(Brief(DerivePackages(processed("/wheels"), later)), right);
  EXPECT_EQ(Brief(DerivePackages(processed("./w"), later)), right);
  EXPECT_EQ(Brief(DerivePackages({}, later)), right);
  for (v1::DistInfo& info : later.infos) info.set_installer("uv");
  EXPECT_EQ(Brief(DerivePackages(Console({" + six==1", " + y==1"}), later)), right);
  for (v1::DistInfo& info : later.infos) {
    info.set_direct_url(
        fmt::format(R"({{"url": "file:///w/{}-1-py3-none-any.whl", "archive_info": {{}}}})", info.name()));
  }
  EXPECT_EQ(Brief(DerivePackages({}, later)), right);
}

TEST(PackageOutcomesTest, AFolderWheelOfUnknownOriginIsLocal) {
  const auto seen = Console({"Processing /wh/x-1-py3-none-any.whl", "Successfully installed x-1"});
  EXPECT_EQ(Brief(DerivePackages(seen, Layer({Info("x", "1", "py3-none-any")}))), "x 1 local @/usr/local");
}

TEST(PackageOutcomesTest, ASilentPipWheelIsProvedByTheTag) {
  StepEvidence evidence = Layer({}, "pip wheel -q -w /wh x y");
  evidence.wheels = {Wheel("x-1-cp311-cp311-linux_x86_64.whl", v1::WheelFile::ORIGIN_UNKNOWN, true),
                     Wheel("y-1-py3-none-any.whl", v1::WheelFile::ORIGIN_UNKNOWN, true)};
  EXPECT_EQ(Brief(DerivePackages({}, evidence)), "x 1 source not in /wh");
  evidence.run.set_argv(2, "curl -O https://host/x-1-cp311-cp311-linux_x86_64.whl && pip install wheel");
  EXPECT_EQ(Brief(DerivePackages({}, evidence)), "");
}

TEST(PackageOutcomesTest, SeveralTagsAreCompressed) {
  v1::DistInfo info = Info("x", "1", "cp311-cp311-manylinux_2_17_x86_64");
  info.add_tags("cp311-cp311-manylinux2014_x86_64");
  EXPECT_EQ(DerivePackages({}, Layer({info}))[0].tag(),
            "cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64");
}

TEST(PackageOutcomesTest, SourceWheelOfAnEarlierRunIsCached) {
  const auto seen = Console({"Processing /wheels/x-1-cp311-cp311-linux_x86_64.whl",
                             "Installing collected packages: x", "Successfully installed x-1"});
  EXPECT_EQ(DerivePackages(seen, Layer({Info("x", "1", "cp311-cp311-linux_x86_64")}))[0].outcome(),
            v1::OUTCOME_SOURCE_CACHED);
}

TEST(PackageOutcomesTest, AnIndexOfItsOwnPublishesPlainLinuxTags) {
  const auto seen =
      Console({"Collecting torch",
               "  Downloading https://host/whl/torch-2.0.1%2Bcpu-cp311-cp311-linux_x86_64.whl (195.4 MB)",
               "Successfully installed torch-2.0.1+cpu"});
  const auto outcomes = DerivePackages(seen, Layer({Info("torch", "2.0.1+cpu", "cp311-cp311-linux_x86_64")}));
  EXPECT_EQ(Brief(outcomes), "torch 2.0.1+cpu wheel @/usr/local");
  EXPECT_EQ(outcomes[0].conflict(), "");
}

TEST(PackageOutcomesTest, NamesThatAreNoTextAreMadeText) {
  const auto outcomes = DerivePackages(
      {}, Layer({In(Info("x", "1", "py3-none-any"), v1::DistInfo::PLACE_VIRTUAL_ENVIRONMENT, "v\xff")}));
  ASSERT_EQ(outcomes.size(), 1u);
  EXPECT_EQ(outcomes[0].environment(), "/v\xef\xbf\xbd");
}

}  // namespace
}  // namespace crossmill::packages
