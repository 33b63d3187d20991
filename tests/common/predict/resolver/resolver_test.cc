// Resolutions of small projects: rules one by one, limits, what is told of what is not known.
#include "common/predict/resolver/resolver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/predict/resolver/build_requirements.h"
#include "common/predict/resolver/core_metadata.h"
#include "tests/common/predict/resolver/memory_source.h"

namespace crossmill::predict {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Resolution Solve(MemorySource& source, const std::vector<std::string>& lines,
                 const ResolveRules& rules = {}) {
  auto resolution = Resolve(Roots(lines), rules, python::EnvironmentOf("3.11 x86_64 glibc 2.36"), source);
  EXPECT_OK(resolution);
  return resolution.ok() ? *std::move(resolution) : Resolution();
}

// "name version" of each, or what pip would say.
std::vector<std::string> Told(const Resolution& resolution) {
  if (!resolution.solved) return resolution.failure;
  std::vector<std::string> told;
  for (const ResolvedPackage& package : resolution.packages) {
    std::string line = package.name;
    if (!package.extras.empty()) line += fmt::format("[{}]", absl::StrJoin(package.extras, ","));
    line += " " + package.version;
    if (package.kind == ResolvedPackage::Kind::kPresent) line += " present";
    if (package.kind == ResolvedPackage::Kind::kDirect) line += " direct";
    told.push_back(line);
  }
  return told;
}

const ResolvedPackage& PackageOf(const Resolution& resolution, std::string_view name) {
  for (const ResolvedPackage& package : resolution.packages) {
    if (package.name == name) return package;
  }
  static const ResolvedPackage kNone;
  ADD_FAILURE() << name << " is not there";
  return kNone;
}

TEST(ResolverTest, OlderVersionsWhereTheNewestDoesNotFit) {
  MemorySource source;
  source.Add("a-2.0-py3-none-any.whl", {"c>=2"});
  source.Add("a-1.0-py3-none-any.whl", {"c"});
  source.Add("b-1.0-py3-none-any.whl", {"c<2"});
  source.Add("c-1.0-py3-none-any.whl");
  source.Add("c-2.0-py3-none-any.whl");
  const Resolution resolution = Solve(source, {"a", "b"});
  EXPECT_THAT(Told(resolution), ElementsAre("a 1.0", "b 1.0", "c 1.0"));
  const ResolvedPackage& c = PackageOf(resolution, "c");
  ASSERT_EQ(c.required_by.size(), 2);
  EXPECT_FALSE(c.requested);
  EXPECT_TRUE(PackageOf(resolution, "a").requested);
  EXPECT_THAT(c.doubts, IsEmpty());
}

TEST(ResolverTest, ExtrasAndMarkers) {
  MemorySource source;
  source.Add("a-1.0-py3-none-any.whl",
             {"b; extra == 'x'", "c; extra == 'Y_z'", "d; python_version < '3'", "e; sys_platform == 'linux'",
              "f; extra == 'x' and os_name == 'nt'"},
             {"x", "Y_z"});
  for (const char* name : {"b", "c", "d", "e", "f"}) source.Add(fmt::format("{}-1.0-py3-none-any.whl", name));
  EXPECT_THAT(Told(Solve(source, {"a"})), ElementsAre("a 1.0", "e 1.0"));
  EXPECT_THAT(Told(Solve(source, {"A[x]"})), ElementsAre("a[x] 1.0", "b 1.0", "e 1.0"));
  EXPECT_THAT(Told(Solve(source, {"a[y-z]", "a[x]==1.0"})),
              ElementsAre("a[x,y-z] 1.0", "b 1.0", "c 1.0", "e 1.0"));
  const Resolution unknown = Solve(source, {"a[no]"});
  EXPECT_THAT(Told(unknown), ElementsAre("a[no] 1.0", "e 1.0"));
  EXPECT_THAT(unknown.notes, ElementsAre("a 1.0 has no extra 'no'."));
  EXPECT_THAT(Told(Solve(source, {"b; os_name == 'nt'", "c"})), ElementsAre("c 1.0"));
}

TEST(ResolverTest, CirclesEnd) {
  MemorySource source;
  source.Add("a-1.0-py3-none-any.whl", {"b"});
  source.Add("b-1.0-py3-none-any.whl", {"c[x]"});
  source.Add("c-1.0-py3-none-any.whl", {"a", "c[y]; extra == 'x'", "c[x]; extra == 'y'"}, {"x", "y"});
  EXPECT_THAT(Told(Solve(source, {"a"})), ElementsAre("a 1.0", "b 1.0", "c[x,y] 1.0"));
}

TEST(ResolverTest, Constraints) {
  MemorySource source;
  for (const char* version : {"1.0", "2.0", "3.0"}) source.Add(fmt::format("a-{}-py3-none-any.whl", version));
  ResolveRules rules;
  rules.constraints = Roots({"a<3", "unused==1", "a!=2.0 ; os_name == 'posix'", "a<1 ; os_name == 'nt'"});
  EXPECT_THAT(Told(Solve(source, {"a"}, rules)), ElementsAre("a 1.0"));
  rules.constraints = Roots({"a[x]<3"});
  EXPECT_THAT(Told(Solve(source, {"a"}, rules)), ElementsAre("Constraints cannot have extras"));
}

TEST(ResolverTest, WhatIsThereStaysUnlessItIsUpgraded) {
  MemorySource source;
  for (const char* version : {"1.0", "2.0", "3.0"}) {
    source.Add(fmt::format("a-{}-py3-none-any.whl", version), {"b"});
    source.Add(fmt::format("b-{}-py3-none-any.whl", version));
  }
  ResolveRules rules;
  rules.present = {{"a", "2.0", "Name: a\nVersion: 2.0\nRequires-Dist: b\n"}, {"b", "1.0", ""}};
  EXPECT_THAT(Told(Solve(source, {"a"}, rules)), ElementsAre("a 2.0 present", "b 1.0 present"));
  EXPECT_THAT(Told(Solve(source, {"a>2"}, rules)), ElementsAre("a 3.0", "b 1.0 present"));
  rules.upgrade = Upgrade::kOnlyIfNeeded;
  EXPECT_THAT(Told(Solve(source, {"a"}, rules)), ElementsAre("a 3.0", "b 1.0 present"));
  EXPECT_THAT(Told(Solve(source, {"a<=2"}, rules)), ElementsAre("a 2.0 present", "b 1.0 present"));
  rules.upgrade = Upgrade::kEager;
  EXPECT_THAT(Told(Solve(source, {"a"}, rules)), ElementsAre("a 3.0", "b 3.0"));
  rules.force_reinstall = true;
  EXPECT_THAT(Told(Solve(source, {"a<=2"}, rules)), ElementsAre("a 2.0", "b 3.0"));
  // Newer than all that the index has.
  rules.force_reinstall = false;
  rules.present = {{"a", "9.0", ""}};
  EXPECT_THAT(Told(Solve(source, {"a"}, rules)), ElementsAre("a 9.0 present"));
}

TEST(ResolverTest, SourcesWhoseRequirementsNobodyKnows) {
  MemorySource source;
  source.Add("a-1.0.tar.gz", {"c"});
  source.AddUnknown("b-1.0.tar.gz");
  source.Add("c-1.0-py3-none-any.whl");
  source.Add("d-1.0-py3-none-any.whl");
  // 2.2 says what is static.
  Resolution resolution = Solve(source, {"a", "d"});
  EXPECT_THAT(Told(resolution), ElementsAre("a 1.0", "c 1.0", "d 1.0"));
  EXPECT_FALSE(PackageOf(resolution, "a").dependencies_unknown);
  EXPECT_EQ(PackageOf(resolution, "a").choice.kind, python::Choice::Kind::kSource);
  EXPECT_FALSE(PackageOf(resolution, "a").choice.reasons.empty());
  resolution = Solve(source, {"b", "c", "d==1.0"});
  EXPECT_TRUE(PackageOf(resolution, "b").dependencies_unknown);
  EXPECT_THAT(PackageOf(resolution, "b").doubts, IsEmpty());
  EXPECT_THAT(
      PackageOf(resolution, "c").doubts,
      ElementsAre("What b 1.0 requires is known only once it is built; it may ask for another version."));
  EXPECT_THAT(PackageOf(resolution, "d").doubts, IsEmpty());
  for (const char* text :
       {"Metadata-Version: 2.1\nName: a\nVersion: 1.0\nRequires-Dist: c\n",
        "Metadata-Version: 2.2\nName: a\nVersion: 1.0\nDynamic: requires-dist\n", "Name: a\nVersion: 1\n"}) {
    source.SetMetadata("a-1.0.tar.gz", text);
    EXPECT_TRUE(PackageOf(Solve(source, {"a"}), "a").dependencies_unknown) << text;
  }
}

TEST(ResolverTest, AddressesAndPaths) {
  MemorySource source;
  source.Add("b-1.0-py3-none-any.whl");
  source.Add("b-2.0-py3-none-any.whl");
  source.SetDirect("https://files.example/a-1.5-py3-none-any.whl",
                   {"Metadata-Version: 2.1\nName: a\nVersion: 1.5\nRequires-Dist: b<2\n", true});
  EXPECT_THAT(Told(Solve(source, {"a @ https://files.example/a-1.5-py3-none-any.whl"})),
              ElementsAre("a 1.5 direct", "b 1.0"));
  EXPECT_THAT(Told(Solve(source, {"https://files.example/a-1.5-py3-none-any.whl", "b"})),
              ElementsAre("a 1.5 direct", "b 1.0"));
  EXPECT_THAT(Told(Solve(source, {"https://files.example/c-1.5-cp39-cp39-win32.whl"})),
              ElementsAre("c-1.5-cp39-cp39-win32.whl is not a supported wheel on this platform."));
  const Resolution vcs = Solve(source, {"-e git+https://vcs.example/x#egg=x", "./lib", "b"});
  EXPECT_THAT(Told(vcs), ElementsAre("  direct", "b 2.0", "x  direct"));
  EXPECT_EQ(vcs.packages[0].location, "./lib");
  EXPECT_TRUE(vcs.packages[2].editable);
  EXPECT_TRUE(vcs.packages[2].dependencies_unknown);
  // A version of the same from the index and from an address.
  EXPECT_THAT(
      Told(Solve(source, {"a @ https://files.example/a-1.5-py3-none-any.whl", "a>2"})),
      ElementsAre(
          "Cannot install a 1.5 (from https://files.example/a-1.5-py3-none-any.whl) and a>2 because "
          "these package versions have conflicting dependencies.",
          "The conflict is caused by:",
          "    The user requested a 1.5 (from https://files.example/a-1.5-py3-none-any.whl)",
          "    The user requested a>2",
          "Additionally, some packages in these conflicts have no matching distributions available for "
          "your environment:",
          "    a"));
}

TEST(ResolverTest, Hashes) {
  MemorySource source;
  source.AddPage(
      "a", {{"a-1.0-py3-none-any.whl", "", "", "", "aa"}, {"a-2.0-py3-none-any.whl", "", "", "", "bb"}});
  source.SetMetadata("a-1.0-py3-none-any.whl", "Name: a\nVersion: 1.0\n");
  source.SetMetadata("a-2.0-py3-none-any.whl", "Name: a\nVersion: 2.0\nRequires-Dist: b\n");
  source.Add("b-1.0-py3-none-any.whl");
  EXPECT_THAT(Told(Solve(source, {"a==1.0 --hash=sha256:aa"})), ElementsAre("a 1.0"));
  EXPECT_THAT(
      Told(Solve(source, {"a==1.0 --hash=sha256:cc"})),
      ElementsAre("THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", "    a==1.0"));
  EXPECT_THAT(
      Told(Solve(source, {"a==2.0 --hash=sha256:bb"})),
      ElementsAre(
          "In --require-hashes mode, all requirements must have their versions pinned with ==. These do "
          "not:",
          "    b (from a)"));
  EXPECT_THAT(Told(Solve(source, {"a --hash=sha256:aa"})).front(), HasSubstr("pinned with =="));
  ResolveRules rules;
  rules.require_hashes = true;
  EXPECT_THAT(Told(Solve(source, {"a==1.0"}, rules)).front(), HasSubstr("Hashes are required"));
}

TEST(ResolverTest, NoneThatFitsSaysWhyAndWhatHelps) {
  MemorySource source;
  source.AddPage("a", {{"a-1.0-cp311-cp311-manylinux_2_39_x86_64.whl", "", "", "", ""}});
  const Resolution resolution = Solve(source, {"a"});
  EXPECT_THAT(Told(resolution),
              ElementsAre("Could not find a version that satisfies the requirement a (from versions: none)",
                          "No matching distribution found for a"));
  EXPECT_EQ(resolution.failed_project, "a");
  ASSERT_FALSE(resolution.failed_choice.reasons.empty());
  EXPECT_EQ(resolution.failed_choice.reasons[0].kind, python::ReasonKind::kNewerGlibc);
  EXPECT_THAT(resolution.failed_choice.help.sentences, testing::Not(IsEmpty()));
  EXPECT_EQ(Resolve(Roots({"unreachable"}), {}, python::EnvironmentOf("3.11 x86_64 glibc 2.36"), source)
                .status()
                .code(),
            absl::StatusCode::kUnavailable);
}

TEST(ResolverTest, WrongMetadataIsPassedOver) {
  MemorySource source;
  for (const char* version : {"1.0", "2.0", "3.0", "4.0"})
    source.Add(fmt::format("a-{}-py3-none-any.whl", version));
  source.SetMetadata("a-4.0-py3-none-any.whl", "Name: a\nVersion: 4.0\nRequires-Dist: b >>= 1\n");
  source.SetMetadata("a-3.0-py3-none-any.whl", "Name: other\nVersion: 3.0\n");
  source.SetMetadata("a-2.0-py3-none-any.whl", "Name: A\nVersion: 2.0.0\nRequires-Python: >=3.12\n");
  const Resolution resolution = Solve(source, {"a"});
  EXPECT_THAT(Told(resolution), ElementsAre("a 1.0"));
  EXPECT_EQ(resolution.notes.size(), 2);
  EXPECT_THAT(Told(Solve(source, {"a==2.0"})),
              ElementsAre("Package 'a' requires a different Python: 3.11.5 not in '>=3.12'"));
  ResolveRules rules;
  rules.ignore_requires_python = true;
  EXPECT_THAT(Told(Solve(source, {"a"}, rules)), ElementsAre("a 2.0"));
}

TEST(ResolverTest, LimitsAreNamed) {
  MemorySource source;
  // Each version of a asks for another of b, each of these for one of a that is not there.
  for (int i = 1; i <= 60; ++i) {
    source.Add(fmt::format("a-{}.0-py3-none-any.whl", i), {fmt::format("b=={}", i)});
    source.Add(fmt::format("b-{}.0-py3-none-any.whl", i), {fmt::format("c=={}", i)});
    source.Add(fmt::format("c-{}.0-py3-none-any.whl", i), {fmt::format("a=={}", i + 1)});
  }
  EXPECT_FALSE(Solve(source, {"a", "b", "c"}).solved);
  ResolveRules rules;
  const auto environment = python::EnvironmentOf("3.11 x86_64 glibc 2.36");
  rules.most_rounds = 10;
  EXPECT_EQ(Resolve(Roots({"a", "b", "c"}), rules, environment, source).status().code(),
            absl::StatusCode::kResourceExhausted);
  rules.most_rounds = 1000;
  rules.most_metadata = 20;
  EXPECT_EQ(Resolve(Roots({"a", "b", "c"}), rules, environment, source).status().code(),
            absl::StatusCode::kResourceExhausted);
  rules.most_metadata = 1000;
  rules.most_packages = 2;
  EXPECT_EQ(Resolve(Roots({"a", "b", "c"}), rules, environment, source).status().code(),
            absl::StatusCode::kResourceExhausted);
}

TEST(ResolverTest, WorkIsBounded) {
  MemorySource source;
  // Each of many versions of each of many packages refuses all of the others.
  std::vector<std::string> roots;
  for (int i = 0; i < 40; ++i) {
    std::vector<std::vector<std::string>> rows;
    for (int v = 0; v < 2000; ++v) {
      rows.push_back({fmt::format("p{}-{}.0-py3-none-any.whl", i, v), "", "", "", ""});
      source.SetMetadata(rows.back()[0], fmt::format("Name: p{}\nVersion: {}.0\nRequires-Dist: p{}=={}\n", i,
                                                     v, (i + 1) % 40, (v * 7 + i) % 2000));
    }
    source.AddPage(fmt::format("p{}", i), rows);
    roots.push_back(fmt::format("p{}", i));
  }
  ResolveRules rules;
  rules.most_metadata = 1'000'000;
  rules.most_work = 3'000'000;
  EXPECT_EQ(
      Resolve(Roots(roots), rules, python::EnvironmentOf("3.11 x86_64 glibc 2.36"), source).status().code(),
      absl::StatusCode::kResourceExhausted);
}

std::vector<std::string> BuildsTold(MemorySource& source, const std::vector<std::string>& lines) {
  const Resolution resolution = Solve(source, lines);
  const auto builds = ResolveBuilds(resolution, {}, python::EnvironmentOf("3.11 x86_64 glibc 2.36"), source);
  EXPECT_OK(builds);
  std::vector<std::string> told;
  for (const BuildPackage& build : builds->packages)
    told.push_back(fmt::format("{} {} for {}", build.package.name, build.package.version, build.needed_by));
  told.insert(told.end(), builds->notes.begin(), builds->notes.end());
  return told;
}

TEST(ResolverTest, WhatSourcesNeedToBeBuilt) {
  MemorySource source;
  source.Add("a-1.0.tar.gz");
  source.Add("b-1.0.tar.gz");
  source.Add("setuptools-70.0-py3-none-any.whl");
  source.Add("cython-3.0.tar.gz");
  source.SetBuild("a-1.0.tar.gz",
                  {"setuptools>=61", "cython; python_version >= '3'", "win; os_name == 'nt'"});
  source.SetBuild("cython-3.0.tar.gz", {"setuptools"});
  EXPECT_THAT(BuildsTold(source, {"a"}), ElementsAre("cython 3.0 for a 1.0", "setuptools 70.0 for a 1.0",
                                                     "setuptools 70.0 for cython 3.0"));
  EXPECT_THAT(BuildsTold(source, {"b"}), ElementsAre("What building b 1.0 needs is not known."));
  source.SetBuild("b-1.0.tar.gz", {"none"});
  EXPECT_THAT(
      BuildsTold(source, {"b"}),
      ElementsAre("What building b 1.0 needs cannot be had: Could not find a version that satisfies the "
                  "requirement none (from versions: none)."));
  source.SetBuild("b-1.0.tar.gz", {"b"});
  EXPECT_THAT(BuildsTold(source, {"b"}), ElementsAre("b 1.0 for b 1.0"));
}

TEST(ResolverTest, AThousandPackages) {
  MemorySource source;
  for (int i = 0; i < 1000; ++i)
    source.Add(fmt::format("p{}-1.0-py3-none-any.whl", i),
               {fmt::format("p{}", (i + 1) % 1000), fmt::format("p{}", i / 2)});
  EXPECT_EQ(Solve(source, {"p0"}).packages.size(), 1000);
}

TEST(CoreMetadataTest, Fields) {
  const auto metadata = ReadCoreMetadata(
      "Metadata-Version: 2.1\r\nNAME: a_B\nVersion: 1\nRequires-Dist: b\n  >=1\nProvides-Extra: X_y\n"
      "Requires-Python: >=3.8\nnothing\n\nRequires-Dist: c\n");
  ASSERT_OK(metadata);
  EXPECT_EQ(metadata->name, "a_B");
  ASSERT_EQ(metadata->requirements.size(), 1);
  EXPECT_EQ(metadata->requirements[0].specifier.Text(), ">=1");
  EXPECT_THAT(metadata->extras, ElementsAre("x-y"));
  EXPECT_EQ(metadata->requires_python->Text(), ">=3.8");
  EXPECT_FALSE(metadata->DependenciesAreStatic());
  std::string many = "Name: a\n";
  for (int i = 0; i < 10'001; ++i) many += "Requires-Dist: b\n";
  EXPECT_EQ(ReadCoreMetadata(many).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ReadCoreMetadata(std::string(2 << 20, 'a')).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_OK(ReadCoreMetadata("Name: a\n\n" + std::string(2 << 20, 'a')));
}

}  // namespace
}  // namespace crossmill::predict
