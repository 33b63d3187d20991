// Requirements files: what pip makes of lines, options and comments.
#include "common/python/requirements_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "common/base/json.h"
#include "common/base/status.h"
#include "tests/common/python/golden_table.h"
#include "tests/support/status_matchers.h"

namespace crossmill::python {
namespace {

using Kind = RequirementLine::Kind;
using ::testing::ElementsAre;

RequirementsFile Read(std::string_view text,
                      const std::map<std::string, std::string, std::less<>>& variables = {}) {
  auto file = ParseRequirementsFile(text, "requirements.txt", variables);
  EXPECT_OK(file);
  return file.ok() ? *std::move(file) : RequirementsFile();
}

std::string ErrorOf(std::string_view text) {
  return std::string(Sv(ParseRequirementsFile(text, "dev.txt").status().message()));
}

TEST(RequirementsFileTest, CommentsAreGoneAndLinesAreCountedWhereTheyBegin) {
  const RequirementsFile file = Read(
      "# first\n\n  flask==2.0  # behind\r\nrequests \\\n  >=2.0, \\\n  <3\n\\\nsix\na \\\n# ends "
      "it\nb\nlast \\");
  std::vector<std::string> names;
  for (const RequirementLine& line : file.requirements) {
    names.push_back(
        fmt::format("{}: {}{}", line.line, line.requirement->name, line.requirement->specifier.Text()));
  }
  EXPECT_THAT(names,
              ElementsAre("3: flask==2.0", "4: requests>=2.0,<3", "7: six", "9: a", "11: b", "12: last"));
}

// What pip's own parser makes of small files (tests/support/record_pip_choices.py).
TEST(RequirementsFileTest, FilesAreReadAsByPip) {
  const char* kinds[] = {"named", "url", "path", "editable"};
  for (const std::string& golden : GoldenLines("requirements_files.jsonl")) {
    const auto expected = ParseJson(golden);
    ASSERT_OK(expected);
    const std::string text = expected->at(0).get<std::string>();
    SCOPED_TRACE(golden);
    const auto file = ParseRequirementsFile(text);
    const Json& lines = expected->at(1);
    EXPECT_EQ(file.ok(), lines.empty() || !lines.back().is_null()) << file.status();
    if (!file.ok()) continue;
    std::vector<Json> read;
    for (const RequirementLine& line : file->requirements) {
      std::vector<std::string> hashes;
      for (const FileHash& hash : line.hashes) hashes.push_back(hash.algorithm + ":" + hash.digest);
      const bool marker =
          line.marker.has_value() || (line.requirement.has_value() && line.requirement->marker.has_value());
      const std::string what = line.kind == Kind::kNamed      ? line.requirement->name
                               : line.kind == Kind::kEditable ? line.location
                                                              : "";
      read.push_back({line.line, kinds[static_cast<int>(line.kind)], what, marker, Json(hashes)});
    }
    for (const auto& include : file->includes) {
      read.push_back({include.line, include.constraints ? "constraints" : "include", include.location, false,
                      Json::array()});
    }
    std::stable_sort(read.begin(), read.end(), [](const Json& a, const Json& b) { return a[0] < b[0]; });
    EXPECT_EQ(Json(read), lines);
  }
}

TEST(RequirementsFileTest, OptionsOfTheFile) {
  const RequirementsFile file = Read(
      "-i https://index.example/simple\n--extra-index-url=https://extra.example/simple --find-links "
      "./wheels\n"
      "-f https://files.example/links\n--trusted-host index.example\n--no-binary "
      ":all:\n--only-binary=Num_Py,scipy\n"
      "--prefer-binary\n--pre\n--require-hashes\n-r base.txt\n-c../constraints.txt\n--requirement=more.txt\n"
      "--use-feature=\"fast deps\"\n");
  EXPECT_EQ(file.index_url, "https://index.example/simple");
  EXPECT_THAT(file.extra_index_urls, ElementsAre("https://extra.example/simple"));
  EXPECT_THAT(file.find_links, ElementsAre("./wheels", "https://files.example/links"));
  EXPECT_THAT(file.trusted_hosts, ElementsAre("index.example"));
  EXPECT_THAT(file.features, ElementsAre("fast deps"));
  EXPECT_TRUE(file.prefer_binary && file.pre && file.require_hashes);
  EXPECT_FALSE(file.no_index);
  EXPECT_FALSE(file.format.AllowsWheels("flask"));
  EXPECT_TRUE(file.format.AllowsSources("flask"));
  EXPECT_TRUE(file.format.AllowsWheels("num-py"));
  EXPECT_FALSE(file.format.AllowsSources("num-py"));
  ASSERT_EQ(file.includes.size(), 3u);
  EXPECT_EQ(file.includes[0].location, "base.txt");
  EXPECT_FALSE(file.includes[0].constraints);
  EXPECT_EQ(file.includes[1].location, "../constraints.txt");
  EXPECT_TRUE(file.includes[1].constraints);
  EXPECT_EQ(file.includes[1].line, 11);
  EXPECT_EQ(file.includes[2].location, "more.txt");
}

TEST(RequirementsFileTest, FormatsWithAllAndNone) {
  FormatControl format;
  format.NoBinary("a,b");
  format.OnlyBinary("b");
  EXPECT_FALSE(format.AllowsWheels("a"));
  EXPECT_TRUE(format.AllowsWheels("b"));
  EXPECT_FALSE(format.AllowsSources("b"));
  format.NoBinary(":all:");
  EXPECT_FALSE(format.AllowsWheels("b"));
  EXPECT_TRUE(format.AllowsSources("b"));
  format.NoBinary(":none:");
  EXPECT_TRUE(format.AllowsWheels("a"));
  format.OnlyBinary("x,:all:,:none:,c");
  EXPECT_FALSE(format.AllowsSources("c"));
  EXPECT_TRUE(format.AllowsSources("x"));
}

TEST(RequirementsFileTest, HashesAndSettingsBelongToTheirRequirement) {
  const RequirementsFile file = Read(
      "flask==2.0 \\\n    --hash=sha256:ABC \\\n    --hash sha512:def\nother ; os_name == 'a' -C a=b "
      "--config-settings=c=d\n");
  ASSERT_EQ(file.requirements.size(), 2u);
  EXPECT_THAT(file.requirements[0].hashes, ElementsAre(FileHash{"sha256", "abc"}, FileHash{"sha512", "def"}));
  EXPECT_TRUE(file.requirements[1].requirement->marker.has_value());
  EXPECT_THAT(file.requirements[1].config_settings, ElementsAre("a=b", "c=d"));
}

TEST(RequirementsFileTest, AddressesPathsAndEditables) {
  const RequirementsFile file = Read(
      "-e .\n--editable=git+https://vcs.example/a@main#egg=a\n./local[x, y] ; os_name == "
      "'a'\n../other\n/abs/a-1.0.tar.gz\n"
      "b-1.0-py3-none-any.whl\nhttps://files.example/c-1.0.tar.gz#sha256=abc ; os_name == 'a'\n"
      "git+ssh://git@vcs.example/d.git\nd @ https://files.example/d.whl\ne @ file:///e;os_name == "
      "'a'\nfile:///f\nname[x]\n");
  std::vector<std::string> seen;
  for (const RequirementLine& line : file.requirements) {
    const char* kinds[] = {"named", "url", "path", "editable"};
    seen.push_back(fmt::format(
        "{} {}{}{}", kinds[static_cast<int>(line.kind)],
        line.requirement.has_value() ? line.requirement->name + line.requirement->url : line.location,
        line.extras.empty() ? "" : fmt::format(" +{}", line.extras.size()),
        line.marker.has_value() || (line.requirement.has_value() && line.requirement->marker.has_value())
            ? " marker"
            : ""));
  }
  EXPECT_THAT(seen, ElementsAre("editable .", "editable git+https://vcs.example/a@main#egg=a",
                                "path ./local +2 marker", "path ../other", "path /abs/a-1.0.tar.gz",
                                "path b-1.0-py3-none-any.whl",
                                "url https://files.example/c-1.0.tar.gz#sha256=abc marker",
                                "url git+ssh://git@vcs.example/d.git", "named dhttps://files.example/d.whl",
                                "named efile:///e marker", "url file:///f", "named name"));
}

TEST(RequirementsFileTest, VariablesAreThoseThatAreGiven) {
  const std::map<std::string, std::string, std::less<>> variables = {
      {"TOKEN", "secret"}, {"EMPTY", ""}, {"low", "x"}};
  const RequirementsFile file =
      Read("-i https://${TOKEN}@index.example/${UNKNOWN}/${EMPTY}/${low}/$TOKEN/${}/${TOKEN\n", variables);
  EXPECT_EQ(file.index_url, "https://secret@index.example/${UNKNOWN}/${EMPTY}/${low}/$TOKEN/${}/${TOKEN");
}

TEST(RequirementsFileTest, AnEmptyMarkerIsNone) {
  const RequirementsFile file = Read("name ;\nother==1 ; # comment\n");
  ASSERT_EQ(file.requirements.size(), 2u);
  EXPECT_FALSE(file.requirements[0].requirement->marker.has_value());
}

TEST(RequirementsFileTest, WithARequirementOtherOptionsDoNothing) {
  const RequirementsFile file = Read("flask -i https://index.example --no-binary flask\n");
  EXPECT_FALSE(file.index_url.has_value());
  EXPECT_FALSE(file.format.AllowsWheels("flask"));
}

TEST(RequirementsFileTest, AByteOrderMarkIsPassedOver) {
  EXPECT_EQ(Read("\xef\xbb\xbf"
                 "flask\n")
                .requirements.size(),
            1u);
  EXPECT_EQ(ErrorOf("\xff\xfe"
                    "f"),
            "dev.txt:1: the file is UTF-16, not UTF-8");
}

TEST(RequirementsFileTest, ErrorsNameTheLine) {
  const std::pair<const char*, const char*> cases[] = {
      {"a\n\nb==1.0 \\\n c\n",
       "dev.txt:3: column 9: expected ',' within the version specifier, ';' or the end after it, not 'c'"},
      {"--colour\n", "dev.txt:1: there is no option --colour in requirements files"},
      {"\n-x\n", "dev.txt:2: there is no option -x in requirements files"},
      {"--no-b\n", "dev.txt:1: option --no-binary needs a value"},
      {"--no\n", "dev.txt:1: option --no could be --no-index or --no-binary"},
      {"--pre=yes\n", "dev.txt:1: option --pre takes no value"},
      {"-r\n", "dev.txt:1: option --requirement needs a value"},
      {"-r 'a\n", "dev.txt:1: a quote that is not closed in the options"},
      {"a --hash=md5:abc\n", "dev.txt:1: hashes are sha256, sha384 or sha512, not 'md5'"},
      {"a --hash=abc\n", "dev.txt:1: 'abc' is not ALGORITHM:DIGEST"},
      {"a -C b\n", "dev.txt:1: 'b' is not KEY=VALUE"},
      {"a=1\n", "dev.txt:1: column 2: '=1' does not begin with ==, !=, ~=, <=, >=, <, > or ==="},
  };
  for (const auto& [text, message] : cases) EXPECT_EQ(ErrorOf(text), message) << text;
}

}  // namespace
}  // namespace crossmill::python
